package dev.weft.durable;

import dev.weft.durable.Gates.Pass;
import dev.weft.durable.Saga.State;
import dev.weft.durable.SagaRun.Move;
import dev.weft.durable.Threads.Signal;
import dev.weft.failpoint.FailPoint;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Drives one saga as far as it goes now: attempts a step, writes what came of it, goes on to the
 * next.
 */
final class SagaDriver {
  private static final Logger log = LoggerFactory.getLogger(SagaDriver.class);

  /** Of the failures of one step, the first and then every tenth is worth a line. */
  private static final int SAID_EVERY = 10;

  /** With the default waits it takes about as long as the lease. */
  private static final int WRITES_MAX = 6;

  private final Transactions transactions;
  private final SagaTables tables;
  private final Threads threads;
  private final Duration lease;
  private final Backoff backoff;
  private final Backoff backoffOfStalled;
  private final SagaSettings settings;
  private final Gates gates;
  private final Signal closing;

  /**
   * @param closing once given, no further step is begun
   */
  SagaDriver(
      Transactions transactions,
      SagaTables tables,
      Threads threads,
      SagaSettings settings,
      Gates gates,
      Signal closing) {
    this.transactions = transactions;
    this.tables = tables;
    this.threads = threads;
    this.settings = settings;
    this.gates = gates;
    this.closing = closing;
    lease = settings.lease();
    backoff = settings.backoff();
    backoffOfStalled = settings.backoffOfStalled();
  }

  /**
   * Says how long the saga waits for its next attempt, if it does and is not another's by now.
   *
   * @param pass what the saga may go through a gate with
   */
  Optional<Duration> drive(SagaRun begun, Pass pass) {
    SagaRun run = begun;
    while (true) {
      Optional<Gate> gate = gates.before(run, pass);
      Optional<Move> elsewhere = gate.isEmpty() ? Optional.empty() : run.heldUp();
      Optional<Written> written;
      if (elsewhere.isPresent()) {
        written = writePatiently(run, elsewhere.get(), Duration.ZERO);
      } else if (gate.isPresent() && awaits(run, gate.get())) {
        // Where nobody waited, it is the probe.
        return gate.get().due() ? Optional.of(Duration.ZERO) : Optional.empty();
      } else {
        written = attemptAndWrite(run, pass);
      }
      if (written.isEmpty()) {
        return Optional.empty();
      }
      Move move = written.get().move();
      if (move.waits()) {
        return Optional.of(written.get().until());
      }
      if (move.state().ended() || closing.given()) {
        return Optional.empty();
      }
      run = written.get().next();
    }
  }

  private Optional<Written> attemptAndWrite(SagaRun run, Pass pass) {
    point(run, ".before-call");
    StepOutcome outcome = attempt(run);
    point(run, ".after-call");
    gates.heard(run, outcome, pass);
    Optional<Written> written = writePatiently(run, run.next(outcome), retryAfter(outcome));
    point(run, ".after-write");
    return written;
  }

  /** Waits at a gate; false if it is gone by now, or the saga another's. */
  private boolean awaits(SagaRun run, Gate gate) {
    boolean waits =
        transactions.inOneStatement(
            tx -> tables.await(tx, run, gate.dependency(), settings.patience(run.state())));
    if (!waits) {
      gates.isOpen(gate);
    }
    return waits;
  }

  private static void point(SagaRun run, String where) {
    if (FailPoint.permitted()) {
      FailPoint.hit("saga.", run.current().name() + "." + run.direction().word(), where);
    }
  }

  private StepOutcome attempt(SagaRun run) {
    StepContext context = run.context();
    SagaStep.Action action = run.action();
    try {
      return threads.within(
          context.timeout(), "step-" + context.commandId(), () -> action.attempt(context));
    } catch (TimeoutException e) {
      return new StepOutcome.Unknown("no outcome within " + context.timeout().toMillis() + " ms");
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      log.debug("saga {} step {} threw", run.id(), run.current().name(), cause);
      return new StepOutcome.Unknown(String.valueOf(cause));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new StepOutcome.Unknown("interrupted");
    }
  }

