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
  private final Thread thread;
  // Rung when the session has to look: it broke, or the feed is closed.
  private final Semaphore changed = new Semaphore(0);
  private final Map<Integer, RabbitQueue> held = new HashMap<>();
  private volatile boolean closed;
  private volatile boolean broken;
  private long caughtUpTo;
  private long pauseMillis = FIRST_PAUSE_MILLIS;
  private boolean reported;

  RabbitFeed(
      Subscription subscription,
      EventTransport.Receiver receiver,
      RabbitLink link,
      GrpcEventTransport eventLog,
      Duration renewal) {
    this.subscription = subscription;
    this.receiver = receiver;
    this.link = link;
    this.eventLog = eventLog;
    this.renewal = renewal;
    this.thread = Thread.ofVirtual().name("events-" + subscription.consumer()).unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  @Override
  public void close() {
    closed = true;
    changed.release();
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
          session(link.open());
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
      if (!complete(connection, shares)) {
        return;
      }
      try (RabbitQueue _ = deadLetters(connection)) {
        while (!closed && !broken) {
          share(connection, shares);
          pauseMillis = FIRST_PAUSE_MILLIS;
          if (reported) {
            reported = false;
            log.info("{}: events arrive again", subscription.consumer());
          }
          boolean _ = changed.tryAcquire(renewal.toMillis(), TimeUnit.MILLISECONDS);
        }
      } finally {
        giveAll(shares);
      }
    }
  }

  private void giveAll(RabbitShares shares) {
    held.values().forEach(RabbitQueue::close);
    for (int queue : List.copyOf(held.keySet())) {
      try {
        shares.give(queue);
      } catch (IOException | AlreadyClosedException e) {
        log.debug("queue {} is given back with the connection", queue, e);
      }
    }
    held.clear();
  }

  /** Declares the queues; says whether they can be read now. */
  private boolean complete(Connection connection, RabbitShares shares)
      throws IOException, TimeoutException, InterruptedException {
    if (RabbitTopology.declareConsumer(connection, subscription)) {
      return true;
    }
    if (!shares.takeCompleting()) {
      // Another process is at it.
      return false;
    }
    try {
      long position = new CatchUp(subscription, receiver, eventLog).run(() -> closed);
      if (position < 0) {
        return false;
      }
      caughtUpTo = position;
      RabbitTopology.declareComplete(connection, subscription.consumer());
      log.info(
          "{}: its queues are new, it got what there was up to position {} from the log of {}",
          subscription.consumer(),
          position,
          subscription.source());
      return true;
    } finally {
      shares.giveCompleting();
    }
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
