package dev.weft.edge;

import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpUtil;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which headers go on to a service that speaks HTTP, and which of its answers become the edge's.
 *
 * <p>A request's go on but for those that say something of one connection only, claim an identity
 * or another address, would change path or method behind the edge, or are the edge's to say. Of an
 * answer's only what is named here passes, as for services with a contract. Cookies pass neither
 * way: all mounts are one origin to a browser, and each would get those of all others.
 */
final class ProxyHeaders {
  /** How messages are framed and connections kept, which is said anew on each. */
  private static final Set<String> FRAMES =
      Set.of(
          "connection",
          "content-length",
          "expect",
          "host",
          "http2-settings",
          "keep-alive",
          "proxy-connection",
          "te",
          "trailer",
          "transfer-encoding",
          "upgrade");

  private static final Set<String> NOT_PASSED =
      Set.of("authorization", "baggage", "cookie", "forwarded", "traceparent", "tracestate");

  /** Some frameworks believe them more than the request line. */
  private static final Set<String> NOT_PASSED_PREFIXES =
      Set.of("x-http-method", "x-method-override", "x-original-", "x-rewrite-");

  private static final Set<String> ANSWERED =
      Set.of(
          "accept-ranges",
          "age",
          "allow",
          "cache-control",
          "content-disposition",
          "content-encoding",
          "content-range",
          "content-security-policy",
          "content-type",
          "expires",
          "www-authenticate");

  private ProxyHeaders() {}

  /** Whether a header is no one's to set but who sends the message. */
  static boolean framesMessages(String name) {
    return FRAMES.contains(name.toLowerCase(Locale.ROOT));
  }

  /**
   * What goes on of a request, but for {@code Host}.
   *
   * @param client the address of whose request it is
   * @param token to be passed on
   */
  static HttpHeaders request(
      Exchange exchange, Mount mount, String client, Optional<String> token) {
    HttpHeaders from = exchange.request().headers();
    HttpHeaders to = new DefaultHttpHeaders();
    Set<String> hopByHop = MetadataRules.namedByConnection(from);
    for (Map.Entry<String, String> header : from) {
      String name = header.getKey().toLowerCase(Locale.ROOT);
      if (!hopByHop.contains(name) && passes(name.replace('_', '-'))) {
        to.add(name, header.getValue());
      }
    }
    exchange.observation().tell(to);
    to.set("x-request-id", exchange.observation().requestId());
    to.set("x-forwarded-for", MetadataRules.forwardedFor(from, exchange.peer()));
    to.set("x-forwarded-proto", exchange.observation().scheme());
    Optional.ofNullable(from.get("host")).ifPresent(host -> to.set("x-forwarded-host", host));
    if (!mount.prefix().isEmpty()) {
      to.set("x-forwarded-prefix", mount.outsidePrefix());
    }
    to.set("x-client-ip", client);
    to.set("x-gateway-timestamp", Rfc3339.now());
    to.set("via", "1.1 weft");
    token.ifPresent(value -> to.set("authorization", "Bearer " + value));
    mount.changeRequest(to);
    if (HttpUtil.isTransferEncodingChunked(exchange.request())) {
      to.set("transfer-encoding", "chunked");
    } else if (from.contains("content-length")) {
      to.set("content-length", exchange.body().length());
    }
    return to.set("connection", "close");
  }

  private static boolean passes(String name) {
    return !FRAMES.contains(name)
        && !NOT_PASSED.contains(name)
        && !MetadataRules.isClaim(name)
        && NOT_PASSED_PREFIXES.stream().noneMatch(name::startsWith);
  }

  /**
   * What an answer has.
   *
   * @param host that the service was asked as
   */
  static Map<String, String> answer(HttpResponse response, Mount mount, String host) {
    HttpHeaders from = response.headers();
    Map<String, String> headers = new LinkedHashMap<>();
    for (String name : from.names()) {
      String lower = name.toLowerCase(Locale.ROOT);
      String value = String.join(", ", from.getAll(name));
      if ((ANSWERED.contains(lower) || MetadataRules.isAnswered(lower))
          && MetadataRules.isPrintable(value)) {
        headers.put(lower, value);
      }
    }
    if (!(mount.access() instanceof Access.Public)) {
      // Who may see it is decided here, and nobody between here and the client may decide again.
      headers.computeIfPresent(
          "cache-control", (_, value) -> value.contains("private") ? value : null);
      headers.remove("expires");
    }
    List<String> locations = from.getAll("location");
    if (locations.size() == 1 && MetadataRules.isPrintable(locations.getFirst())) {
      headers.put("Location", location(locations.getFirst(), host));
    }
    long length = HttpUtil.getContentLength(response, -1L);
    if (length >= 0 && !HttpUtil.isTransferEncodingChunked(response)) {
      headers.put("Content-Length", Long.toString(length));
    }
    return headers;
  }

  /** A place in the service as a path of it, which the mount makes one of its own. */
  private static String location(String said, String host) {
    String own = "http://" + host;
    return said.startsWith(own + "/") ? said.substring(own.length()) : said;
  }
}
