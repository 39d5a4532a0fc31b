package dev.weft.edge;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.AsciiString;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Writes the answers of one connection of HTTP/1, one after the other. Used on its event loop. */
final class Http1Answers {
  /** Names that nearly every answer has, in the form in which they are sent. */
  private static final Map<String, CharSequence> USUAL =
      Stream.of(
              "Cache-Control",
              "Content-Security-Policy",
              "Content-Type",
              "RateLimit",
              "RateLimit-Policy",
              "Strict-Transport-Security",
              "X-Content-Type-Options",
              "X-Request-Id",
              "X-Response-Time")
          .collect(Collectors.toUnmodifiableMap(name -> name, AsciiString::cached));

  private static final AsciiString DATE = AsciiString.cached("Date");
  private static final AsciiString CONTENT_LENGTH = AsciiString.cached("Content-Length");

  private final Channel channel;
  private final Outgoing parts;
  private long written;

  Http1Answers(Channel channel) {
    this.channel = channel;
    this.parts = new Outgoing(channel, DefaultHttpContent::new);
  }

  /** Bytes of the body of the answer that was begun last. */
  long written() {
    return written;
  }

  /** Says that the body of the request is wanted. */
  void sendContinue() {
    send(
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
    channel.flush();
  }

  /**
   * Writes a whole answer.
   *
   * @param last whether no other follows on this connection
   */
  void whole(
      Exchange exchange, int status, Map<String, String> headers, byte[] body, boolean last) {
    boolean head = exchange.isHead();
    DefaultFullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(status),
            head ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(body));
    setHeaders(response, headers, last);
    // The head of an answer whose length nobody knows says nothing of it.
    if (status != 204 && status != 304 && !(head && body.length == 0)) {
      response.headers().setInt(CONTENT_LENGTH, body.length);
    }
    written = head ? 0 : body.length;
    send(response);
    channel.flush();
  }

  /**
   * Begins an answer that comes in parts; of unknown length, unless its headers say it.
   *
   * @param last whether no other follows on this connection
   */
  void begin(Exchange exchange, int status, Map<String, String> headers, boolean last) {
    HttpResponse response =
        new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status));
    // HTTP/1.0 does not know chunks: there the end of the connection is the end of the answer.
    if (!exchange.request().protocolVersion().equals(HttpVersion.HTTP_1_0)
        && !headers.containsKey("Content-Length")) {
      response.headers().set("Transfer-Encoding", "chunked");
    }
    setHeaders(response, headers, last);
    written = 0;
    send(response);
  }

  void part(byte[] part) {
    written += part.length;
    parts.part(part);
  }

  void end() {
    parts.write();
    send(LastHttpContent.EMPTY_LAST_CONTENT);
    channel.flush();
  }

  /** What becomes of it shows in the connection itself: it closes when a write fails. */
  private void send(Object part) {
    var _ = channel.write(part);
  }

  private static void setHeaders(HttpResponse response, Map<String, String> headers, boolean last) {
    response.headers().set(DATE, HttpDate.now());
    headers.forEach((name, value) -> response.headers().set(USUAL.getOrDefault(name, name), value));
    if (last) {
      response.headers().set("Connection", "close");
    }
  }
}
