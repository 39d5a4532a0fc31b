package dev.weft.redis;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells all processes that listen right now, at most once: Redis keeps no message, so one that is
 * away, or slow, or whose connection breaks, never hears what was said meanwhile. It is told that
 * it may have missed something, no more.
 *
 * <p>For hints that make others quicker or fresher and whose loss costs no more than time, such as
 * "this changed, forget your copy", beside a bound that holds without them. What must not be lost
 * is an event: say it by the event bus.
 *
 * <p>A channel is {@code weft:} and its name in Redis, in all databases of the server. Thread-safe.
 */
public final class Broadcast {
  /** Of a message. */
  public static final int BYTES_MAX = 16 << 10;

  private static final Logger log = LoggerFactory.getLogger(Broadcast.class);
  private static final String PREFIX = "weft:";

  private final Redis redis;
  private final RedisMetrics metrics;
  private final RedisLink<StatefulRedisPubSubConnection<byte[], byte[]>> link;
  private final Set<Subscription> subscriptions = new CopyOnWriteArraySet<>();
  private final ReentrantLock lock = new ReentrantLock();
  private boolean started; // guarded by lock

  /**
   * Hears the messages of a channel, one after the other on a thread of its own. What it throws is
   * logged.
   */
  public interface Listener {
    void heard(byte[] message);

    /**
     * It listens from now on, for the first time or again, or was too slow and messages were thrown
     * away: anything may have been said meanwhile.
     */
    void missed();
  }

  Broadcast(
      Redis redis,
      String address,
      Supplier<StatefulRedisPubSubConnection<byte[], byte[]>> connector,
      RedisMetrics metrics) {
    this.redis = redis;
    this.metrics = metrics;
    link = new RedisLink<>("broadcast", address, connector, this::begin);
  }

  /**
   * Sends a message to all who listen, this process among them, behind all commands that were sent
   * before. Does not wait, and does not tell whether anybody heard it.
   *
   * @throws IllegalArgumentException if it is larger than {@link #BYTES_MAX}
   */
  public void publish(String channel, byte[] message) {
    if (message.length > BYTES_MAX) {
      throw new IllegalArgumentException(
          "a message of " + message.length + " bytes (expected: at most " + BYTES_MAX + ")");
    }
    byte[] to = name(channel);
    var _ = redis.send(commands -> commands.publish(to, message));
  }

  /** Listens until it is closed, or Redis is; begins as soon as there is a connection. */
  public Subscription subscribe(String channel, Listener listener) {
    Subscription subscription = new Subscription(channel, listener, metrics, this::forget);
    lock.lock();
    try {
      subscriptions.add(subscription);
      if (!started) {
        started = true;
        metrics.watch("broadcast", () -> link.connection().isPresent());
        link.start();
      }
      // Otherwise the next connection begins with it.
      link.connection().ifPresent(connection -> listen(connection, channel));
    } finally {
      lock.unlock();
    }
    return subscription;
  }

  private void forget(Subscription closed) {
    lock.lock();
    try {
      subscriptions.remove(closed);
      if (to(closed.channel()).findAny().isEmpty()) {
        link.connection().ifPresent(connection -> silence(connection, closed.channel()));
      }
    } finally {
      lock.unlock();
    }
  }

  private void begin(StatefulRedisPubSubConnection<byte[], byte[]> connection) {
    connection.addListener(
        new RedisPubSubAdapter<>() {
          @Override
          public void message(byte[] channel, byte[] message) {
            if (message.length <= BYTES_MAX) {
              to(channel(channel)).forEach(subscription -> subscription.deliver(message));
            } else {
              to(channel(channel)).forEach(Subscription::miss);
            }
          }

          @Override
          public void subscribed(byte[] channel, long count) {
            to(channel(channel)).forEach(Subscription::miss);
          }
        });
    subscriptions.stream()
        .map(Subscription::channel)
        .distinct()
        .forEach(channel -> listen(connection, channel));
  }

  private static void listen(
      StatefulRedisPubSubConnection<byte[], byte[]> connection, String channel) {
    var _ =
        connection
            .async()
            .subscribe(name(channel))
            .whenComplete(
                (_, failure) -> {
                  if (failure != null) {
                    log.warn("nobody listens to {}: {}", channel, failure.toString());
                  }
                });
  }

  private static void silence(
      StatefulRedisPubSubConnection<byte[], byte[]> connection, String channel) {
    var _ = connection.async().unsubscribe(name(channel));
  }

  private Stream<Subscription> to(String channel) {
    return subscriptions.stream().filter(one -> one.channel().equals(channel));
  }

  private static byte[] name(String channel) {
    return (PREFIX + channel).getBytes(UTF_8);
  }

  private static String channel(byte[] name) {
    return new String(name, UTF_8).substring(PREFIX.length());
  }

  void close() {
    subscriptions.forEach(Subscription::close);
    link.close();
  }
}
