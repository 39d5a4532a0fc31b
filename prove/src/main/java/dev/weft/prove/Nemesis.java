package dev.weft.prove;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Inflicts faults, one after the other, while customers shop. */
final class Nemesis {
  private static final Duration CALM = Duration.ofSeconds(2);
  private static final Duration RECOVERS = Duration.ofSeconds(60);

  private final Shop shop;
  private final History history;
  private final Workload workload;
  private final Report report;

  Nemesis(Shop shop, History history, Workload workload, Report report) {
    this.shop = shop;
    this.history = history;
    this.workload = workload;
    this.report = report;
  }

  /**
   * @param only the names of those that are wanted
   * @param soak how long random faults are inflicted; null for each fault once
   */
  List<Fault.Outcome> run(long seed, Pattern only, @Nullable Duration soak) {
    List<Fault> faults =
        Fault.all(shop, history).stream()
            .filter(fault -> only.matcher(fault.name()).matches())
            .toList();
    CountDownLatch enough = new CountDownLatch(1);
    Thread customers = Thread.ofVirtual().unstarted(() -> workload.run(enough));
    List<Throwable> failed = new ArrayList<>();
    customers.setUncaughtExceptionHandler((_, e) -> failed.add(e));
    customers.start();
    List<Fault.Outcome> outcomes;
    try {
      Shop.pause(CALM);
      outcomes = soak == null ? each(faults) : random(faults, new Random(seed), soak);
    } finally {
      enough.countDown();
      join(customers);
    }
    if (!failed.isEmpty()) {
      throw new ProofException("the workload failed: " + failed.getFirst(), failed.getFirst());
    }
    return outcomes;
  }

  private List<Fault.Outcome> each(List<Fault> faults) {
    return faults.stream().map(this::inflict).toList();
  }

  private List<Fault.Outcome> random(List<Fault> faults, Random random, Duration soak) {
    List<Fault.Outcome> outcomes = new ArrayList<>();
    long end = System.nanoTime() + soak.toNanos();
    while (System.nanoTime() < end) {
      outcomes.add(inflict(faults.get(random.nextInt(faults.size()))));
    }
    return outcomes;
  }

  private Fault.Outcome inflict(Fault fault) {
    fault.inflict().run();
    try {
      Shop.pause(fault.lasts());
    } finally {
      fault.heal().run();
    }
    long healed = System.nanoTime();
    // What was killed is noticed a moment later.
    Shop.pause(Duration.ofMillis(300));
    boolean recovered = shop.awaitReady(RECOVERS);
    Fault.Outcome outcome =
        new Fault.Outcome(fault.name(), recovered, (System.nanoTime() - healed) / 1_000_000);
    report.fault(outcome);
    Shop.pause(CALM);
    return outcome;
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }
}
