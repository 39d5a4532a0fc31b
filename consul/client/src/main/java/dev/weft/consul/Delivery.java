package dev.weft.consul;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings values to one listener: in order, one at a time, on a virtual thread that lives only while
 * there is something to bring. A listener slower than the changes sees the newest value and misses
 * those between, so at most one value waits. What a listener throws is logged and ends nothing.
 */
final class Delivery<T> {
  private static final Logger log = LoggerFactory.getLogger(Delivery.class);

  private final String what;
  private final Consumer<? super T> listener;
  private @Nullable T waiting;
  private boolean running;
  private boolean closed;

  Delivery(String what, Consumer<? super T> listener) {
    this.what = what;
    this.listener = listener;
  }

  synchronized void offer(T value) {
    waiting = value;
    if (!running && !closed) {
      running = true;
      Thread.ofVirtual().name("consul-deliver " + what).start(this::drain);
    }
  }

  synchronized void close() {
    closed = true;
    waiting = null;
  }

  private void drain() {
    for (T value = next(); value != null; value = next()) {
      try {
        listener.accept(value);
      } catch (RuntimeException e) {
        log.error("a listener of {} failed on a change; it will see the next one", what, e);
      }
    }
  }

  private synchronized @Nullable T next() {
    T value = waiting;
    waiting = null;
    running = value != null;
    return value;
  }
}
