package dev.weft.bench;

import dev.weft.bench.SteadyCalls.Answer;
import dev.weft.bench.v1.WorkRequest;
import dev.weft.bench.v1.WorkResponse;
import dev.weft.bench.v1.WorkerServiceGrpc;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.Rejection;
import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ClientStreamTracer;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.LongAdder;

/**
 * What becomes of calls over a chain of three services when the last one fails a share of what it
 * is asked, and how soon all is well once it no longer does: nothing is restarted. Counted are, for
 * each hop, the calls that are to be made over it, those that are sent, retries and all, and those
 * that arrive.
 *
 * <p>{@code Amplification [percent] [calls a second] [seconds well] [seconds failing] [seconds
 * healed]}: 50 % of 200 a second, for 5, 30 and 40 s. The amplification of a hop is what is sent by
 * what the service before it was asked; well below 1 means that circuits are open. The services are
 * in this process, over real connections in plain text.
 */
public final class Amplification {
  private static final String SERVICE = "bench-hop-";
  private static final int HOPS = 3;
  private static final Duration WARM_UP = Duration.ofSeconds(5);
  private static final double NANOS_PER_SECOND = 1e9;

  private final LongAdder asked = new LongAdder();
  private final List<Hop> hops = new ArrayList<>();
  private volatile int failingPercent;

  private Amplification() {}

  /** A service and the way to it. */
  private final class Hop extends WorkerServiceGrpc.WorkerServiceImplBase {
    private final LongAdder sent = new LongAdder();
    private final LongAdder received = new LongAdder();
    private final Optional<WorkerServiceGrpc.WorkerServiceBlockingStub> next;

    Hop(Optional<WorkerServiceGrpc.WorkerServiceBlockingStub> next) {
      this.next = next;
    }

    @Override
    public void work(WorkRequest request, StreamObserver<WorkResponse> observer) {
      received.increment();
      if (next.isPresent()) {
        observer.onNext(next.get().work(request));
      } else if (ThreadLocalRandom.current().nextInt(100) < failingPercent) {
        throw Rejection.unavailable("BUSY", "as it was told to be", Duration.ofSeconds(1));
      } else {
        observer.onNext(WorkResponse.getDefaultInstance());
      }
      observer.onCompleted();
    }

    /** To call it by a channel, on which every call counts that comes onto a connection. */
    WorkerServiceGrpc.WorkerServiceBlockingStub over(Channel channel) {
      return WorkerServiceGrpc.newBlockingStub(
          ClientInterceptors.intercept(channel, new Sent(sent)));
    }
  }

  /** Counts the attempts of calls that come onto a connection. */
  private static final class Sent extends ClientStreamTracer.Factory implements ClientInterceptor {
    private final LongAdder count;

    Sent(LongAdder count) {
      this.count = count;
    }

    @Override
    public <Q, P> ClientCall<Q, P> interceptCall(
        MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
      return next.newCall(method, options.withStreamTracerFactory(this));
    }

    @Override
    public ClientStreamTracer newClientStreamTracer(
        ClientStreamTracer.StreamInfo info, Metadata headers) {
      return new ClientStreamTracer() {
        @Override
        public void streamCreated(Attributes transport, Metadata sentHeaders) {
          count.increment();
        }
      };
    }
  }

  /**
   * What was counted until a moment.
   *
   * @param sent over each hop
   * @param received over each hop
   */
  private record Counted(long asked, List<Long> sent, List<Long> received) {
    /** What came since. */
    Counted since(Counted before) {
      List<Long> sentSince = new ArrayList<>();
      List<Long> receivedSince = new ArrayList<>();
      for (int i = 0; i < sent.size(); i++) {
        sentSince.add(sent.get(i) - before.sent.get(i));
        receivedSince.add(received.get(i) - before.received.get(i));
      }
      return new Counted(asked - before.asked, sentSince, receivedSince);
    }

    /** Of what is sent over a hop, by what was to be sent. */
    double amplification(int hop) {
      return (double) sent.get(hop) / (hop == 0 ? asked : received.get(hop - 1));
    }

