package dev.weft.events;

import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.Inbox.Receipt;
import dev.weft.durable.ParkedEvents;
import dev.weft.durable.ParkedEvents.Parked;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at a consumer's parked events when they are due: tries them again, and asks for the events
 * that one ahead of its turn waits for. Several processes may do so at once.
 */
final class RetryLoop implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(RetryLoop.class);
  private static final int AT_ONCE = 16;

  /** For what another process parked, or an operator let be tried again. */
  private static final Duration POLL = Duration.ofSeconds(2);

  private static final Duration NOT_AT_ONCE = Duration.ofMillis(5);

  /** Beyond an attempt's time-out, for the transaction that writes what came of it. */
  private static final Duration SLACK = Duration.ofSeconds(10);

  private final Subscription subscription;
  private final Duration heldFor;
  private final Duration furthest;
  private final Database database;
  private final EventTransport transport;
  private final ParkedEvents parked;
  private final Semaphore changed = new Semaphore(0);
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private volatile boolean closed;

  /**
   * @param repairAfter how long one that is ahead of its turn waits
   */
  RetryLoop(
      Subscription subscription,
      Duration repairAfter,
      Database database,
      EventTransport transport) {
    this.subscription = subscription;
    this.heldFor = subscription.timeout().plus(SLACK);
    this.furthest =
        Stream.of(heldFor, repairAfter, subscription.retries().cap())
            .max(Comparator.naturalOrder())
            .orElseThrow()
            .plus(SLACK);
    this.database = database;
    this.transport = transport;
    this.parked = new ParkedEvents(subscription.consumer());
  }

  void start(Subscriber subscriber) {
    threads.execute(() -> run(subscriber));
  }

  /** Looks now. */
  void wake() {
    changed.release();
  }

  /** Lets current attempts end. */
  @Override
  public void close() {
    closed = true;
    wake();
    threads.close();
  }

  private void run(Subscriber subscriber) {
    try {
      while (!closed) {
        changed.drainPermits();
        Duration rest = POLL;
        try {
          rest = look(subscriber);
        } catch (RuntimeException e) {
          log.debug("{}: parked events are looked at later", subscription.consumer(), e);
        }
        boolean _ = changed.tryAcquire(rest.toMillis(), TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Tries what is due; says when to look again. */
  private Duration look(Subscriber subscriber) throws InterruptedException {
    List<Parked> due = database.inTransaction(tx -> parked.claim(tx, AT_ONCE, heldFor, furthest));
    if (due.isEmpty()) {
      Optional<Duration> next = database.read(parked::nextDue);
      // Due and not to be had: another process looks at it.
      return next.filter(wait -> wait.compareTo(POLL) < 0).orElse(POLL).plus(NOT_AT_ONCE);
    }
    Semaphore done = new Semaphore(0);
    for (Parked one : due) {
      threads.execute(
          () -> {
            try {
              again(subscriber, one);
            } finally {
              done.release();
            }
          });
    }
    done.acquire(due.size());
    return Duration.ZERO;
  }

  private void again(Subscriber subscriber, Parked one) {
    try {
      if (subscriber.again(one).equals(Optional.of(Receipt.AHEAD))) {
        repair(subscriber, one.event());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      log.debug("{}: event {} is tried later", subscription.consumer(), one.event().id(), e);
    }
  }

  private void repair(Subscriber subscriber, Event ahead) throws InterruptedException {
    Event.Aggregate aggregate = ahead.aggregate();
    long from = subscriber.lastVersion(ahead) + 1;
    List<Event> missing =
        transport.readAggregate(subscription.source(), aggregate.type(), aggregate.id(), from);
    log.info(
        "{}: {} {} has {} events from version {} on that did not arrive in their turn",
        subscription.consumer(),
        aggregate.type(),
        aggregate.id(),
        missing.size(),
        from);
    for (Event event : missing) {
      subscriber.receive(event);
    }
  }
}
