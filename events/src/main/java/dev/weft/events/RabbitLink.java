package dev.weft.events;

import com.rabbitmq.client.BlockedListener;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection to the broker, made again when it is lost: by one thread at a time, after a random
 * pause up to 100 ms doubling to 5 s, for as long as anybody wants it. The client's own recovery is
 * off: whoever used a channel begins anew and declares what it needs.
 *
 * <p>Thread-safe.
 */
final class RabbitLink implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(RabbitLink.class);
  private static final int CONNECT_MILLIS = 2_000;
  private static final int HANDSHAKE_MILLIS = 5_000;
  private static final int ANSWER_MILLIS = 10_000;
  private static final int HEARTBEAT_SECONDS = 10;
  private static final int CLOSE_MILLIS = 2_000;
  private static final long FIRST_PAUSE_MILLIS = 100;
  private static final long LONGEST_PAUSE_MILLIS = 5_000;

  private final String address;
  private final String name;
  private final ConnectionFactory factory;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final ReentrantLock connecting = new ReentrantLock();
  private final CountDownLatch closing = new CountDownLatch(1);
  private volatile @Nullable Connection connection;
  private volatile @Nullable Socket socket;
  private volatile boolean blocked;

  // Guarded by connecting.
  private long pauseMillis = FIRST_PAUSE_MILLIS;
  private boolean reported;

  /**
   * @param name what the broker lists the connection as
   */
  RabbitLink(RabbitConfig config, String name) {
    this.address = config.toString();
    this.name = name;
    this.factory = factory(config);
  }

  private ConnectionFactory factory(RabbitConfig config) {
    ConnectionFactory made = new ConnectionFactory();
    made.setHost(config.host());
    made.setPort(config.port());
    made.setVirtualHost(config.virtualHost());
    made.setUsername(config.user());
    made.setPassword(config.password());
    made.setConnectionTimeout(CONNECT_MILLIS);
    made.setHandshakeTimeout(HANDSHAKE_MILLIS);
    made.setChannelRpcTimeout(ANSWER_MILLIS);
    made.setShutdownTimeout(CLOSE_MILLIS);
    made.setRequestedHeartbeat(HEARTBEAT_SECONDS);
    made.setAutomaticRecoveryEnabled(false);
    made.setTopologyRecoveryEnabled(false);
    made.setThreadFactory(Thread.ofVirtual().name("rabbit-" + name).factory());
    made.setSharedExecutor(threads);
    if (config.tls()) {
      try {
        made.useSslProtocol(SSLContext.getDefault());
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException("this JVM has no TLS", e);
      }
      made.enableHostnameVerification();
    }
    made.setSocketConfigurator(
        opened -> {
          opened.setTcpNoDelay(true);
          socket = opened;
        });
    return made;
  }

  /**
   * The connection, as soon as there is one.
   *
   * @throws InterruptedException also if the link is closed
   */
  Connection open() throws InterruptedException {
    connecting.lockInterruptibly();
    try {
      while (closing.getCount() > 0) {
        Connection present = connection;
        if (present != null && present.isOpen()) {
          return present;
        }
        try {
          return connect();
        } catch (IOException | TimeoutException e) {
          if (!reported) {
            reported = true;
            log.warn("{}: {} cannot be reached, it is tried again: {}", name, address, why(e));
          }
          rest();
        }
      }
      throw new InterruptedException("closed");
    } finally {
      connecting.unlock();
    }
  }

  private Connection connect() throws IOException, TimeoutException, InterruptedException {
    if (connection != null) {
      // It was there and is lost, by everybody at the same moment.
      connection = null;
      rest();
    }
    Connection made = factory.newConnection(threads, name);
    blocked = false;
    made.addBlockedListener(
        new BlockedListener() {
          @Override
          public void handleBlocked(String reason) {
            blocked = true;
            log.error("{}: {} takes nothing at the moment: {}", name, address, reason);
          }

          @Override
          public void handleUnblocked() {
            blocked = false;
            log.info("{}: {} takes messages again", name, address);
          }
        });
    made.addShutdownListener(
        signal -> {
          if (!signal.isInitiatedByApplication()) {
            log.warn("{}: the connection to {} is lost: {}", name, address, why(signal));
          }
        });
    connection = made;
    pauseMillis = FIRST_PAUSE_MILLIS;
    log.info("{}: connected to {}", name, address);
    reported = false;
    return made;
  }

  private void rest() throws InterruptedException {
    long millis = ThreadLocalRandom.current().nextLong(pauseMillis) + 1;
    pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
    boolean _ = closing.await(millis, TimeUnit.MILLISECONDS);
  }

  private static String why(Exception e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  /** Whether there is a connection, and the broker takes what comes by it. */
  boolean healthy() {
    return connected() && !blocked;
  }

  /** Whether there is a connection. */
  boolean connected() {
    Connection present = connection;
    return present != null && present.isOpen();
  }

  /** Whether the broker has said that it takes nothing: it is short of memory or disk. */
  boolean blocked() {
    return blocked && connected();
  }

  /** Gives the connection up, also one on which somebody hangs in a write. */
  void drop() {
    Socket present = socket;
    if (present != null) {
      try {
        present.close();
      } catch (IOException e) {
        log.debug("{}: a socket does not close", name, e);
      }
    }
    abort();
  }

  private void abort() {
    Connection present = connection;
    if (present != null) {
      present.abort(CLOSE_MILLIS);
    }
  }

  @Override
  public void close() {
    closing.countDown();
    abort();
    boolean ended = false;
    try {
      threads.shutdown();
      ended =
          threads.awaitTermination(
              Duration.ofMillis(CLOSE_MILLIS).toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (!ended) {
      threads.shutdownNow();
    }
  }
}
