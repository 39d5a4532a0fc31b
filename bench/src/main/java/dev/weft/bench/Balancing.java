package dev.weft.bench;

import dev.weft.bench.SteadyCalls.Answer;
import dev.weft.bench.v1.WorkRequest;
import dev.weft.bench.v1.WorkResponse;
import dev.weft.bench.v1.WorkerServiceGrpc;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.RoutingCost;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * What it costs to decide where a call goes ({@link RoutingCost}), and what becomes of calls when
 * one of three instances is twenty times slower: with round robin and with least request, beside
 * the runs in which all are well.
 *
 * <p>{@code Balancing [cost|slow] [rounds] [seconds]}: both unless one is named; 5 rounds, 15 s for
 * each of the four runs in a round. {@code slow} is in one process, over real connections in plain
 * text and a registry: 200 calls a second, whether others have been answered or not. An instance
 * takes 4 to 6 ms for each, asleep, so that the processor is not what is measured.
 */
public final class Balancing {
  private static final String SERVICE = "bench-worker";
  private static final int INSTANCES = 3;
  private static final int SLOWER = 20;
  private static final int CALLS_PER_SECOND = 200;

  /** Until a change is heard of, and the balancer knows the instances as they are now. */
  private static final Duration SETTLING = Duration.ofSeconds(5);

  private Balancing() {}

  /** An instance; how much slower than it should be. */
  private static final class Worker extends WorkerServiceGrpc.WorkerServiceImplBase {
    private final AtomicInteger calls = new AtomicInteger();
    private volatile int slower = 1;

    @Override
    public void work(WorkRequest request, StreamObserver<WorkResponse> observer) {
      calls.incrementAndGet();
      LockSupport.parkNanos(slower * ThreadLocalRandom.current().nextLong(4_000_000, 6_000_000));
      observer.onNext(WorkResponse.getDefaultInstance());
      observer.onCompleted();
    }
  }

  /** What is measured, in this order in each round. */
  private enum Run {
    HEALTHY_ROUND_ROBIN("all well, round robin", "round_robin", 1),
    HEALTHY_LEAST_REQUEST("all well, least request", "least_request", 1),
    SLOW_ROUND_ROBIN("one slow, round robin", "round_robin", SLOWER),
    SLOW_LEAST_REQUEST("one slow, least request", "least_request", SLOWER);

    private final String text;
    private final String policy;
    private final int slower;

    Run(String text, String policy, int slower) {
      this.text = text;
      this.policy = policy;
      this.slower = slower;
    }
  }

  /** Runs what the arguments say. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    String which = arguments.length > 0 ? arguments[0] : "both";
    int rounds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 5;
    Duration each = Duration.ofSeconds(arguments.length > 2 ? Integer.parseInt(arguments[2]) : 15);
    if (!List.of("both", "cost", "slow").contains(which)) {
      throw new IllegalArgumentException(which + " (expected: cost or slow)");
    }
    System.out.println(RunningShop.machine());
    if (!which.equals("slow")) {
      org.openjdk.jmh.Main.main(new String[] {RoutingCost.class.getSimpleName(), "-prof", "gc"});
    }
    if (!which.equals("cost")) {
      slow(rounds, each);
    }
    System.out.println(RunningShop.machine());
  }

  private static void slow(int rounds, Duration each) throws IOException, InterruptedException {
    try (LocalMesh mesh = LocalMesh.start()) {
      List<Worker> workers = new ArrayList<>();
      for (int i = 0; i < INSTANCES; i++) {
        Worker worker = new Worker();
        mesh.open(SERVICE, LocalMesh.Wire.PLAIN).server(worker).start();
        workers.add(worker);
      }
      mesh.await(SERVICE, INSTANCES);
      Mesh caller = mesh.open("bench-caller", LocalMesh.Wire.PLAIN);
      var stub = WorkerServiceGrpc.newBlockingStub(caller.channel(SERVICE));
      Runnable call =
          () -> {
            var _ = stub.work(WorkRequest.getDefaultInstance());
          };
      var _ = SteadyCalls.make(call, CALLS_PER_SECOND, SETTLING);
      Map<Run, List<Double>> p99 = new EnumMap<>(Run.class);
      for (int round = 0; round < rounds; round++) {
        for (Run run : Run.values()) {
          double measured = once(caller, workers, run, call, each);
          p99.computeIfAbsent(run, _ -> new ArrayList<>()).add(measured);
        }
      }
      print(p99);
    }
  }

  /** Returns the 99th percentile in ms. */
  private static double once(
      Mesh caller, List<Worker> workers, Run run, Runnable call, Duration each)
      throws InterruptedException {
    caller
        .consul()
        .configEntries()
        .put(
            """
            {"Kind":"service-defaults","Name":"%s","Protocol":"grpc","Meta":{"weft-lb":"%s"}}"""
                .formatted(SERVICE, run.policy));
    Worker first = workers.getFirst();
    first.slower = run.slower;
    var _ = SteadyCalls.make(call, CALLS_PER_SECOND, SETTLING);
    first.calls.set(0);
    List<Answer> answers = SteadyCalls.make(call, CALLS_PER_SECOND, each);
    double p99 = SteadyCalls.percentile(answers, 99);
    System.out.printf(
        Locale.ROOT,
        "  %s: p50 %.1f ms, p99 %.1f ms, %d failed, %d of %d calls by the first instance%n",
        run.text,
        SteadyCalls.percentile(answers, 50),
        p99,
        SteadyCalls.failed(answers),
        first.calls.get(),
        answers.size());
    return p99;
  }

  private static void print(Map<Run, List<Double>> p99) throws IOException {
    List<Double> healthy = p99.getOrDefault(Run.HEALTHY_LEAST_REQUEST, List.of());
    System.out.printf(
        Locale.ROOT,
        "%d calls/s to %d instances, %d rounds in turns; load %s%n",
        CALLS_PER_SECOND,
        INSTANCES,
        healthy.size(),
        RunningShop.load());
    p99.forEach(
        (run, all) -> {
          List<Double> ratios = new ArrayList<>();
          for (int i = 0; i < all.size(); i++) {
            ratios.add(all.get(i) / healthy.get(i));
          }
          System.out.println(
              run.text
                  + ": p99 "
                  + Spread.of(all)
                  + " ms, by that of least request with all well in the same round "
                  + Spread.of(ratios)
                  + (run == Run.SLOW_LEAST_REQUEST ? " (bound 1.5)" : ""));
        });
  }
}
