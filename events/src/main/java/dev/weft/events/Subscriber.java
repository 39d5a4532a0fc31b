package dev.weft.events;

import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.Inbox;
import dev.weft.durable.Inbox.Order;
import dev.weft.durable.Inbox.Receipt;
import dev.weft.durable.ParkedEvents.Parked;
import dev.weft.durable.ParkedEvents.Reason;
import dev.weft.failpoint.FailPoint;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes the events of one subscription in: each attempt in a transaction of its own with the memory
 * of it. What fails is parked and tried again later, so that nothing waits for it but what comes
 * after it in the same aggregate.
 *
 * <p>Thread-safe.
 */
final class Subscriber implements EventTransport.Receiver {
  private static final Logger log = LoggerFactory.getLogger(Subscriber.class);

  /** What several subscribers of a process share. */
  record Shared(
      Database database,
      PriorityGate gate,
      List<Middleware> middleware,
      EventTrace trace,
      EventMetrics metrics,
      InstantSource clock) {}

  private final Subscription subscription;
  private final EventHandler handler;
  private final Shared shared;
  private final Inbox everyVersion;
  private final Inbox someVersions;
  private final Duration repairAfter;
  private final Runnable parkedChanged;
  private final Together together;

  /**
   * @param repairAfter how long one that is ahead of its turn waits before the missing ones are
   *     asked for
   * @param parkedChanged told when a parked event may have come to its turn
   */
  Subscriber(
      Subscription subscription,
      EventHandler handler,
      Shared shared,
      Duration repairAfter,
      Runnable parkedChanged) {
    this.subscription = subscription;
    this.handler = handler;
    this.shared = shared;
    this.repairAfter = repairAfter;
    this.parkedChanged = parkedChanged;
    everyVersion = new Inbox(subscription.consumer(), Order.EVERY_VERSION);
    someVersions = new Inbox(subscription.consumer(), Order.SOME_VERSIONS);
    together = new Together(subscription.together(), this::takeInAll);
  }

  @Override
  public void receive(Event event) throws InterruptedException {
    if (subscription.together() == 1 || !together.takeIn(event)) {
      takeIn(event, 0, inbox(event)::receive);
    }
  }

  /** Tries one again that is parked and was claimed; says what became of it. */
  Optional<Receipt> again(Parked parked) throws InterruptedException {
    Event event = parked.event();
    return takeIn(event, parked.attempts(), inbox(event)::again);
  }

  @Override
  public void unreadable(byte[] message, String why) throws InterruptedException {
    Event event = Event.unreadable(subscription.source(), message, shared.clock().instant());
    park(event, Reason.UNREADABLE, why, Optional.empty());
    log.error("{}: a message is no event, it is kept as {}: {}", name(), event.id(), why);
  }

  @Override
  public void givenUp(Event event, String why) {
    park(event, Reason.DEAD, why, Optional.empty());
    log.error("{}: event {} ({}) is a dead letter: {}", name(), event.id(), event.type(), why);
  }

  /** The last version handled of the event's aggregate. */
  long lastVersion(Event event) {
    return shared.database().read(tx -> inbox(event).lastVersion(tx, event.aggregate()));
  }

  /** Handles or parks the event; the receipt is empty if its handler failed. */
  private Optional<Receipt> takeIn(Event event, int failuresBefore, Taking taking)
      throws InterruptedException {
    try {
      Receipt receipt = attempt(event, taking);
      shared.metrics().received(name(), event, receipt);
      if (receipt == Receipt.APPLIED_AND_NEXT || receipt == Receipt.AHEAD) {
        parkedChanged.run();
      }
      return Optional.of(receipt);
    } catch (TimeoutException e) {
      failed(event, failuresBefore + 1, "not done after " + subscription.timeout());
    } catch (ExecutionException e) {
      Throwable cause = cause(e);
      if (cause instanceof UnreadableEventException) {
        unreadable(event, text(cause));
      } else {
        log.debug("{}: the attempt at {} failed", name(), event.id(), cause);
        failed(event, failuresBefore + 1, text(cause));
      }
    }
    return Optional.empty();
  }

  /**
   * Handles all of these in one transaction. Says whether it did; if not, nothing came of it, and
   * each has to be handled by itself, which also finds out what the failure was and whose.
   */
  private boolean takeInAll(List<Event> events) throws InterruptedException {
    if (events.size() == 1) {
      Event event = events.getFirst();
      var _ = takeIn(event, 0, inbox(event)::receive);
      return true;
    }
    Inbox inbox = inbox(events.getFirst());
    if (!events.stream().allMatch(event -> inbox(event) == inbox)) {
      return false;
    }
    try {
      boolean applied =
          attempt(
              () ->
                  shared
                      .trace()
                      .inAll(
                          events,
                          name(),
                          () ->
                              shared
                                  .database()
                                  .inTransaction(
                                      tx ->
                                          inbox.receiveAll(tx, events, () -> effect(tx, events)))));
      if (applied) {
        events.forEach(event -> shared.metrics().received(name(), event, Receipt.APPLIED));
      }
      return applied;
    } catch (TimeoutException | ExecutionException e) {
      log.debug("{}: {} events are handled one by one", name(), events.size(), e);
      return false;
    }
  }

