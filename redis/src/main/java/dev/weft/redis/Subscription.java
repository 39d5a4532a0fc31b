package dev.weft.redis;

import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Somebody who listens to a channel: at most {@value #WAITING_MAX} messages wait for him; with one
 * more all are thrown away, and he is told so.
 *
 * <p>Thread-safe. Closing it waits for the message that is being heard.
 */
public final class Subscription implements AutoCloseable {
  static final int WAITING_MAX = 256;

  private static final Logger log = LoggerFactory.getLogger(Subscription.class);

  private final String channel;
  private final Broadcast.Listener listener;
  private final RedisMetrics metrics;
  private final Consumer<Subscription> forget;

  /** Messages, or nothing but a reason to look. */
  private final BlockingQueue<Optional<byte[]>> waiting = new ArrayBlockingQueue<>(WAITING_MAX);

  private final AtomicBoolean missed = new AtomicBoolean();
  private final Thread thread;

  Subscription(
      String channel,
      Broadcast.Listener listener,
      RedisMetrics metrics,
      Consumer<Subscription> forget) {
    this.channel = channel;
    this.listener = listener;
    this.metrics = metrics;
    this.forget = forget;
    thread = Thread.ofVirtual().name("broadcast-" + channel).start(this::run);
  }

  String channel() {
    return channel;
  }

  /** Never waits. */
  void deliver(byte[] message) {
    if (!waiting.offer(Optional.of(message))) {
      waiting.clear();
      miss();
    }
  }

  /** Something may have been said that nobody here heard. */
  void miss() {
    missed.set(true);
    boolean _ =
        waiting.offer(Optional.empty()); // where there is no room, somebody is about to look anyway
  }

  private void run() {
    try {
      while (true) {
        Optional<byte[]> message = waiting.take();
        // First, because it was missed before what is heard now.
        if (missed.getAndSet(false)) {
          metrics.missed();
          tell(listener::missed);
        }
        message.ifPresent(heard -> tell(() -> listener.heard(heard)));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void tell(Runnable what) {
    try {
      what.run();
    } catch (RuntimeException e) {
      log.error("a listener to {} failed, it goes on with the next message", channel, e);
    }
  }

  @Override
  public void close() {
    forget.accept(this);
    thread.interrupt();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
