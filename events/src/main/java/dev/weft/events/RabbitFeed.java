package dev.weft.events;

import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ShutdownSignalException;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One subscription over the broker: declares what it reads, brings what only the log has, then
 * reads this process's share of the queues. Whatever ends that, a lost connection or a deleted
 * queue, has it begin again.
 */
final class RabbitFeed implements EventTransport.Feed {
  private static final Logger log = LoggerFactory.getLogger(RabbitFeed.class);
  private static final long FIRST_PAUSE_MILLIS = 50;
  private static final long LONGEST_PAUSE_MILLIS = 5_000;
  private static final Duration HAND_OVER_MAX = Duration.ofSeconds(5);
  private static final Duration END_MAX = Duration.ofSeconds(15);

  private final Subscription subscription;
  private final EventTransport.Receiver receiver;
  private final RabbitLink link;
  private final GrpcEventTransport eventLog;
  private final Duration renewal;
  private final Duration settling;
  private final Thread thread;
  // Rung when the session has to look: it broke, or the feed is closed.
  private final Semaphore changed = new Semaphore(0);
  private final Map<Integer, RabbitQueue> held = new HashMap<>();
  private volatile boolean closed;
  private volatile boolean broken;
  // Nothing of it is under way then.
  private volatile boolean connecting;
  private long caughtUpTo;
  private @Nullable Filled filled;
  private long pauseMillis = FIRST_PAUSE_MILLIS;
  private boolean reported;

  /**
   * Queues that this process made and filled just now.
   *
   * @param settledAt when the broker has kept all of what it needs to bring them back; in the time
   *     of {@link System#nanoTime}
   */
  private record Filled(long settledAt) {
    Duration left() {
      return Duration.ofNanos(Math.max(0, settledAt - System.nanoTime()));
    }
  }

