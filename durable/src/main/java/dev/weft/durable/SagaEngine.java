package dev.weft.durable;

import dev.weft.durable.Gates.Pass;
import dev.weft.durable.Threads.Signal;
import java.time.Duration;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which sagas a runner runs, and when: those begun here at once, others when they are due, all
 * under leases that it renews.
 *
 * <p>It waits, rolls dice and starts threads through {@link Threads} alone, and keeps state that
 * has to last through {@link Transactions} and {@link SagaTables} alone.
 */
final class SagaEngine {
  private static final Logger log = LoggerFactory.getLogger(SagaEngine.class);
  private static final int CLAIM_MAX = 16;

  /** While more wait than there is room for, the freed places of so many are filled at once. */
  static final int TOGETHER = 8;

  /** After which fewer are filled as well. */
  static final Duration TOGETHER_WITHIN = Duration.ofMillis(50);

  private static final Duration LAST_STEPS_MAX = Duration.ofSeconds(5);

  private final Transactions transactions;
  private final SagaTables tables;
  private final Threads threads;
  private final SagaSettings settings;
  private final Signal closing;
  private final Gates gates;
  private final SagaDriver driver;
  private final Semaphore permits;
  private final int together;
  private final Set<UUID> running = ConcurrentHashMap.newKeySet();
  private final ReentrantLock lock = new ReentrantLock();
  // Guarded by lock: when to look for due sagas, in nanoTime.
  private final PriorityQueue<Long> wakeUps = new PriorityQueue<>();
  private volatile Signal alarm;
  private volatile Signal permitFreed;
  // Whether sagas may be waiting for room rather than for their time.
  private volatile boolean crowded;
  // Only the poll's: when it last looked for due sagas, in nanoTime.
  private long claimedAt;

  SagaEngine(
      Transactions transactions,
      SagaTables tables,
      GateTable gateTable,
      Threads threads,
      SagaSettings settings) {
    this.transactions = transactions;
    this.tables = tables;
    this.threads = threads;
    this.settings = settings;
    closing = threads.signal();
    alarm = threads.signal();
    permitFreed = threads.signal();
    gates = new Gates(transactions, tables, gateTable, threads, settings, this::wakeIn);
    driver = new SagaDriver(transactions, tables, threads, settings, gates, closing);
    permits = new Semaphore(settings.concurrency());
    together = Math.clamp(settings.concurrency() / TOGETHER, 1, TOGETHER);
    claimedAt = threads.nanoTime() - TOGETHER_WITHIN.toNanos();
  }

  void start() {
    threads.start("saga-poll", this::poll);
    threads.start("saga-lease", this::renew);
  }

  UUID begin(Handle tx, SagaDefinition definition, String subject, String data) {
    boolean ours = !closing.given() && permits.tryAcquire();
    if (ours) {
      // Also when the insert below fails.
      transactions.afterRollback(this::freePermit);
    }
    SagaRun run =
        tables.insert(
            tx, definition, subject, data, ours ? Optional.of(settings.lease()) : Optional.empty());
    if (ours) {
      // Before the commit: a slow one must not let our own poll take it for abandoned.
      running.add(run.id());
      transactions.afterRollback(() -> running.remove(run.id()));
    }
    transactions.afterCommit(ours ? () -> launch(run, Pass.NONE) : this::noRoom);
    return run.id();
  }

  /** Lets current steps end for a few seconds, then hands everything unfinished to others. */
  void close() {
    if (closing.given()) {
      return;
    }
    closing.give();
    wake();
    try {
      if (!quiet()) {
        log.info("{} sagas are in the midst of a step; another runner repeats it", running.size());
      }
      transactions.inTransaction(tables::releaseAll);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      log.warn("sagas of this runner wait for the end of their lease: the database is away", e);
    }
  }

  /** Looks for due sagas now. */
  void wake() {
    wakeIn(Duration.ZERO);
  }

  /** Waits until no saga runs any more, and keeps it so; false if that takes too long. */
  private boolean quiet() throws InterruptedException {
    long end = threads.nanoTime() + LAST_STEPS_MAX.toNanos();
    while (true) {
      Signal freed = threads.signal();
      permitFreed = freed;
      if (permits.tryAcquire(settings.concurrency())) {
        return true;
      }
      if (!freed.awaitNanos(end - threads.nanoTime())) {
        return false;
      }
    }
  }

