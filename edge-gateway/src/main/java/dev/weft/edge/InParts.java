package dev.weft.edge;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A long body on its way to one client, in parts: the next goes out when the client has taken those
 * before. Who reads slowly, or not at all, so holds a part or two, however long the body is. Used
 * on the event loop of its exchange.
 */
final class InParts {
  static final int PART_BYTES = 64 * 1024;

  private final Exchange exchange;
  private final byte[] body;
  private int sent;

  private InParts(Exchange exchange, byte[] body) {
    this.exchange = exchange;
    this.body = body;
  }

  /**
   * Gives this answer, whose body must not change any more and may go to others at the same time.
   */
  static void answer(Exchange exchange, Answer whole) {
    if (whole.body().length <= PART_BYTES || exchange.isHead()) {
      exchange.answer(whole);
      return;
    }
    Map<String, String> headers = new LinkedHashMap<>(whole.headers());
    headers.put("Content-Type", whole.contentType());
    headers.put("Content-Length", Integer.toString(whole.body().length));
    InParts parts = new InParts(exchange, whole.body());
    exchange.onWritable(parts::send);
    // Said as a header alone, so that nothing on the way makes another body of it.
    exchange.beginStream(Answer.empty(whole.status(), headers));
    parts.send();
  }

  private void send() {
    while (!exchange.over() && exchange.writable()) {
      int end = Math.min(body.length, sent + PART_BYTES);
      exchange.write(Arrays.copyOfRange(body, sent, end));
      sent = end;
      if (sent == body.length) {
        exchange.endStream();
      }
    }
  }
}
