package dev.weft.durable;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Runs the production engine of sagas and the production fence through schedules that a seed
 * decides, each with faults, and judges every one.
 */
final class Simulation {
  private static final int ORDERS_MAX = 3;
  private static final int LINES_MAX = 40;

  private final long seed;
  private final Mutation mutation;
  private final AtomicLong next = new AtomicLong();
  private final AtomicReference<@Nullable Long> found = new AtomicReference<>();

  Simulation(long seed, Mutation mutation) {
    this.seed = seed;
    this.mutation = mutation;
  }

  /** What one schedule was. */
  private record Schedule(World world, int orders) {
    Optional<String> violation() {
      return world.violation();
    }
  }

  /** What all of them were together. */
  static final class Report {
    final Tally<Sight> sights = new Tally<>(Sight.class);
    final Histogram faults = new Histogram();
    final Histogram steps = new Histogram();
    final Histogram sagas = new Histogram();
    final Tally<Fault> kinds = new Tally<>(Fault.class);
    long schedules;
    // Those in which too little went wrong; they are judged, but not counted.
    long quiet;
    Optional<String> violation = Optional.empty();

    private void add(Report other) {
      sights.add(other.sights);
      kinds.add(other.kinds);
      faults.add(other.faults);
      steps.add(other.steps);
      sagas.add(other.sagas);
      schedules += other.schedules;
      quiet += other.quiet;
    }

    /** For people; in {@code millis} so many schedules ran. */
    String text(long millis) {
      StringBuilder text = new StringBuilder();
      text.append(
          "%,d schedules in %.1f s (%,d per minute); %,d more with fewer than %d faults%n"
              .formatted(
                  schedules,
                  millis / 1e3,
                  schedules * 60_000 / Math.max(1, millis),
                  quiet,
                  FaultPlan.FAULTS_MIN));
      text.append(
          "median per schedule: %d faults, %d steps, %d sagas%n"
              .formatted(faults.median(), steps.median(), sagas.median()));
      text.append(kinds.text("fault")).append(sights.text("seen "));
      return text.toString();
    }
  }

  /** How often each value up to 9,999 came. */
  static final class Histogram {
    private final int[] counts = new int[10_000];

    private void add(int value) {
      counts[Math.min(value, counts.length - 1)]++;
    }

    private void add(Histogram other) {
      Arrays.setAll(counts, i -> counts[i] + other.counts[i]);
    }

    int median() {
      long half = (Arrays.stream(counts).asLongStream().sum() + 1) / 2;
      int value = -1;
      for (long sum = 0; sum < half; ) {
        sum += counts[++value];
      }
      return Math.max(0, value);
    }
  }

  /** Runs schedules on so many threads until the time is over or one is violated. */
  Report run(Duration time, int threads) throws InterruptedException, ExecutionException {
    long end = System.nanoTime() + time.toNanos();
    List<Future<Report>> running = new ArrayList<>();
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      for (int i = 0; i < threads; i++) {
        running.add(pool.submit(() -> run(end)));
      }
    }
    Report all = new Report();
    for (Future<Report> report : running) {
      all.add(report.get());
    }
    all.violation = Optional.ofNullable(found.get()).map(this::story);
    return all;
  }

  private Report run(long end) {
    Report report = new Report();
    while (found.get() == null && System.nanoTime() < end) {
      long schedule = seedOf(next.getAndIncrement());
      Schedule done = run(schedule, FaultPlan.rolled(schedule), report.sights, false);
      SortedMap<Integer, Fault> faults = done.world.plan().injected();
      if (done.violation().isPresent()) {
        found.compareAndSet(null, schedule);
      }
      if (faults.size() < FaultPlan.FAULTS_MIN) {
        report.quiet++;
        continue;
      }
      report.schedules++;
      report.faults.add(faults.size());
      report.steps.add(done.world.steps());
      report.sagas.add(done.orders);
      faults.values().forEach(report.kinds::add);
    }
    return report;
  }

  private long seedOf(long number) {
    return seed + number * 0x9E3779B97F4A7C15L;
  }

  private Schedule run(long schedule, FaultPlan plan, Tally<Sight> sights, boolean tells) {
    World world = new World(schedule, plan, sights, tells);
    int orders = (int) world.between(1, ORDERS_MAX);
    new SimulatedShop(world, mutation, orders).run();
    return new Schedule(world, orders);
  }

  /** What happens in a schedule, line by line. */
  List<String> told(long schedule) {
    return run(schedule, FaultPlan.rolled(schedule), new Tally<>(Sight.class), true).world.story();
  }

  /** What happened in a violated schedule, with as few faults as it takes. */
  private String story(long schedule) {
    SortedMap<Integer, Fault> faults = fewest(schedule);
    World told = run(schedule, FaultPlan.of(faults), new Tally<>(Sight.class), true).world;
    return "seed %d (schedule %d), faults %s%n%s%n%s"
        .formatted(
            seed,
            schedule,
            faults,
            told.violation().orElse("only with all of its faults"),
            String.join("\n", aboutTheOrder(told)));
  }

  /** Leaves out one fault after the other, as long as the schedule stays violated. */
  private SortedMap<Integer, Fault> fewest(long schedule) {
    FaultPlan rolled = FaultPlan.rolled(schedule);
    run(schedule, rolled, new Tally<>(Sight.class), false);
    SortedMap<Integer, Fault> faults = rolled.injected();
    boolean fewer = true;
    while (fewer) {
      fewer = false;
      for (Integer point : List.copyOf(faults.keySet())) {
        SortedMap<Integer, Fault> without = new TreeMap<>(faults);
        without.remove(point);
        FaultPlan plan = FaultPlan.of(without);
        if (run(schedule, plan, new Tally<>(Sight.class), false).violation().isPresent()) {
          faults = plan.injected();
          fewer = true;
          break;
        }
      }
    }
    return faults;
  }

  /** The lines about the order that was violated, and those about all; without a long middle. */
  private static List<String> aboutTheOrder(World told) {
    String violation = told.violation().orElse("");
    String order = violation.startsWith("order-") ? violation.split(":", 2)[0] : " ";
    List<String> lines =
        told.story().stream()
            .filter(line -> !line.contains(" order-") || line.contains(order + " "))
            .toList();
    if (lines.size() <= LINES_MAX) {
      return lines;
    }
    List<String> ends = new ArrayList<>(lines.subList(0, LINES_MAX - 5));
    ends.add("            ... %d lines ...".formatted(lines.size() - LINES_MAX));
    ends.addAll(lines.subList(lines.size() - 5, lines.size()));
    return ends;
  }
}
