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
import java.util.Map;

/** Writes the answers of one connection of HTTP/1, one after the other. Used on its event loop. */
final class Http1Answers {
  private final Channel channel;
  private boolean flushing;
  private long written;

  Http1Answers(Channel channel) {
    this.channel = channel;
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
      response.headers().setInt("Content-Length", body.length);
    }
    written = head ? 0 : body.length;
    send(response);
    channel.flush();
  }

  /**
   * Begins an answer of unknown length.
   *
   * @param last whether no other follows on this connection
   */
  void begin(Exchange exchange, int status, Map<String, String> headers, boolean last) {
    HttpResponse response =
        new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status));
    // HTTP/1.0 does not know chunks: there the end of the connection is the end of the answer.
    if (!exchange.request().protocolVersion().equals(HttpVersion.HTTP_1_0)) {
      response.headers().set("Transfer-Encoding", "chunked");
    }
    setHeaders(response, headers, last);
    written = 0;
    send(response);
  }

  void part(byte[] part) {
    written += part.length;
    send(new DefaultHttpContent(Unpooled.wrappedBuffer(part)));
    if (!flushing) {
      flushing = true;
      channel.eventLoop().execute(this::flush);
    }
  }

  /** Once for all parts that came together. */
  private void flush() {
    flushing = false;
    channel.flush();
  }

  void end() {
    send(LastHttpContent.EMPTY_LAST_CONTENT);
    channel.flush();
  }

  /** What becomes of it shows in the connection itself: it closes when a write fails. */
  private void send(Object part) {
    var _ = channel.write(part);
  }

  private static void setHeaders(HttpResponse response, Map<String, String> headers, boolean last) {
    response.headers().set("Date", HttpDate.now());
    headers.forEach((name, value) -> response.headers().set(name, value));
    if (last) {
      response.headers().set("Connection", "close");
    }
  }
}
