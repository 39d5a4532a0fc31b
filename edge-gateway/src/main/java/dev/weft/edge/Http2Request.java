package dev.weft.edge;

import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http2.Http2Headers;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A request of HTTP/2 in the form that one of HTTP/1.1 has, so that whatever comes next is the
 * same. What the frames do not say plainly is refused: nobody behind may read it another way.
 */
final class Http2Request {
  /** Which say something of a connection of HTTP/1, and nothing here (RFC 9113, 8.2.2). */
  private static final Set<String> OF_HTTP_1 =
      Set.of("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade");

  private Http2Request() {}

  /**
   * The request.
   *
   * @param whole whether no body follows
   * @throws IllegalArgumentException if it is malformed
   */
  static HttpRequest of(Http2Headers head, boolean whole) {
    String method = one(head, ":method");
    // What wants a connection to somewhere else has neither; it is refused as any server would.
    boolean connect = method.equals("CONNECT");
    String path = connect ? "/" : one(head, ":path");
    if (path.isEmpty() || (!connect && one(head, ":scheme").isEmpty())) {
      throw new IllegalArgumentException("an empty pseudo-header");
    }
    HttpHeaders headers = new DefaultHttpHeaders();
    for (Map.Entry<CharSequence, CharSequence> field : head) {
      String name = field.getKey().toString();
      String value = field.getValue().toString();
      if (name.startsWith(":")) {
        continue;
      }
      if (OF_HTTP_1.contains(name) || (name.equals("te") && !value.equals("trailers"))) {
        throw new IllegalArgumentException(name);
      }
      headers.add(name, value);
    }
    host(head, headers);
    if (!whole && !headers.contains("content-length")) {
      headers.set("transfer-encoding", "chunked");
    }
    return new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.valueOf(method), path, headers);
  }

  /** Two names for one thing must be one name. */
  private static void host(Http2Headers head, HttpHeaders headers) {
    CharSequence authority = head.authority();
    List<String> hosts = headers.getAll("host");
    if (authority == null) {
      return;
    }
    String host = authority.toString();
    if (!hosts.isEmpty() && !hosts.equals(List.of(host))) {
      throw new IllegalArgumentException("host and :authority differ");
    }
    headers.set("host", host);
  }

  private static String one(Http2Headers head, String name) {
    Iterator<CharSequence> values = head.valueIterator(name);
    if (!values.hasNext()) {
      throw new IllegalArgumentException("no " + name);
    }
    String value = values.next().toString();
    if (values.hasNext()) {
      throw new IllegalArgumentException("two of " + name);
    }
    return value;
  }
}
