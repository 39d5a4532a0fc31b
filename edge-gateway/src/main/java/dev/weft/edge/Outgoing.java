package dev.weft.edge;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The parts of an answer on their way out: small ones that come together leave as one. Used on the
 * channel's event loop.
 */
final class Outgoing {
  /** A part as large as this gains nothing by being copied beside others. */
  private static final int TOGETHER_MAX = 16 * 1024;

  private final Channel channel;
  private final Function<ByteBuf, Object> frame;
  private @Nullable ByteBuf together;
  private boolean flushing;

  /**
   * @param frame what the channel takes for bytes of a body
   */
  Outgoing(Channel channel, Function<ByteBuf, Object> frame) {
    this.channel = channel;
    this.frame = frame;
  }

  /** Sends a part, with those that follow before the event loop looks for other work. */
  void part(byte[] part) {
    if (part.length >= TOGETHER_MAX) {
      write();
      send(Unpooled.wrappedBuffer(part));
    } else {
      if (together == null) {
        together = channel.alloc().buffer(part.length);
      }
      together.writeBytes(part);
      if (together.readableBytes() >= TOGETHER_MAX) {
        write();
      }
    }
    flushSoon();
  }

  /** Writes what was kept back: something else follows. */
  void write() {
    ByteBuf bytes = together;
    if (bytes != null) {
      together = null;
      send(bytes);
    }
  }

  /** Flushes once for all that comes together. */
  void flushSoon() {
    if (!flushing) {
      flushing = true;
      channel.eventLoop().execute(this::flush);
    }
  }

  private void flush() {
    flushing = false;
    write();
    channel.flush();
  }

  /** What becomes of it shows in the channel itself: it closes when a write fails. */
  private void send(ByteBuf bytes) {
    var _ = channel.write(frame.apply(bytes));
  }
}
