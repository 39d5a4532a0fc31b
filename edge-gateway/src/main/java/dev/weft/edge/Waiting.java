package dev.weft.edge;

import io.netty.channel.Channel;
import io.netty.util.Attribute;
import io.netty.util.AttributeKey;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Since when a connection has had nothing to answer. Written on its event loop, read by any thread.
 */
final class Waiting {
  private static final AttributeKey<Waiting> KEY = AttributeKey.valueOf(Waiting.class, "since");
  private static final long BUSY = 0;

  /** By {@link System#nanoTime()}, and never {@link #BUSY}. */
  private volatile long since = now();

  private final AtomicBoolean leaving = new AtomicBoolean();

  /** That of a connection; of one that is asked for the first time, it begins now. */
  static Waiting of(Channel connection) {
    Attribute<Waiting> at = connection.attr(KEY);
    Waiting there = at.get();
    if (there != null) {
      return there;
    }
    Waiting first = new Waiting();
    Waiting before = at.setIfAbsent(first);
    return before == null ? first : before;
  }

  /** Chooses it to make room for another; false if it was chosen before. Any thread. */
  boolean choose() {
    return leaving.compareAndSet(false, true);
  }

  /** It stays, since there is a request by now. */
  void spare() {
    leaving.set(false);
  }

  /** Whether it was chosen to make room. */
  boolean isChosen() {
    return leaving.get();
  }

  /** There is a request. */
  void over() {
    since = BUSY;
  }

  /** There is none any more. */
  void begin() {
    since = now();
  }

  /** For how many nanoseconds; less than 0 while there is something to answer. */
  long nanos() {
    long began = since;
    return began == BUSY ? -1 : Math.max(0, System.nanoTime() - began);
  }

  private static long now() {
    return System.nanoTime() | 1;
  }
}
