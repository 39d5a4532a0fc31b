package dev.weft.consul;

import dev.weft.consul.LastKnown.Page;
import dev.weft.consul.LastKnown.View;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows one thing in Consul for all its listeners in this process, by blocking queries on one
 * virtual thread.
 *
 * <p><b>Index.</b> An index that went backwards starts over at 0; an answered 0 is used as 1,
 * because a query with 0 does not block.
 *
 * <p><b>Pace.</b> Two polls at once, then one per 250 ms, however often the agent wakes us; after
 * failures {@link Backoff}, up to 5 s. A listener hears of a change of content only.
 *
 * <p><b>Connections.</b> A poll that is given up still occupies its connection at the agent until
 * its wait has run out (hashicorp/consul#8524), and an agent allows 200 per address. So a poll is
 * never aborted: without listeners the watch ends after the poll in flight, and a listener that
 * comes before that takes the watch over. Polls wait for 55 s at most, and block only while they
 * hold one of the process's {@code slots}; without a slot the watch reads when its {@link Turns}
 * say so, once a second or whenever something changed.
 *
 * <p>Thread-safe.
 */
final class Watch<V, T> {
  /** One request. With index 0 it is answered at once. */
  @FunctionalInterface
  interface Query<V> {
    Page<V> poll(long index, Duration wait);

    /**
     * Whether an answer now may say something else than the one that had this index, for less than
     * the answer costs.
     */
    default boolean moved(long index) {
      return true;
    }
  }

  /** What listeners get of a view; null if there is nothing to tell them yet. */
  @FunctionalInterface
  interface Face<V, T> {
    @Nullable T of(View<V> view);
  }

  /** When a watch without a slot reads again. */
  interface Turns {
    /** Once a second, give or take a fifth. */
    Turns EVERY_SECOND =
        new Turns() {
          @Override
          public Turn now() {
            return new Turn(0, 0);
          }

          @Override
          public Act await(Turn seen, Duration atMost) throws InterruptedException {
            Thread.sleep(BACKOFF.jittered(Duration.ofSeconds(1)));
            return Act.READ;
          }
        };

    /** Where things stand, to be asked before the query. */
    Turn now();

    /**
     * Returns when it is time: at once if things stand elsewhere already.
     *
     * @param atMost what may pass for something else than the change
     */
    Act await(Turn seen, Duration atMost) throws InterruptedException;
  }

  /**
   * Where things stand.
   *
   * @param certain changes of what is watched, or of who knows what
   * @param possible changes of it or of something else, each of which moves its index if it is one
   */
  record Turn(long certain, long possible) {}

  /** What to do at a turn. */
  enum Act {
    /** Read whatever it is. */
    READ,
    /** Read if the index has moved. */
    LOOK
  }

  private static final Duration MAX_WAIT = Duration.ofSeconds(55);
  private static final Duration PACE = Duration.ofMillis(250);
  private static final Backoff BACKOFF = Backoff.upTo(Duration.ofSeconds(5));
  private static final int NO_FAILURE = -1;
  private static final Logger log = LoggerFactory.getLogger(Watch.class);

  private final String what;
  private final Query<V> query;
  private final LastKnown<V> lastKnown;
  private final Face<V, T> face;
  private final Semaphore slots;
  private final Turns turns;
  private final DiskSnapshot<V> snapshot;
  private final List<Delivery<T>> deliveries = new ArrayList<>();
  private @Nullable T current;

  // Guarded by the snapshot.
  private boolean ended;

  private int lastFailureStatus = NO_FAILURE;

  Watch(String what, Query<V> query, LastKnown<V> lastKnown, Face<V, T> face, Semaphore slots) {
    this(what, query, lastKnown, face, slots, DiskSnapshot.none());
  }

  /** One that keeps what is certain for a process after this one. */
  Watch(
      String what,
      Query<V> query,
      LastKnown<V> lastKnown,
      Face<V, T> face,
      Semaphore slots,
      DiskSnapshot<V> snapshot) {
    this(what, query, lastKnown, face, slots, snapshot, Turns.EVERY_SECOND);
  }

  /** As the others, with when to read without a slot. */
  Watch(
      String what,
      Query<V> query,
      LastKnown<V> lastKnown,
      Face<V, T> face,
      Semaphore slots,
      DiskSnapshot<V> snapshot,
      Turns turns) {
    this.turns = turns;
    this.snapshot = snapshot;
    this.what = what;
    this.query = query;
    this.lastKnown = lastKnown;
    this.face = face;
    this.slots = slots;
  }

  /** Polls until {@code retired} says so, which is asked between polls. */
  void start(BooleanSupplier retired) {
    Thread.ofVirtual()
        .name("consul-watch " + what)
        .start(
            () -> {
              TokenBucket pace = new TokenBucket(2, PACE, System::nanoTime);
              Position position = new Position(0, 0, () -> Act.READ);
              Act act = Act.READ;
              while (!retired.getAsBoolean()) {
                pause(pace.take());
                position = pollOnce(position, act);
                act = uninterrupted(position.rest());
              }
            });
  }

  synchronized void add(Delivery<T> delivery) {
    deliveries.add(delivery);
    if (current != null) {
      delivery.offer(current);
    }
  }

  synchronized void remove(Delivery<T> delivery) {
    deliveries.remove(delivery);
  }

  /** Tells nobody any more, and writes nothing: whoever ends it may take the folder away. */
  void end() {
    synchronized (this) {
      deliveries.forEach(Delivery::close);
      deliveries.clear();
    }
    synchronized (snapshot) {
      ended = true;
    }
  }

  private void keep(View<V> view, long index) {
    synchronized (snapshot) {
      if (!ended) {
        snapshot.write(view.entries(), index);
      }
    }
  }

  synchronized boolean idle() {
    return deliveries.isEmpty();
  }

  @FunctionalInterface
  private interface Rest {
    Act take() throws InterruptedException;
  }

  /** Where the next poll starts, after how many failures in a row and after what rest. */
  private record Position(long index, int failures, Rest rest) {}

  private Position pollOnce(Position position, Act act) {
    boolean slot = slots.tryAcquire();
    Turn turn = turns.now();
    Rest rest = slot ? () -> Act.READ : () -> turns.await(turn, lastKnown.patience(MAX_WAIT));
    try {
      if (!slot && act == Act.LOOK && !query.moved(position.index())) {
        return new Position(position.index(), 0, rest);
      }
      long index = slot ? position.index() : 0;
      Page<V> page = query.poll(index, lastKnown.patience(MAX_WAIT));
      View<V> view = lastKnown.accept(page);
      publish(view);
      if (!view.stale()) {
        keep(view, page.index());
      }
      if (position.failures() > 0) {
        log.info("{} can be watched again after {} failures", what, position.failures());
        lastFailureStatus = NO_FAILURE;
      }
      return new Position(nextIndex(position.index(), page.index()), 0, rest);
    } catch (RuntimeException e) {
      publish(lastKnown.fail());
      int failures = position.failures() + 1;
      Duration pause = BACKOFF.after(failures);
      report(failures, pause, e);
      // The agent may have restarted with lower indexes: only a query without one answers at once.
      return new Position(0, failures, () -> read(pause));
    } finally {
      if (slot) {
        slots.release();
      }
    }
  }

  static long nextIndex(long last, long answered) {
    if (answered == 0) {
      return 1;
    }
    return Long.compareUnsigned(answered, last) < 0 ? 0 : answered;
  }

  private synchronized void publish(View<V> view) {
    T value = face.of(view);
    if (value != null && !value.equals(current)) {
      current = value;
      deliveries.forEach(delivery -> delivery.offer(value));
    }
  }

  private void report(int failures, Duration rest, RuntimeException e) {
    if (idle()) {
      return; // Nobody waits for it: the watch ends here, and perhaps the whole client.
    }
    if (!(e instanceof ConsulException failure)) {
      log.error("a bug stopped a poll of {}, next in {} ms", what, rest.toMillis(), e);
    } else if (failure.status() != lastFailureStatus) {
      lastFailureStatus = failure.status();
      log.warn(
          "{} cannot be watched, what is known stays in use, trying on: {}",
          what,
          failure.getMessage());
    } else {
      log.debug("poll {} of {} failed, next in {} ms", failures, what, rest.toMillis(), e);
    }
  }

  static void pause(Duration duration) {
    var _ = uninterrupted(() -> read(duration));
  }

  private static Act read(Duration after) throws InterruptedException {
    Thread.sleep(after);
    return Act.READ;
  }

  private static Act uninterrupted(Rest rest) {
    try {
      return rest.take();
    } catch (InterruptedException e) {
      // Nobody else knows this thread. A flag left set would fail every later poll.
      log.warn("a pause of a watch was interrupted and cut short", e);
      return Act.READ;
    }
  }
}
