package dev.weft.edge;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpUtil;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The body of one request: handed over whole, or in parts as it comes, or read past because nobody
 * wants it. Used on the connection's event loop only.
 */
final class Body {
  /** What nobody wants is read to its end up to here, so that the connection can be kept. */
  private static final int DISCARD_MAX = 64 * 1024;

  private static final byte[] NOTHING = {};

  /** Who takes a body as it comes. */
  interface Parts {
    void part(ByteBuf part);

    /** The body is complete. */
    void end();

    /** Whether what was taken is passed on at once, and not kept until the end. */
    boolean passesOn();
  }

  private final Exchange exchange;
  private final Carrier connection;
  private @Nullable Consumer<byte[]> whole;
  private @Nullable Parts parts;
  private @Nullable ByteArrayOutputStream kept;
  private boolean held;
  private boolean ended;
  private int max;
  private int discarded;

  Body(Exchange exchange, Carrier connection) {
    this.exchange = exchange;
    this.connection = connection;
  }

  /** Whether the request says that it has a body. */
  boolean announced() {
    return HttpUtil.isTransferEncodingChunked(exchange.request()) || length() > 0;
  }

  /** As announced; 0 when nothing is. */
  long length() {
    return HttpUtil.getContentLength(exchange.request(), 0L);
  }

  /** A body that is kept until its end may have so many bytes. */
  void atMost(int bytes) {
    max = bytes;
  }

  /** Has it read, and handed over when it is complete; one that is too long is refused. */
  void read(Consumer<byte[]> complete) {
    whole = complete;
    if (ended) {
      handOver();
      return;
    }
    sendContinue();
    connection.expectBody(max);
  }

  /** Has no more of it read than is on its way, until somebody takes it in parts. */
  void hold() {
    held = true;
    connection.pauseBody(true);
  }

  /** Has it read, and handed over as it comes. One that is held is let come. */
  void readParts(Parts to) {
    parts = to;
    sendContinue();
    byte[] there = taken();
    if (there.length > 0) {
      to.part(Unpooled.wrappedBuffer(there));
    }
    pause(false);
    if (ended) {
      parts = null;
      if (!exchange.over()) {
        to.end();
      }
    } else if (to.passesOn()) {
      connection.expectNoBody();
    } else if (!exchange.over()) {
      connection.expectBody(max);
    }
  }

  private void sendContinue() {
    if (!ended && HttpUtil.is100ContinueExpected(exchange.request())) {
      connection.sendContinue();
    }
  }

  /** Has no more of it read, or goes on. */
  void pause(boolean paused) {
    if (held != paused && !(paused && ended)) {
      held = paused;
      connection.pauseBody(paused);
    }
  }

  /** Whether what comes of it takes room until it is complete. */
  boolean isKept() {
    return !exchange.over() && (parts == null || !parts.passesOn());
  }

  /** Nobody wants it any more. */
  void forget() {
    whole = null;
    kept = null;
  }

  /** Called by the connection. */
  void content(ByteBuf content) {
    int length = content.readableBytes();
    if (parts != null && !exchange.over()) {
      if (length > 0) {
        parts.part(content);
      }
    } else if (exchange.begun()) {
      discarded += length;
      if (discarded > DISCARD_MAX) {
        connection.closeAfterThis();
      }
    } else if (!held && (kept == null ? 0 : kept.size()) + length > max) {
      connection.closeAfterThis();
      exchange.refuse(Problems.bodyTooLong(max));
    } else if (length > 0) {
      keep(content, length);
    }
  }

  private void keep(ByteBuf content, int length) {
    if (kept == null) {
      kept = new ByteArrayOutputStream(length);
    }
    try {
      content.readBytes(kept, length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Called by the connection. */
  void end() {
    ended = true;
    Parts to = parts;
    parts = null;
    if (to != null && !exchange.over()) {
      to.end();
    } else if (exchange.begun()) {
      exchange.doneIfBoth();
    } else if (whole != null) {
      handOver();
    }
  }

  boolean ended() {
    return ended;
  }

  private void handOver() {
    Consumer<byte[]> to = whole;
    whole = null;
    byte[] bytes = taken();
    if (to != null) {
      to.accept(bytes);
    }
  }

  private byte[] taken() {
    byte[] bytes = kept == null ? NOTHING : kept.toByteArray();
    kept = null;
    return bytes;
  }
}
