package dev.weft.prove;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** Inflicts faults, one after the other, while customers shop. */
final class Nemesis {
  private static final Duration CALM = Duration.ofSeconds(2);
  private static final Duration RECOVERS = Duration.ofSeconds(60);

  private final Shop shop;
  private final History history;
  private final Meters meters;
  private final Sale sale;
  private final Workload workload;
  private final Report report;

  Nemesis(Shop shop, History history, Meters meters, Sale sale, Workload workload, Report report) {
    this.shop = shop;
    this.history = history;
    this.meters = meters;
    this.sale = sale;
    this.workload = workload;
    this.report = report;
  }

  /**
   * @param faults those that are wanted
   * @param soak how long random ones of them are inflicted; null for each once
   */
  List<Fault.Outcome> run(long seed, List<Fault> faults, @Nullable Duration soak) {
    CountDownLatch enough = new CountDownLatch(1);
    Thread customers = Thread.ofVirtual().unstarted(() -> workload.run(enough));
    List<Throwable> failed = new ArrayList<>();
    customers.setUncaughtExceptionHandler((_, e) -> failed.add(e));
    customers.start();
    List<Fault.Outcome> outcomes;
    try {
      Shop.pause(CALM);
      if (faults.isEmpty()) {
        throw new ProofException("no fault has such a name");
      }
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
    // Who is killed cannot be asked afterwards.
    meters.look();
    Fault.Inflicted inflicted = fault.inflict().get();
    try {
      Shop.pause(fault.lasts());
    } finally {
      inflicted.heal();
    }
    long healed = System.nanoTime();
    // What was killed is noticed a moment later.
    Shop.pause(Duration.ofMillis(300));
    boolean ready = shop.awaitReady(RECOVERS);
    // A fault has ended when what it killed is there again.
    history.healed();
    boolean recovered = ready && sale.comesTrue(RECOVERS);
    Fault.Outcome outcome =
        new Fault.Outcome(
            fault.name(), recovered, (System.nanoTime() - healed) / 1_000_000, inflicted.bite());
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