  private void launch(SagaRun run, Pass pass) {
    running.add(run.id());
    threads.start("saga-" + run.id(), () -> drive(run, pass));
  }

  private void drive(SagaRun run, Pass pass) {
    Optional<Duration> wait = Optional.empty();
    try {
      wait = driver.drive(run, pass);
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
    wait.ifPresent(this::wakeIn);
  }

  private void poll() {
    boolean away = false;
    while (!closing.given()) {
      boolean more = false;
      try {
        more = claim();
        gates.due().forEach(this::turn);
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
    Duration wait = untilWorthwhile(room);
    if (wait.isPositive()) {
      wakeIn(wait);
      return false;
    }
    if (room == 0 || !permits.tryAcquire(room)) {
      // Whoever frees a permit wakes us.
      crowded = true;
      return false;
    }
    claimedAt = threads.nanoTime();
    int launched = 0;
    try {
      SagaTables.Claim claim =
          transactions.inTransaction(tx -> tables.claim(tx, room, settings.lease(), running));
      gates.saw(claim.gates());
      crowded = claim.sagas().size() == room;
      for (SagaRun run : claim.sagas()) {
        launch(run, Pass.NONE);
        launched++;
      }
    } finally {
      permits.release(room - launched);
      permitFreed.give();
    }
    return crowded;
  }

  /** How long to wait until more room is free, so that one look fills all of it. */
  private Duration untilWorthwhile(int room) {
    return crowded && room > 0 && room < together
        ? TOGETHER_WITHIN.minusNanos(threads.nanoTime() - claimedAt)
        : Duration.ZERO;
  }

  /** Lets the next ones through a gate, as far as there is room. */
  private void turn(String dependency) {
    int room = Math.min(permits.availablePermits(), Gate.THROUGH_MAX);
    if (room == 0 || !permits.tryAcquire(room)) {
      crowded = true;
      return;
    }
    int launched = 0;
    try {
      Gates.Through through = gates.turn(dependency, room, running);
      for (SagaRun run : through.sagas()) {
        launch(run, through.pass());
        launched++;
      }
    } finally {
      permits.release(room - launched);
      permitFreed.give();
    }
  }

  private void renew() {
    try {
      while (!closing.awaitNanos(settings.lease().toNanos() / 3)) {
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
      transactions.inTransaction(tx -> tables.renew(tx, mine, settings.lease()));
    } catch (RuntimeException e) {
      log.warn("the leases of {} sagas were not renewed", mine.size(), e);
    }
  }

  private void freePermit() {
    permits.release();
    permitFreed.give();
    if (crowded) {
      wakeIn(permits.availablePermits() < together ? TOGETHER_WITHIN : Duration.ZERO);
    }
  }

  private void noRoom() {
    crowded = true;
    wake();
  }

  private void wakeIn(Duration wait) {
    lock.lock();
    try {
      wakeUps.add(threads.nanoTime() + wait.toNanos());
    } finally {
      lock.unlock();
    }
    alarm.give();
  }

  private void sleepUntilWoken() {
    // Jitter keeps several processes from asking at the same moment.
    long poll = settings.poll().toNanos();
    long end = threads.nanoTime() + poll / 2 + threads.random().nextLong(poll / 2 + 1);
    try {
      while (!closing.given()) {
        // Before the look at the wake-ups: one that is added after it gives this signal.
        Signal changed = threads.signal();
        alarm = changed;
        long wait = untilNextWakeUp(end);
        if (wait <= 0) {
          return;
        }
        changed.awaitNanos(wait);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Nothing, or less, when it is time; forgets what is past. */
  private long untilNextWakeUp(long end) {
    lock.lock();
    try {
      long now = threads.nanoTime();
      Long first = wakeUps.peek();
      long until = (first == null ? end : Math.min(first, end)) - now;
      if (until <= 0) {
        wakeUps.removeIf(at -> at - now <= 0);
      }
      return until;
    } finally {
      lock.unlock();
    }
  }
}
