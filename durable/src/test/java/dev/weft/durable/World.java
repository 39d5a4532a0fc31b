package dev.weft.durable;

import dev.weft.durable.Fault.Point;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A schedule: virtual time, one event after the other in an order that the seed decides, processes
 * that can be killed and paused, and a plan of what else goes wrong.
 */
final class World {
  static final long MILLI = 1_000_000;
  static final long SECOND = 1_000 * MILLI;

  /** Far beyond any schedule: something goes round in circles. */
  private static final int STEPS_MAX = 200_000;

  final SplittableRandom dice;
  private final FaultPlan plan;
  private final long healsAt;
  private final Tally<Sight> sights;
  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private final List<String> story = new ArrayList<>();
  private final boolean tells;
  private long now;
  private long made;
  private int steps;
  private @Nullable Task current;
  private @Nullable String violation;

  /**
   * @param sights added to
   * @param tells whether to keep the story, which costs
   */
  World(long seed, FaultPlan plan, Tally<Sight> sights, boolean tells) {
    this.plan = plan;
    this.sights = sights;
    this.tells = tells;
    dice = new SplittableRandom(~seed);
    healsAt = between(2 * SECOND, 40 * SECOND);
  }

  /** A process: what it has in memory dies with it, what it does stops while it is paused. */
  static final class Host {
    final String name;
    private final Consumer<Host> fate;
    private boolean alive = true;
    private long pausedUntil;
    // Threads that come to an end by themselves.
    private int busy;

    /**
     * @param fate asked wherever its code waits; may kill or pause it
     */
    Host(String name, Consumer<Host> fate) {
      this.name = name;
      this.fate = fate;
    }

    boolean alive() {
      return alive;
    }

    /** Whether something still runs, or will once it goes on. */
    boolean busy() {
      return alive && busy > 0;
    }
  }

  /** A thread of a process. */
  static final class Task {
    final Host process;
    final boolean endless;
    private final Coroutine coroutine;
    private long ticket;
    private boolean woken;
    long deadline = Long.MAX_VALUE;

    Task(Host process, boolean endless, Runnable body) {
      this.process = process;
      this.endless = endless;
      coroutine = new Coroutine(body);
    }
  }

  private record Event(long at, long order, @Nullable Host process, Runnable what)
      implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      int byTime = Long.compare(at, other.at);
      return byTime != 0 ? byTime : Long.compare(order, other.order);
    }
  }

  long now() {
    return now;
  }

  int steps() {
    return steps;
  }

  FaultPlan plan() {
    return plan;
  }

  long between(long least, long most) {
    return dice.nextLong(least, most + 1);
  }

  /**
   * Runs until it is done, something is violated, or the time is over; says whether it was done.
   */
  boolean run(BooleanSupplier done, long graceAfterHeal) {
    while (violation == null) {
      Event event = events.poll();
      if (event == null || event.at > healsAt + graceAfterHeal) {
        return false;
      }
      now = event.at;
      Host process = event.process;
      if (process != null && !process.alive) {
        continue;
      }
      if (process != null && process.pausedUntil > now) {
        // What piled up meanwhile is not seen in the order it came.
        at(process.pausedUntil + dice.nextLong(MILLI), process, event.what);
        continue;
      }
      if (++steps > STEPS_MAX) {
        violated("", "does not come to rest");
      }
      event.what.run();
      if (done.getAsBoolean()) {
        return violation == null;
      }
    }
    return false;
  }

  /** Something that happens later, unless its process is dead by then. */
  void in(long nanos, @Nullable Host process, Runnable what) {
    at(now + nanos, process, what);
  }

  private void at(long time, @Nullable Host process, Runnable what) {
    events.add(new Event(time, made++, process, what));
  }

  /**
   * Starts a thread.
   *
   * @param endless whether it only ends with its process
   */
  void start(Host process, boolean endless, Runnable body) {
    Task task = new Task(process, endless, () -> survive(body));
    if (!endless) {
      process.busy++;
    }
    in(between(1_000, 50_000), process, () -> resume(task));
  }

  private void survive(Runnable body) {
    try {
      body.run();
    } catch (RuntimeException | Error e) {
      violated("", "a thread died of " + e);
    }
  }

  private void resume(Task task) {
    current = task;
    task.coroutine.run();
    current = null;
    if (!task.endless && task.coroutine.done()) {
      task.process.busy--;
    }
  }

  Task current() {
    return Objects.requireNonNull(current, "outside of a thread");
  }

  /** Where the code of a process waits, before and after everything it does to the world. */
  void await() {
    Task task = current();
    // Those that wait most of the time would draw most of the faults, and it is all one to them.
    if (!task.endless || dice.nextInt(8) == 0) {
      task.process.fate.accept(task.process);
    }
  }

  /** What the next {@link #park} is woken by. */
  long ticket() {
    return ++current().ticket;
  }

  /** Stops the current thread; says whether it was woken, rather than the time over. */
  boolean park(long ticket, long nanos) {
    Task task = current();
    task.woken = false;
    if (nanos < Long.MAX_VALUE - now) {
      in(Math.max(0, nanos), task.process, () -> goOn(task, ticket, false));
    }
    Coroutine.await();
    return task.woken;
  }

  void wake(Task task, long ticket) {
    in(between(1_000, 50_000), task.process, () -> goOn(task, ticket, true));
  }

  private void goOn(Task task, long ticket, boolean woken) {
    if (task.ticket == ticket) {
      task.ticket++;
      task.woken = woken;
      resume(task);
    }
  }

  void sleep(long nanos) {
    park(ticket(), nanos);
  }

  /** What goes wrong here, if anything does. */
  Optional<Fault> fault(Point point) {
    if (now > healsAt) {
      return Optional.empty();
    }
    return plan.at(point);
  }

  void pause(Host process, long nanos) {
    process.pausedUntil = now + nanos;
  }

  void kill(Host process) {
    process.alive = false;
  }

  void saw(Sight sight) {
    sights.add(sight);
  }

  /** A line of the story; about one order, or about all when the subject is empty. */
  void tell(String subject, String what) {
    if (tells) {
      story.add("%10.3f s  %-8s %s".formatted(now / 1e9, subject, what));
    }
  }

  boolean tells() {
    return tells;
  }

  /** Ends the schedule; the first one counts. */
  void violated(String subject, String what) {
    if (violation == null) {
      violation = subject.isEmpty() ? what : subject + ": " + what;
      tell(subject, "VIOLATED: " + what);
    }
  }

  Optional<String> violation() {
    return Optional.ofNullable(violation);
  }

  List<String> story() {
    return story;
  }
}
