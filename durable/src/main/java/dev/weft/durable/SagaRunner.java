package dev.weft.durable;

import dev.weft.durable.Saga.State;
import dev.weft.durable.SagaRun.Move;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Brings every saga to its end: all steps done, or all undone. Sagas live in tables, so they go on
 * after any crash, in this process or another one.
 *
 * <p>A saga begun in a transaction runs as soon as that commits. While it runs it is leased; when
 * its runner falls silent, another one takes it up after the lease and repeats the current step
 * under the same command id. A runner that comes back too late finds its token outdated and can
 * write nothing. Several processes share the work.
 *
 * <p>A step of unknown outcome is repeated, never guessed at. Refused before or at the pivot, or
 * not past it at the soft limit, the saga undoes what ran or may have run, in reverse, until it
 * succeeds. An undoing that failed ten times no longer holds up the others; the saga then counts as
 * stalled and is still tried.
 *
 * <p>Thread-safe. Whoever makes it starts and closes it; close hands unfinished sagas to others.
 */
public final class SagaRunner implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(SagaRunner.class);
  private static final int CLAIM_MAX = 16;

  /** Of the failures of one step, the first and then every tenth is worth a line. */
  private static final int SAID_EVERY = 10;

  /** With the default waits it takes about as long as the lease. */
  private static final int WRITES_MAX = 6;

  private static final Duration LAST_STEPS_MAX = Duration.ofSeconds(5);

  private final Database database;
  private final SagaSettings settings;
  private final Backoff backoff;
  private final Set<SagaDefinition> definitions;
  private final SagaStore store;
  private final Semaphore permits;
  private final Set<UUID> running = ConcurrentHashMap.newKeySet();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition alarm = lock.newCondition();
  // Guarded by lock: when to look for due sagas, as nanoTime.
  private final PriorityQueue<Long> wakeUps = new PriorityQueue<>();
  // Whether sagas may be waiting for room rather than for their time.
  private volatile boolean crowded;
  private final CountDownLatch closing = new CountDownLatch(1);

  public SagaRunner(
      Database database, SagaSettings settings, Collection<SagaDefinition> definitions) {
    this.database = database;
    this.settings = settings;
    this.definitions = new HashSet<>(definitions);
    backoff = settings.backoff();
    store = new SagaStore(UuidV7.next(), definitions);
    permits = new Semaphore(settings.concurrency());
  }

  /** Starts to take up sagas, beginning with those that a dead runner left. */
  public void start() {
    Thread.ofVirtual().name("saga-poll").start(this::poll);
    Thread.ofVirtual().name("saga-lease").start(this::renew);
  }

  /**
   * Begins a saga in the caller's transaction, on the newest version of its definition. It runs
   * once the transaction commits, and never if it does not.
   *
   * @param tx a transaction of this runner's database, through its pool or another one
   * @param subject what it is about, to find it by
   * @param data what its steps need to know
   */
  public UUID begin(Handle tx, String definition, String subject, String data) {
    SagaDefinition newest =
        definitions.stream()
            .filter(d -> d.name().equals(definition))
            .reduce((one, other) -> one.version() > other.version() ? one : other)
            .orElseThrow(() -> new IllegalArgumentException("no saga definition " + definition));
    boolean ours = !closed() && permits.tryAcquire();
    if (ours) {
      // Also when the insert below fails.
      database.afterRollback(this::freePermit);
    }
    SagaRun run =
        store.insert(
            tx, newest, subject, data, ours ? Optional.of(settings.lease()) : Optional.empty());
    if (ours) {
      // Before the commit: a slow one must not let our own poll take it for abandoned.
      running.add(run.id());
      database.afterRollback(() -> running.remove(run.id()));
    }
    database.afterCommit(ours ? () -> launch(run) : this::noRoom);
    return run.id();
  }

  public Optional<Saga> find(UUID id) {
    return database.read(tx -> store.find(tx, id));
  }

  /** The sagas about a subject, oldest first. */
  public List<Saga> ofSubject(String subject) {
    return database.read(tx -> store.ofSubject(tx, subject));
  }

  /**
   * Sagas, newest first.
   *
   * @param before the last saga of the page before this one
   */
  public List<Saga> list(
      Optional<State> state, Optional<String> definition, Optional<UUID> before, int atMost) {
    return database.read(tx -> store.list(tx, state, definition, before, atMost));
  }

  /** How many sagas have not ended, by state. */
  public Map<State, Long> countsOfUnended() {
    return database.read(store::countsOfUnended);
  }

  /** Tries a waiting saga now; one that is being run, or has ended, stays as it is. */
  public Optional<Saga> retryNow(UUID id) {
    Optional<Saga> saga =
        database.inTransaction(
            tx -> {
              store.dueNow(tx, id);
              return store.find(tx, id);
            });
    wake();
    return saga;
  }

  /** Lets current steps end for a few seconds, then hands everything unfinished to others. */
  @Override
  public void close() {
    if (closed()) {
      return;
    }
    closing.countDown();
    wake();
    try {
      // All permits at once: no saga runs any more.
      boolean quiet =
          permits.tryAcquire(
              settings.concurrency(), LAST_STEPS_MAX.toMillis(), TimeUnit.MILLISECONDS);
      if (!quiet) {
        log.info("{} sagas are in the midst of a step; another runner repeats it", running.size());
      }
      database.inTransactionVoid(store::releaseAll);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      log.warn("sagas of this runner wait for the end of their lease: the database is away", e);
    }
  }

  private boolean closed() {
    return closing.getCount() == 0;
  }

  private void launch(SagaRun run) {
    running.add(run.id());
    Thread.ofVirtual()
        .name("saga-" + run.id())
        .start(
            () -> {
              try {
                drive(run);
              } catch (RuntimeException e) {
                // What the tables say is true; whoever takes the saga up next goes on from there.
                log.warn(
                    "saga {} could not be written, it goes on in {} ms at the latest",
                    run.id(),
                    settings.lease().toMillis(),
                    e);
              } finally {
                running.remove(run.id());
                freePermit();
              }
            });
  }

  private void drive(SagaRun begun) {
    SagaRun run = begun;
    while (true) {
      StepOutcome outcome = attempt(run);
      Optional<SagaRun> next = writePatiently(run, run.next(outcome));
      if (next.isEmpty() || closed()) {
        return;
      }
      run = next.get();
    }
  }

  private StepOutcome attempt(SagaRun run) {
    StepContext context = run.context();
    SagaStep.Action action = run.action();
    FutureTask<StepOutcome> task = new FutureTask<>(() -> action.attempt(context));
    Thread thread = Thread.ofVirtual().name("step-" + context.commandId()).start(task);
    try {
      return task.get(context.timeout().toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      thread.interrupt();
      return new StepOutcome.Unknown("no outcome within " + context.timeout().toMillis() + " ms");
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      log.debug("saga {} step {} threw", run.id(), run.current().name(), cause);
      return new StepOutcome.Unknown(String.valueOf(cause));
    } catch (InterruptedException e) {
      thread.interrupt();
      Thread.currentThread().interrupt();
      return new StepOutcome.Unknown("interrupted");
    }
  }

  /**
   * Writes, again when the database was away for a moment. Safe also when nobody knows whether a
   * write came to be: a second one finds its record there already, or its lease gone.
   */
  private Optional<SagaRun> writePatiently(SagaRun run, Move planned) {
    for (int failures = 1; ; failures++) {
      try {
        return write(run, planned);
      } catch (RuntimeException e) {
        if (failures == WRITES_MAX || !pause(backoff.after(failures))) {
          throw e;
        }
        log.debug("saga {} could not be written (failure {})", run.id(), failures, e);
      }
    }
  }

  /** Waits; false when this runner closes meanwhile. */
  private boolean pause(Duration wait) {
    try {
      return !closing.await(wait.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** The run to go on with, or nothing when it waits, has ended or is no longer ours. */
  private Optional<SagaRun> write(SagaRun run, Move planned) {
    Duration wait = backoff.after(Math.max(1, planned.failures()));
    Written written;
    try {
      written =
          database.inTransaction(
              tx -> {
                Move move = planned.guarded() ? askGuard(tx, run, planned) : planned;
                Duration until = move.waits() ? wait : settings.lease();
                // The throw takes back whatever the guard wrote.
                boolean overdue = store.move(tx, run, move, until).orElseThrow(TakenOver::new);
                end(tx, run, move);
                return new Written(move, run.after(move, overdue));
              });
    } catch (TakenOver e) {
      log.info("saga {} was taken over by another runner, this one leaves it", run.id());
      return Optional.empty();
    }
    Move move = written.move();
    report(run, move, wait);
    if (move.waits()) {
      wakeIn(wait);
    }
    return move.waits() || move.state().ended() ? Optional.empty() : Optional.of(written.next());
  }

  private static Move askGuard(Handle tx, SagaRun run, Move planned) {
    SagaStep pivot = run.definition().steps().get(planned.step());
    return pivot
        .guard()
        .flatMap(guard -> guard.refusal(tx, run.contextOfNext(planned)))
        .map(why -> run.refusedByGuard(planned, why))
        .orElse(planned);
  }

  private static void end(Handle tx, SagaRun run, Move move) {
    StepContext last = run.after(move, run.overdue()).context();
    switch (move.state()) {
      case COMPLETED -> run.definition().ending().completed(tx, last);
      case COMPENSATED -> run.definition().ending().compensated(tx, last, move.reason());
      case RUNNING, COMPENSATING, COMPENSATION_STALLED -> {}
    }
  }

  private static void report(SagaRun run, Move move, Duration wait) {
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
              wait.toMillis());
    } else {
      log.debug("saga {} step {} -> {}", run.id(), run.current().name(), move.state());
    }
  }

  private void poll() {
    boolean away = false;
    while (!closed()) {
      boolean more = false;
      try {
        more = claim();
        if (away) {
          log.info("sagas are taken up again");
        }
        away = false;
      } catch (RuntimeException e) {
        if (!away) {
          log.warn("sagas cannot be taken up, tried every {} ms", settings.poll().toMillis(), e);
        }
        away = true;
      }
      if (!more) {
        sleepUntilWoken();
      }
    }
  }

  /** Takes up what is due and fits; says whether there may be more that fits. */
  private boolean claim() {
    // Not all the room at once: sagas that begin meanwhile need no detour through the tables.
    int room = Math.min(permits.availablePermits(), CLAIM_MAX);
    if (room == 0 || !permits.tryAcquire(room)) {
      // Whoever frees a permit wakes us.
      crowded = true;
      return false;
    }
    int launched = 0;
    try {
      List<SagaRun> claimed =
          database.inTransaction(tx -> store.claim(tx, room, settings.lease(), running));
      crowded = claimed.size() == room;
      for (SagaRun run : claimed) {
        launch(run);
        launched++;
      }
    } finally {
      permits.release(room - launched);
    }
    return crowded;
  }

  private void renew() {
    try {
      while (!closing.await(settings.lease().toMillis() / 3, TimeUnit.MILLISECONDS)) {
        Set<UUID> mine = Set.copyOf(running);
        if (!mine.isEmpty()) {
          renew(mine);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void renew(Set<UUID> mine) {
    try {
      database.inTransaction(tx -> store.renew(tx, mine, settings.lease()));
    } catch (RuntimeException e) {
      log.warn("the leases of {} sagas were not renewed", mine.size(), e);
    }
  }

  private void freePermit() {
    permits.release();
    if (crowded) {
      wake();
    }
  }

  private void noRoom() {
    crowded = true;
    wake();
  }

  private void wake() {
    wakeIn(Duration.ZERO);
  }

  private void wakeIn(Duration wait) {
    lock.lock();
    try {
      wakeUps.add(System.nanoTime() + wait.toNanos());
      alarm.signal();
    } finally {
      lock.unlock();
    }
  }

  private void sleepUntilWoken() {
    // Jitter keeps several processes from asking at the same moment.
    long poll = settings.poll().toNanos();
    long end = System.nanoTime() + poll / 2 + ThreadLocalRandom.current().nextLong(poll / 2 + 1);
    lock.lock();
    try {
      while (!closed()) {
        long now = System.nanoTime();
        Long first = wakeUps.peek();
        long until = first == null ? end : Math.min(first, end);
        if (until - now <= 0) {
          wakeUps.removeIf(at -> at - now <= 0);
          return;
        }
        alarm.awaitNanos(until - now);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      lock.unlock();
    }
  }

  private record Written(Move move, SagaRun next) {}

  /** The token of our lease is outdated. */
  private static final class TakenOver extends RuntimeException {
    private static final long serialVersionUID = 1;

    TakenOver() {
      super(null, null, false, false);
    }
  }

  @Override
  public String toString() {
    return "SagaRunner["
        + definitions.stream().map(SagaDefinition::name).collect(Collectors.joining(", "))
        + "]";
  }
}