  /**
   * @param renewal how often it looks after its share
   * @param settling how long queues that are new count as unfinished
   */
  RabbitFeed(
      Subscription subscription,
      EventTransport.Receiver receiver,
      RabbitLink link,
      GrpcEventTransport eventLog,
      Duration renewal,
      Duration settling) {
    this.subscription = subscription;
    this.receiver = receiver;
    this.link = link;
    this.eventLog = eventLog;
    this.renewal = renewal;
    this.settling = settling;
    this.thread = Thread.ofVirtual().name("events-" + subscription.consumer()).unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  @Override
  public void close() {
    closed = true;
    changed.release();
    if (connecting) {
      // A broker that is away is not waited for.
      thread.interrupt();
    }
    try {
      if (!thread.join(END_MAX)) {
        thread.interrupt();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    try {
      while (!closed) {
        try {
          connecting = true;
          if (closed) {
            return;
          }
          Connection connection = link.open();
          connecting = false;
          session(connection);
        } catch (IOException
            | TimeoutException
            | ShutdownSignalException
            | StatusRuntimeException e) {
          failed(e);
        }
        pause();
      }
    } catch (InterruptedException e) {
      // The link or the feed is closed.
      Thread.currentThread().interrupt();
    }
  }

  private void session(Connection connection)
      throws IOException, TimeoutException, InterruptedException {
    broken = false;
    try (RabbitShares shares = new RabbitShares(connection, subscription.consumer())) {
      if (!queuesAreThere(connection, shares)) {
        return;
      }
      try {
        read(connection, shares);
        if (filled != null && !broken) {
          Thread.sleep(filled.left());
          complete(connection, shares);
        }
      } finally {
        if (filled != null) {
          filled = null;
          give(shares::giveCompleting);
        }
      }
    }
  }

  private void read(Connection connection, RabbitShares shares)
      throws IOException, TimeoutException, InterruptedException {
    shares.join();
    try (RabbitQueue _ = deadLetters(connection)) {
      while (!closed && !broken) {
        share(connection, shares);
        if (filled != null && filled.left().isZero()) {
          complete(connection, shares);
        }
        pauseMillis = FIRST_PAUSE_MILLIS;
        if (reported) {
          reported = false;
          log.info("{}: events arrive again", subscription.consumer());
        }
        boolean _ = changed.tryAcquire(renewal.toMillis(), TimeUnit.MILLISECONDS);
      }
    } finally {
      held.values().forEach(RabbitQueue::close);
      List.copyOf(held.keySet()).forEach(queue -> give(() -> shares.give(queue)));
      held.clear();
    }
  }

  private interface Giving {
    void run() throws IOException;
  }

  private void give(Giving giving) {
    try {
      giving.run();
    } catch (IOException | AlreadyClosedException e) {
      log.debug("{}: it is given back with the connection", subscription.consumer(), e);
    }
  }

  /** Whether the queues can be read now: there they are, and another process does not fill them. */
  private boolean queuesAreThere(Connection connection, RabbitShares shares)
      throws IOException, TimeoutException, InterruptedException {
    String consumer = subscription.consumer();
    if (RabbitTopology.isComplete(connection, consumer)) {
      // For types that were added.
      RabbitTopology.declareConsumer(connection, subscription);
      return true;
    }
    if (!shares.takeCompleting()) {
      return false;
    }
    try {
      // Another process may have completed them in between.
      if (!RabbitTopology.isComplete(connection, consumer)) {
        fill(connection);
      }
      return filled != null;
    } finally {
      if (filled == null) {
        give(shares::giveCompleting);
      }
    }
  }

  private void fill(Connection connection)
      throws IOException, TimeoutException, InterruptedException {
    RabbitTopology.make(connection, subscription);
    Filled made = new Filled(System.nanoTime() + settling.toNanos());
    long position = new CatchUp(subscription, receiver, eventLog).run(() -> closed);
    if (position >= 0) {
      caughtUpTo = position;
      filled = made;
    }
  }

  private void complete(Connection connection, RabbitShares shares) throws IOException {
    RabbitTopology.declareComplete(connection, subscription.consumer());
    filled = null;
    give(shares::giveCompleting);
    log.info(
        "{}: its queues are new, it got what there was up to position {} from the log of {}",
        subscription.consumer(),
        caughtUpTo,
        subscription.source());
  }

  private RabbitQueue deadLetters(Connection connection) throws IOException {
    return new RabbitQueue(
        connection,
        RabbitTopology.dead(subscription.consumer()),
        receiver,
        (to, event) ->
            to.givenUp(
                event, "brought " + RabbitTopology.DELIVERIES_MAX + " times and never handled"),
        this::broke);
  }

  private void share(Connection connection, RabbitShares shares)
      throws IOException, TimeoutException, InterruptedException {
    int fair = shares.fair();
    for (int queue : held.keySet().stream().sorted().skip(fair).toList()) {
      RabbitQueue given = held.get(queue);
      if (given != null) {
        given.finish(HAND_OVER_MAX);
        given.close();
        held.remove(queue);
        shares.give(queue);
      }
    }
    for (int queue = 0; queue < RabbitTopology.QUEUES && held.size() < fair; queue++) {
      if (!held.containsKey(queue) && shares.take(queue)) {
        held.put(queue, read(connection, queue));
      }
    }
  }

  private RabbitQueue read(Connection connection, int queue) throws IOException {
    return new RabbitQueue(
        connection,
        RabbitTopology.queue(subscription.consumer(), queue),
        receiver,
        (to, event) -> {
          // Those before were handed over when the queues were made.
          if (event.position() > caughtUpTo) {
            to.receive(event);
          }
        },
        this::broke);
  }

  private void broke() {
    broken = true;
    changed.release();
  }

  private void failed(Exception e) {
    if (closed || reported) {
      return;
    }
    if (pauseMillis > FIRST_PAUSE_MILLIS) {
      reported = true;
      log.warn(
          "{}: events do not arrive, it is tried again: {}",
          subscription.consumer(),
          e.getMessage() == null ? e.toString() : e.getMessage());
    }
  }

  private void pause() throws InterruptedException {
    if (!closed) {
      long millis = ThreadLocalRandom.current().nextLong(pauseMillis) + 1;
      pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
      changed.drainPermits();
      boolean _ = !closed && changed.tryAcquire(millis, TimeUnit.MILLISECONDS);
    }
  }
}
