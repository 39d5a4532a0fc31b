package dev.weft.redis;

import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisConnectionStateAdapter;
import io.lettuce.core.api.StatefulRedisConnection;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection to Redis, made again when it is lost, after a random pause up to 100 ms doubling
 * to 5 s. One that is silent is asked for a sign of life every 5 s and given up without one.
 *
 * <p>The client's own recovery is off: it would send once more what it does not know to have
 * arrived, and begins only after a first connection.
 *
 * <p>Thread-safe.
 */
final class RedisLink<C extends StatefulRedisConnection<byte[], byte[]>> implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(RedisLink.class);
  private static final Duration SILENCE_MAX = Duration.ofSeconds(5);
  private static final Duration SIGN_OF_LIFE_MAX = Duration.ofSeconds(2);
  private static final long FIRST_PAUSE_MILLIS = 100;
  private static final long LONGEST_PAUSE_MILLIS = 5_000;

  private final String name;
  private final String address;
  private final Supplier<C> connector;
  private final Consumer<C> begin;
  private final Thread thread;
  private final CountDownLatch closing = new CountDownLatch(1);
  private volatile @Nullable Live<C> live;

  // Of the thread.
  private long pauseMillis = FIRST_PAUSE_MILLIS;
  private boolean reported;

  /** A connection, and what tells that it is one no longer. */
  private record Live<C>(C connection, CountDownLatch lost) {}

  /**
   * @param name what it is for
   * @param begin told of every new connection; if it throws, that is given up
   */
  RedisLink(String name, String address, Supplier<C> connector, Consumer<C> begin) {
    this.name = name;
    this.address = address;
    this.connector = connector;
    this.begin = begin;
    thread = Thread.ofVirtual().name("redis-" + name).unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /** The connection, while there is one. */
  Optional<C> connection() {
    return Optional.ofNullable(live).map(Live::connection);
  }

  /** Gives this connection up, if it still is the one in use. */
  void drop(StatefulRedisConnection<byte[], byte[]> hung) {
    Live<C> present = live;
    if (present != null && present.connection().equals(hung)) {
      live = null; // from here on nobody waits for it
      present.lost().countDown();
    }
  }

  private void run() {
    try {
      while (closing.getCount() > 0) {
        Optional<C> made = connect();
        if (made.isPresent()) {
          keep(made.get());
        }
        rest();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Optional<C> connect() {
    try {
      return Optional.of(connector.get());
    } catch (RuntimeException e) {
      if (!reported && closing.getCount() > 0) {
        reported = true;
        log.warn("{}: {} cannot be reached, it is tried again: {}", name, address, why(e));
      }
      return Optional.empty();
    }
  }

  private void keep(C made) throws InterruptedException {
    CountDownLatch lost = new CountDownLatch(1);
    made.addListener(
        new RedisConnectionStateAdapter() {
          @Override
          public void onRedisDisconnected(RedisChannelHandler<?, ?> connection) {
            lost.countDown();
          }
        });
    live = new Live<>(made, lost);
    pauseMillis = FIRST_PAUSE_MILLIS;
    reported = false;
    log.info("{}: connected to {}", name, address);
    try {
      begin.accept(made);
      // Open, unless it was lost before anybody listened.
      while (made.isOpen() && !lost.await(SILENCE_MAX.toMillis(), TimeUnit.MILLISECONDS)) {
        if (!alive(made)) {
          break;
        }
      }
      log.warn("{}: the connection to {} is lost", name, address);
    } catch (RuntimeException e) {
      log.warn("{}: the connection to {} was of no use: {}", name, address, why(e));
    } finally {
      live = null;
      if (closing.getCount() > 0) { // otherwise the client is about to close it
        var _ = made.closeAsync();
      }
    }
  }

  private static boolean alive(StatefulRedisConnection<byte[], byte[]> connection)
      throws InterruptedException {
    try {
      connection.async().ping().get(SIGN_OF_LIFE_MAX.toMillis(), TimeUnit.MILLISECONDS);
      return true;
    } catch (ExecutionException | TimeoutException | RuntimeException e) {
      return false;
    }
  }

  private void rest() throws InterruptedException {
    long millis = ThreadLocalRandom.current().nextLong(pauseMillis) + 1;
    pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
    boolean _ = closing.await(millis, TimeUnit.MILLISECONDS);
  }

  /** What lies at the bottom of it: the client wraps it in its own words. */
  private static String why(Throwable e) {
    Throwable cause = e;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
  }

  @Override
  public void close() {
    closing.countDown();
    thread.interrupt();
    try {
      thread.join(); // at once, if it was never started
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