  private Receipt attempt(Event event, Taking taking)
      throws InterruptedException, TimeoutException, ExecutionException {
    return attempt(
        () ->
            shared
                .trace()
                .in(
                    event,
                    name(),
                    () ->
                        shared
                            .database()
                            .inTransaction(
                                tx ->
                                    taking.take(
                                        tx,
                                        event,
                                        repairAfter,
                                        () -> effect(tx, List.of(event))))));
  }

  private <T> T attempt(Callable<T> handling)
      throws InterruptedException, TimeoutException, ExecutionException {
    shared.gate().enter(subscription.priority());
    try {
      FailPoint.hit("event.handle.", name(), ".before");
      // On a thread of its own, which is interrupted at the time-out.
      FutureTask<T> task = new FutureTask<>(handling);
      Thread thread = Thread.ofVirtual().name("handle-" + name()).start(task);
      T result;
      try {
        result = task.get(subscription.timeout().toMillis(), TimeUnit.MILLISECONDS);
      } catch (TimeoutException | InterruptedException e) {
        thread.interrupt();
        throw e;
      }
      FailPoint.hit("event.handle.", name(), ".after-commit");
      return result;
    } finally {
      shared.gate().leave();
    }
  }

  private void effect(Handle tx, List<Event> events) {
    handle(tx, events.stream().map(this::throughMiddleware).filter(this::isWanted).toList());
    FailPoint.hit("event.handle.", name(), ".before-commit");
  }

  private boolean isWanted(Event seen) {
    if (!subscription.wants(seen.type()) || !subscription.filter().test(seen)) {
      return false;
    }
    if (seen.schemaVersion() < 1 || seen.schemaVersion() > subscription.schemaVersionMax()) {
      throw new UnreadableEventException(
          "schema version %d (understood: up to %d)"
              .formatted(seen.schemaVersion(), subscription.schemaVersionMax()));
    }
    return true;
  }

  private void handle(Handle tx, List<Event> seen) {
    try {
      if (seen.size() == 1) {
        handler.handle(tx, seen.getFirst());
      } else if (!seen.isEmpty()) {
        handler.handleAll(tx, seen);
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    } catch (Exception e) {
      throw new HandlerException(e);
    }
  }

  private Event throughMiddleware(Event event) {
    Event seen = event;
    for (Middleware one : shared.middleware()) {
      try {
        Event next = one.apply(seen);
        if (!next.id().equals(event.id()) || !next.aggregate().equals(event.aggregate())) {
          throw new IllegalStateException("a middleware changed the event's id or aggregate");
        }
        seen = next;
      } catch (RuntimeException e) {
        log.warn("{}: a middleware failed at {} and is passed over", name(), event.id(), e);
      }
    }
    return seen;
  }

  private void failed(Event event, int failures, String error) {
    shared.metrics().failed(name());
    if (failures >= subscription.retries().attempts()) {
      park(event, Reason.DEAD, error, Optional.empty());
      log.error(
          "{}: event {} ({}) is a dead letter after {} attempts: {}",
          name(),
          event.id(),
          event.type(),
          failures,
          error);
    } else {
      Duration wait = subscription.retries().after(failures, ThreadLocalRandom.current());
      park(event, Reason.RETRY, error, Optional.of(wait));
      parkedChanged.run();
      log.debug(
          "{}: event {} failed (attempt {} of {}), next in {} ms: {}",
          name(),
          event.id(),
          failures,
          subscription.retries().attempts(),
          wait.toMillis(),
          error);
    }
  }

  private void unreadable(Event event, String error) {
    park(event, Reason.UNREADABLE, error, Optional.empty());
    log.error("{}: event {} ({}) is parked: {}", name(), event.id(), event.type(), error);
  }

  private void park(Event event, Reason reason, String error, Optional<Duration> dueAfter) {
    shared
        .database()
        .inTransactionVoid(tx -> inbox(event).park(tx, event, reason, error, dueAfter));
  }

  private Inbox inbox(Event event) {
    return subscription.everyVersionOf(event.aggregate().type()) ? everyVersion : someVersions;
  }

  private String name() {
    return subscription.consumer();
  }

  private static Throwable cause(ExecutionException e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return cause instanceof HandlerException && cause.getCause() != null ? cause.getCause() : cause;
  }

  private static String text(Throwable failure) {
    return failure.getClass().getName() + ": " + failure.getMessage();
  }

  /** How an event is taken in: on arrival, or once more. */
  @FunctionalInterface
  private interface Taking {
    Receipt take(Handle tx, Event event, Duration repairAfter, Runnable effect);
  }

  /** Carries a checked exception of a handler out of its transaction. */
  private static final class HandlerException extends RuntimeException {
    private static final long serialVersionUID = 1;

    HandlerException(Exception cause) {
      super(cause);
    }
  }
}
