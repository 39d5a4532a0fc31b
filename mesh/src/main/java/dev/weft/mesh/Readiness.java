package dev.weft.mesh;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Whether a process can serve: the result of its named checks. A critical check that fails makes
 * the process not ready; another one makes it degraded, which is still ready. Before there is any
 * critical check it is not ready either: its parts are still being made.
 *
 * <p>Checks run at the same time on threads of their own, each for at most {@code timeout}. A
 * result is reused for {@code reuse}, so that nobody can load a database by asking often; a bad one
 * for less, because somebody waits for the good one.
 *
 * <p>Thread-safe.
 */
final class Readiness {
  enum State {
    READY,
    DEGRADED,
    NOT_READY,
    DRAINING
  }

  record Result(String name, boolean critical, Optional<String> problem, Duration took) {}

  record Report(State state, List<Result> results) {
    boolean serves() {
      return state == State.READY || state == State.DEGRADED;
    }
  }

  private record Entry(String name, boolean critical, Check check) {}

  private static final Duration REUSE_BAD = Duration.ofMillis(100);

  private final Duration timeout;
  private final Duration reuse;
  private final ReentrantLock lock = new ReentrantLock();
  private volatile List<Entry> entries = List.of();
  private volatile boolean draining;
  private volatile Report last = new Report(State.NOT_READY, List.of());
  private volatile long lastAt;
  private final AtomicLong changes = new AtomicLong();
  private volatile long changesSeen = -1;

  Readiness(Duration timeout, Duration reuse) {
    this.timeout = timeout;
    this.reuse = reuse;
  }

  void add(String name, boolean critical, Check check) {
    lock.lock();
    try {
      List<Entry> more = new ArrayList<>(entries);
      more.removeIf(entry -> entry.name().equals(name));
      more.add(new Entry(name, critical, check));
      entries = List.copyOf(more);
      forget();
    } finally {
      lock.unlock();
    }
  }

  void drain() {
    draining = true;
  }

  /** What was reported may no longer be true: the next report is a new one. */
  void forget() {
    changes.incrementAndGet();
  }

  /** The last result, if it is young enough, else a new one. */
  Report report() {
    return report(false);
  }

  /** A new result, for who looks at regular times; others may reuse it. */
  Report look() {
    return report(true);
  }

  private Report report(boolean anew) {
    if (draining) {
      return new Report(State.DRAINING, last.results());
    }
    lock.lock();
    try {
      Duration usable = last.serves() || reuse.compareTo(REUSE_BAD) < 0 ? reuse : REUSE_BAD;
      // Before the checks run: what changes while they do is not in their results.
      long now = changes.get();
      if (anew || changesSeen != now || System.nanoTime() - lastAt > usable.toNanos()) {
        last = run(entries);
        lastAt = System.nanoTime();
        changesSeen = now;
      }
      return draining ? new Report(State.DRAINING, last.results()) : last;
    } finally {
      lock.unlock();
    }
  }

  private Report run(List<Entry> checks) {
    long began = System.nanoTime();
    List<FutureTask<Boolean>> tasks = new ArrayList<>();
    for (Entry entry : checks) {
      FutureTask<Boolean> task = new FutureTask<>(entry.check()::passes);
      tasks.add(task);
      Thread.ofVirtual().name("check-" + entry.name()).start(task);
    }
    List<Result> results = new ArrayList<>();
    State state = checks.stream().anyMatch(Entry::critical) ? State.READY : State.NOT_READY;
    for (int i = 0; i < checks.size(); i++) {
      Entry entry = checks.get(i);
      Optional<String> problem = await(tasks.get(i), began);
      Duration took = Duration.ofNanos(System.nanoTime() - began);
      results.add(new Result(entry.name(), entry.critical(), problem, took));
      if (problem.isPresent() && state != State.NOT_READY) {
        state = entry.critical() ? State.NOT_READY : State.DEGRADED;
      }
    }
    return new Report(state, List.copyOf(results));
  }

  private Optional<String> await(FutureTask<Boolean> task, long began) {
    try {
      long left = timeout.toNanos() - (System.nanoTime() - began);
      return task.get(Math.max(left, 0), TimeUnit.NANOSECONDS)
          ? Optional.empty()
          : Optional.of("failed");
    } catch (TimeoutException e) {
      task.cancel(true);
      return Optional.of("no answer within " + timeout.toMillis() + " ms");
    } catch (ExecutionException e) {
      // The kind only: a driver's message may hold addresses and accounts.
      return Optional.of(Objects.requireNonNullElse(e.getCause(), e).getClass().getSimpleName());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of("interrupted");
    }
  }
}
