package dev.weft.order;

import dev.weft.durable.Database;
import dev.weft.mesh.Telemetry;
import dev.weft.order.AuditReport.Violation;
import dev.weft.order.AuditStore.Last;
import dev.weft.order.AuditStore.Turn;
import dev.weft.shop.order.v1.CheckInvariantsResponse;
import dev.weft.shop.order.v1.Invariant;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.ObservableDoubleMeasurement;
import io.opentelemetry.api.metrics.ObservableLongMeasurement;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds the books against each other every so often, by itself: one process at a time, at whatever
 * pace the books allow, since it rests for 19 times as long as a check took. What it found is kept
 * in the database, and an ERROR line says each violation once, whichever process found it.
 *
 * <p>The gauge {@code weft.audit.violations} counts them by invariant, {@code weft.audit.age} says
 * how long ago the last complete check began.
 *
 * <p>Thread-safe. Whoever makes it starts and closes it.
 */
final class Auditor implements AutoCloseable {
  /** Longer than any page; a process that dies at it holds the next check up for so long. */
  static final Duration LEASE = Duration.ofMinutes(1);

  private static final Logger log = LoggerFactory.getLogger(Auditor.class);
  private static final AttributeKey<String> INVARIANT = AttributeKey.stringKey("invariant");
  private static final int REST_FACTOR = 19;

  private final Database database;
  private final Audit audit;
  private final AuditStore store;
  private final Duration every;
  private final CountDownLatch closed = new CountDownLatch(1);
  private boolean failing;

  /**
   * @param every how long the next check is due after one has ended, at least
   */
  Auditor(Database database, Audit audit, AuditStore store, Duration every) {
    this.database = database;
    this.audit = audit;
    this.store = store;
    this.every = every;
  }

  /** Shows what was found last. */
  void show(Telemetry telemetry) {
    Meter meter = telemetry.meter("dev.weft.order");
    meter
        .gaugeBuilder("weft.audit.violations")
        .ofLongs()
        .setDescription("What breaks each invariant, by the last complete check of the books.")
        .buildWithCallback(this::violations);
    meter
        .gaugeBuilder("weft.audit.age")
        .setUnit("s")
        .setDescription("How long ago the last complete check of the books began.")
        .buildWithCallback(this::age);
  }

  void start() {
    Thread.ofVirtual().name("auditor").start(this::run);
  }

  /** Begins no more, and ends a check that runs now at its next page, for another process. */
  @Override
  public void close() {
    closed.countDown();
  }

  /** Makes a check if one is due and nobody is at it. */
  void look() {
    try {
      database.inTransaction(tx -> store.claim(tx, LEASE)).ifPresent(this::check);
    } catch (RuntimeException e) {
      failed(e);
    }
  }

  private void run() {
    try {
      // The first one comes when the services that it asks have had time to start.
      while (!closed.await(pauseMillis(), TimeUnit.MILLISECONDS)) {
        look();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void check(Turn turn) {
    long began = System.nanoTime();
    AuditReport report;
    try {
      report = audit.run(() -> insistOn(turn));
    } catch (OutOfTurnException e) {
      log.debug("a check of the books is left to others", e);
      database.inTransactionVoid(tx -> store.giveBack(tx, turn, Duration.ZERO));
      return;
    } catch (RuntimeException e) {
      database.inTransactionVoid(tx -> store.giveBack(tx, turn, every));
      throw e;
    }
    Duration rest = Duration.ofNanos(System.nanoTime() - began).multipliedBy(REST_FACTOR);
    boolean kept =
        database.inTransaction(
            tx ->
                store.end(
                    tx,
                    turn,
                    report.at(),
                    AuditMessages.verdict(report),
                    rest.compareTo(every) > 0 ? rest : every));
    if (kept) {
      report.invariants().forEach(now -> sayNew(now, known(turn, now.name())));
      failing = false;
    }
  }

  private void insistOn(Turn turn) {
    if (closed.getCount() == 0 || !database.inTransaction(tx -> store.renew(tx, turn, LEASE))) {
      throw new OutOfTurnException();
    }
  }

  private static void sayNew(AuditReport.Invariant now, Set<String> known) {
    List<Violation> fresh =
        now.violations().stream().filter(one -> !known.contains(one.id())).toList();
    fresh.stream()
        .limit(AuditMessages.SENTENCES)
        .forEach(one -> log.error("audit: {} is broken: {}", now.name(), one.how()));
    if (fresh.size() > AuditMessages.SENTENCES) {
      log.error(
          "audit: {} is broken in {} more ways",
          now.name(),
          fresh.size() - AuditMessages.SENTENCES);
    }
  }

  /** What the last check found of an invariant. */
  private static Set<String> known(Turn turn, String name) {
    Set<String> ids = new HashSet<>();
    turn.last().stream()
        .flatMap(last -> last.getInvariantsList().stream())
        .filter(invariant -> invariant.getName().equals(name))
        .forEach(invariant -> ids.addAll(invariant.getOffendingIdsList()));
    return ids;
  }

  private void failed(RuntimeException e) {
    if (!failing) {
      log.warn("the books cannot be checked for now, tried every {} s", every.toSeconds(), e);
    }
    failing = true;
  }

  private void violations(ObservableLongMeasurement gauge) {
    Optional<CheckInvariantsResponse> verdict = database.read(store::last).verdict();
    verdict.stream()
        .flatMap(last -> last.getInvariantsList().stream())
        .forEach(
            (Invariant one) ->
                gauge.record(one.getViolationCount(), Attributes.of(INVARIANT, one.getName())));
  }

  private void age(ObservableDoubleMeasurement gauge) {
    Last last = database.inTransaction(store::last);
    gauge.record(last.age().toMillis() / 1e3);
  }

  /** A quarter of the period, and not the same in all processes. */
  private long pauseMillis() {
    return every.toMillis() / 4 * ThreadLocalRandom.current().nextLong(50, 151) / 100 + 1;
  }

  /** The process is told to stop, or another one has taken the check over. */
  private static final class OutOfTurnException extends RuntimeException {
    private static final long serialVersionUID = 1;
  }
}
