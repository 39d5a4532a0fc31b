package dev.weft.edge;

import io.netty.channel.Channel;
import io.netty.util.ReferenceCountUtil;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * What was read of a connection and is not worked on yet: parts of requests, and problems with
 * reading more. While something waits here nothing more is read, so it holds what came in one
 * packet at most. Used on the connection's event loop.
 */
final class Inbox {
  private final Deque<Object> messages = new ArrayDeque<>();
  private final Channel channel;
  private final Duration within;
  private final DeadlineTimer waiting;
  private boolean paused;
  private boolean bodyPaused;

  /**
   * @param within how long what is here may wait
   * @param late called when it has waited longer
   */
  Inbox(Channel channel, Duration within, Runnable late) {
    this.channel = channel;
    this.within = within;
    this.waiting = new DeadlineTimer(channel.eventLoop(), late);
  }

  void add(Object message) {
    messages.add(message);
  }

  boolean isEmpty() {
    return messages.isEmpty();
  }

  @Nullable Object peek() {
    return messages.peek();
  }

  void remove() {
    var _ = messages.remove();
  }

  void forget() {
    messages.forEach(ReferenceCountUtil::release);
    messages.clear();
  }

  /** Has nothing more read until {@link #resume}: it would pile up. */
  void pause() {
    paused = true;
    channel.config().setAutoRead(false);
    waiting.set(within);
  }

  void resume() {
    if (paused) {
      paused = false;
      waiting.clear();
      channel.config().setAutoRead(!bodyPaused);
    }
  }

  /** Has nothing more read for the sake of who reads a body, or goes on. */
  void pauseBody(boolean pause) {
    bodyPaused = pause;
    channel.config().setAutoRead(!paused && !bodyPaused);
  }

  void close() {
    waiting.close();
    forget();
  }
}