    /** As a line of numbers: for each hop what is sent, by what was to be, and what arrives. */
    String text() {
      StringBuilder text = new StringBuilder("asked " + asked);
      for (int i = 0; i < sent.size(); i++) {
        text.append(
            String.format(
                Locale.ROOT,
                "; hop %d: %d sent (%.2f), %d arrived",
                i + 1,
                sent.get(i),
                amplification(i),
                received.get(i)));
      }
      return text.toString();
    }
  }

  /** How many seconds the last service is how. */
  private record Phases(int well, int failing, int healed) {
    Duration length() {
      return Duration.ofSeconds((long) well + failing + healed);
    }
  }

  /** Runs it. */
  public static void main(String[] arguments)
      throws IOException, InterruptedException, ExecutionException {
    int[] numbers = {50, 200, 5, 30, 40};
    for (int i = 0; i < Math.min(arguments.length, numbers.length); i++) {
      numbers[i] = Integer.parseInt(arguments[i]);
    }
    Phases phases = new Phases(numbers[2], numbers[3], numbers[4]);
    System.out.println(RunningShop.machine());
    try (LocalMesh mesh = LocalMesh.start()) {
      new Amplification().run(mesh, numbers[0], numbers[1], phases);
    }
    System.out.println(RunningShop.machine());
  }

  private void run(LocalMesh mesh, int percent, int perSecond, Phases phases)
      throws IOException, InterruptedException, ExecutionException {
    var first = chain(mesh);
    Runnable call =
        () -> {
          asked.increment();
          var _ = first.work(WorkRequest.getDefaultInstance());
        };
    var _ = SteadyCalls.make(call, perSecond, WARM_UP);
    var calls =
        new FutureTask<List<Answer>>(() -> SteadyCalls.make(call, perSecond, phases.length()));
    Thread.ofPlatform().daemon().name("calls").start(calls);
    watch("well", phases.well);
    failingPercent = percent;
    watch("failing " + percent + " %", phases.failing);
    failingPercent = 0;
    long healed = System.nanoTime();
    watch("healed", phases.healed);
    print(calls.get(), healed, perSecond);
  }

  /** Starts the services, the last one first, and returns the way to the first. */
  private WorkerServiceGrpc.WorkerServiceBlockingStub chain(LocalMesh mesh)
      throws InterruptedException {
    for (int i = HOPS; i > 0; i--) {
      Mesh own = mesh.open(SERVICE + i, LocalMesh.Wire.PLAIN);
      Hop hop =
          new Hop(
              hops.isEmpty()
                  ? Optional.empty()
                  : Optional.of(hops.getFirst().over(own.channel(SERVICE + (i + 1)))));
      hops.addFirst(hop);
      own.server(hop).start();
      mesh.await(SERVICE + i, 1);
    }
    Mesh caller = mesh.open("bench-caller", LocalMesh.Wire.PLAIN);
    return hops.getFirst().over(caller.channel(SERVICE + 1));
  }

  /** Says each second what came over the hops, and at the end what did in all of them. */
  private void watch(String phase, int seconds) throws InterruptedException {
    Counted begin = counted();
    Counted before = begin;
    long began = System.nanoTime();
    for (int i = 1; i <= seconds; i++) {
      long early = began + (long) (i * NANOS_PER_SECOND) - System.nanoTime();
      Thread.sleep(Duration.ofNanos(Math.max(0, early)));
      Counted now = counted();
      System.out.println("  " + phase + ", second " + i + ": " + now.since(before).text());
      before = now;
    }
    System.out.println(phase + ", " + seconds + " s: " + before.since(begin).text());
  }

  private Counted counted() {
    return new Counted(
        asked.sum(),
        hops.stream().map(hop -> hop.sent.sum()).toList(),
        hops.stream().map(hop -> hop.received.sum()).toList());
  }

  private static void print(List<Answer> answers, long healed, int perSecond) throws IOException {
    List<Answer> after = answers.stream().filter(one -> one.dueNanos() >= healed).toList();
    double last =
        after.stream()
            .filter(one -> !one.good())
            .mapToDouble(one -> (one.dueNanos() - healed) / NANOS_PER_SECOND)
            .max()
            .orElse(0);
    System.out.printf(
        Locale.ROOT,
        "after it was healed %d of %d calls failed, the last one %.1f s after (bound 10), at %d"
            + " calls/s; load %s%n",
        SteadyCalls.failed(after),
        after.size(),
        last,
        perSecond,
        RunningShop.load());
  }
}
