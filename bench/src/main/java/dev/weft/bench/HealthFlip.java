package dev.weft.bench;

import dev.weft.bench.SteadyCalls.Answer;
import dev.weft.bench.v1.WorkRequest;
import dev.weft.bench.v1.WorkResponse;
import dev.weft.bench.v1.WorkerServiceGrpc;
import dev.weft.consul.Agent;
import dev.weft.consul.Health;
import dev.weft.mesh.Mesh;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * How long an instance is still called after the registry says that it is not well: from when a
 * blocking query of this program's own is answered that a check of it is critical, to the last call
 * that arrives there. The instance serves on all the while, so that nothing but the registry's word
 * keeps calls away. A negative time means that the mesh heard of it first and stopped earlier than
 * this program heard.
 *
 * <p>{@code HealthFlip [times] [calls a second]}: 50 times, 1,000 a second over two instances, of
 * which one is critical for half a second and well again for a second and a half. Changes come less
 * often than every 250 ms, the pace that watches keep when there are many. Everything is in this
 * process, over real connections in plain text.
 */
public final class HealthFlip {
  private static final String SERVICE = "bench-worker";
  private static final String CHECK = "bench-flip";
  private static final Duration CRITICAL = Duration.ofMillis(500);
  private static final Duration WELL = Duration.ofMillis(1_500);
  private static final Duration WARM_UP = Duration.ofSeconds(5);

  /** A call comes to each instance every few milliseconds. */
  private static final Duration STILL_CALLED = Duration.ofMillis(100);

  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final double NANOS_PER_MILLI = 1e6;

  private final HttpClient http = HttpClient.newHttpClient();
  private final URI registry;
  private final BlockingQueue<Heard> heard = new LinkedBlockingQueue<>();

  private HealthFlip(URI registry) {
    this.registry = registry;
  }

  /** When a query was answered, and whether a check was critical in it. */
  private record Heard(long nanos, boolean critical) {}

  /** Remembers when it was called last. */
  private static final class Worker extends WorkerServiceGrpc.WorkerServiceImplBase {
    private volatile long last;

    @Override
    public void work(WorkRequest request, StreamObserver<WorkResponse> observer) {
      last = System.nanoTime();
      observer.onNext(WorkResponse.getDefaultInstance());
      observer.onCompleted();
    }
  }

  /** Runs it. */
  public static void main(String[] arguments)
      throws IOException, InterruptedException, ExecutionException {
    int times = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 50;
    int perSecond = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1_000;
    System.out.println(RunningShop.machine());
    try (LocalMesh mesh = LocalMesh.start()) {
      Worker flipping = new Worker();
      Mesh first = mesh.open(SERVICE, LocalMesh.Wire.PLAIN);
      first.server(flipping).start();
      mesh.await(SERVICE, 1);
      // While it is the only one.
      String id = first.consul().instances(SERVICE).getFirst().id();
      mesh.open(SERVICE, LocalMesh.Wire.PLAIN).server(new Worker()).start();
      mesh.await(SERVICE, 2);
      HealthFlip bench = new HealthFlip(mesh.registry());
      bench.addCheck(id);
      Thread.ofPlatform().daemon().name("query").start(bench::listen);
      bench.run(mesh.open("bench-caller", LocalMesh.Wire.PLAIN), flipping, times, perSecond);
    }
    System.out.println(RunningShop.machine());
    // The query still waits.
    System.exit(0);
  }

  /** One more check of the instance, which is as it is told to be. */
  private void addCheck(String id) throws IOException, InterruptedException {
    String check =
        """
        {"ID":"%s","Name":"%s","ServiceID":"%s","TTL":"24h","Status":"passing"}"""
            .formatted(CHECK, CHECK, id);
    HttpResponse<String> answer =
        http.send(
            HttpRequest.newBuilder(registry.resolve("/v1/agent/check/register"))
                .PUT(BodyPublishers.ofString(check))
                .build(),
            BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IOException("the registry refuses the check: " + answer.body());
    }
  }

  /** Asks the registry as a watch does, and says when it answered. */
  private void listen() {
    String index = "0";
    try {
      while (true) {
        HttpResponse<String> answer =
            http.send(
                HttpRequest.newBuilder(
                        registry.resolve(
                            "/v1/health/service/" + SERVICE + "?wait=55s&index=" + index))
                    .build(),
                BodyHandlers.ofString());
        long now = System.nanoTime();
        heard.add(new Heard(now, answer.body().contains("\"Status\":\"critical\"")));
        index = answer.headers().firstValue("X-Consul-Index").orElse("0");
      }
    } catch (IOException e) {
      // The registry is closed.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run(Mesh caller, Worker flipping, int times, int perSecond)
      throws IOException, InterruptedException, ExecutionException {
    var stub = WorkerServiceGrpc.newBlockingStub(caller.channel(SERVICE));
    Agent agent = caller.consul().agent();
    Duration all = WARM_UP.plus(CRITICAL.plus(WELL).multipliedBy(times));
    Runnable call =
        () -> {
          var _ = stub.work(WorkRequest.getDefaultInstance());
        };
    var calls = new FutureTask<List<Answer>>(() -> SteadyCalls.make(call, perSecond, all));
    long begun = System.nanoTime();
    Thread.ofPlatform().daemon().name("calls").start(calls);
    Thread.sleep(WARM_UP);
    List<Double> afterHeard = new ArrayList<>();
    List<Double> afterSaid = new ArrayList<>();
    for (int i = 0; i < times; i++) {
      if (System.nanoTime() - flipping.last > STILL_CALLED.toNanos()) {
        throw new IllegalStateException("the instance is not called before change " + i);
      }
      heard.clear();
      long said = System.nanoTime();
      agent.report(CHECK, Health.CRITICAL, "told to be");
      long answered = untilCritical();
      Thread.sleep(CRITICAL);
      long last = flipping.last;
      afterHeard.add((last - answered) / NANOS_PER_MILLI);
      afterSaid.add((last - said) / NANOS_PER_MILLI);
      agent.report(CHECK, Health.PASSING, "told to be");
      Thread.sleep(WELL);
    }
    // Before that the code is cold, and there may be more calls at once than a bulkhead takes.
    long warm = begun + WARM_UP.toNanos();
    List<Answer> answers = calls.get().stream().filter(answer -> answer.dueNanos() > warm).toList();
    System.out.printf(
        Locale.ROOT,
        "%d changes under %d calls/s: the last call came %s ms after a query was answered (bound"
            + " 50), %s ms after the registry was told; %d of %d calls failed: %s; load %s%n",
        times,
        perSecond,
        Spread.of(afterHeard),
        Spread.of(afterSaid),
        SteadyCalls.failed(answers),
        answers.size(),
        SteadyCalls.failures(answers),
        RunningShop.load());
  }

  private long untilCritical() throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      Heard next = heard.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
      if (next == null) {
        throw new IllegalStateException("the registry does not say that the check is critical");
      }
      if (next.critical) {
        return next.nanos;
      }
    }
  }
}
