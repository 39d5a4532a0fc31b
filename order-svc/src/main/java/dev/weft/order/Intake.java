package dev.weft.order;

import dev.weft.durable.Database;
import dev.weft.durable.SagaRunner;
import dev.weft.mesh.Rejection;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * Whether another order may be accepted: while no more than so many sagas wait for room at a
 * runner. An order is accepted sooner than it is worked off; without this bound, more orders a
 * second than can be worked off would be promised to more and more customers who wait longer and
 * longer.
 *
 * <p>Looks every 250 ms, so it may be late by as many orders as come meanwhile. Thread-safe.
 */
final class Intake {
  /** What an instance works off within some seconds. */
  static final int WAITING_MAX = 256;

  static final Duration LOOK_EVERY = Duration.ofMillis(250);

  private final Database database;
  private final SagaRunner sagas;
  private final int waitingMax;
  private final LongSupplier nanoTime;
  private final AtomicLong nextLook;
  private volatile boolean full;

  /**
   * @param waitingMax sagas that may wait
   */
  Intake(Database database, SagaRunner sagas, int waitingMax, LongSupplier nanoTime) {
    this.database = database;
    this.sagas = sagas;
    this.waitingMax = waitingMax;
    this.nanoTime = nanoTime;
    this.nextLook = new AtomicLong(nanoTime.getAsLong());
  }

  /** Throws OVERLOADED if it may not. */
  void check() {
    long now = nanoTime.getAsLong();
    long due = nextLook.get();
    if (now - due >= 0 && nextLook.compareAndSet(due, now + LOOK_EVERY.toNanos())) {
      full = database.read(tx -> sagas.waiting(tx, waitingMax + 1)) > waitingMax;
    }
    if (full) {
      throw Rejection.overloaded("more orders wait to be worked off than may wait");
    }
  }
}