  /**
   * Writes, again when the database was away for a moment. Safe also when nobody knows whether a
   * write came to be: a second one finds its record there already, or its lease gone.
   */
  private Optional<Written> writePatiently(SagaRun run, Move planned, Duration retryAfter) {
    for (int failures = 1; ; failures++) {
      try {
        return write(run, planned, retryAfter);
      } catch (RuntimeException e) {
        if (failures == WRITES_MAX || !pause(backoff.after(failures, threads.random()))) {
          throw e;
        }
        log.debug("saga {} could not be written (failure {})", run.id(), failures, e);
      }
    }
  }

  /** Waits; false when this runner closes meanwhile. */
  private boolean pause(Duration wait) {
    try {
      return !closing.awaitNanos(wait.toNanos());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Nothing when the saga is no longer ours. */
  private Optional<Written> write(SagaRun run, Move planned, Duration retryAfter) {
    try {
      Work<Written> writing = tx -> write(tx, run, planned, retryAfter);
      Written written =
          run.alone(planned)
              ? transactions.inOneStatement(writing)
              : transactions.inTransaction(writing);
      report(run, written);
      return Optional.of(written);
    } catch (TakenOver e) {
      log.info("saga {} was taken over by another runner, this one leaves it", run.id());
      return Optional.empty();
    }
  }

  private Written write(Handle tx, SagaRun run, Move planned, Duration retryAfter) {
    Move move = planned.guarded() ? askGuard(tx, run, planned) : planned;
    Duration until = move.waits() ? waitBefore(move, retryAfter) : lease;
    // The throw takes back whatever the guard wrote.
    SagaTables.Moved moved = tables.move(tx, run, move, until).orElseThrow(TakenOver::new);
    SagaRun next = run.after(move, moved.overdue());
    if (run.isNews(move)) {
      tell(tx, next, moved.news());
    }
    return new Written(move, until, next);
  }

  private Duration waitBefore(Move move, Duration retryAfter) {
    return move.state() == State.COMPENSATION_STALLED
        ? backoffOfStalled.after(move.failures() - SagaRun.STALLED_AFTER + 1, threads.random())
        : backoff.after(move.failures(), retryAfter, threads.random());
  }

  private static Duration retryAfter(StepOutcome outcome) {
    return outcome instanceof StepOutcome.Unknown unknown ? unknown.retryAfter() : Duration.ZERO;
  }

  private static Move askGuard(Handle tx, SagaRun run, Move planned) {
    SagaStep pivot = run.definition().steps().get(planned.step());
    return pivot
        .guard()
        .flatMap(guard -> guard.refusal(tx, run.contextOfNext(planned)))
        .map(why -> run.refusedByGuard(planned, why))
        .orElse(planned);
  }

  private static void tell(Handle tx, SagaRun run, long number) {
    SagaDefinition.Ending ending = run.definition().ending();
    StepContext last = run.context();
    switch (run.state()) {
      case COMPLETED -> ending.completed(tx, last);
      case COMPENSATED -> ending.compensated(tx, last, run.reason());
      case RUNNING, COMPENSATING, COMPENSATION_STALLED -> {}
    }
    ending.told(tx, last, run.news(number));
  }

  private static void report(SagaRun run, Written written) {
    Move move = written.move();
    if (move.state() == State.COMPENSATION_STALLED && run.state() != State.COMPENSATION_STALLED) {
      log.error(
          "saga {} cannot undo step {}, it failed {} times ({}); it is still tried",
          run.id(),
          run.current().name(),
          move.failures(),
          move.lastError());
    } else if (move.waits()) {
      // A service that is away is told by its first failure; thousands of lines would hide it.
      log.atLevel(move.failures() % SAID_EVERY == 1 ? Level.WARN : Level.DEBUG)
          .log(
              "saga {} step {} failed (attempt {}: {}), next in {} ms",
              run.id(),
              run.current().name(),
              move.failures(),
              move.lastError(),
              written.until().toMillis());
    } else {
      log.debug("saga {} step {} -> {}", run.id(), run.current().name(), move.state());
    }
  }

  /**
   * A move that is in the tables.
   *
   * @param until how long the lease holds, or the saga waits
   * @param next the saga after it
   */
  private record Written(Move move, Duration until, SagaRun next) {}

  /** The token of our lease is outdated. */
  private static final class TakenOver extends RuntimeException {
    private static final long serialVersionUID = 1;

    TakenOver() {
      super(null, null, false, false);
    }
  }
}
