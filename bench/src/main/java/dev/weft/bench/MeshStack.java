package dev.weft.bench;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import dev.weft.bench.v1.WorkRequest;
import dev.weft.bench.v1.WorkResponse;
import dev.weft.bench.v1.WorkerServiceGrpc;
import dev.weft.consul.ConfigEntries;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.StackLayers;
import dev.weft.mesh.StackLayers.Way;
import io.grpc.Channel;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerSocketChannel;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.ToDoubleFunction;

/**
 * A unary call of 300 bytes there and back through the whole mesh (mutual TLS with certificates of
 * the registry's authority, an intention with a path, access, admission, validation, telemetry,
 * deadline, bulkhead, retries with their circuit, routes, resolver and balancer) beside the same
 * call of grpc-java as it comes, in plain text. Both ends are in this process, over loopback.
 *
 * <p>{@code MeshStack [rounds] [seconds] [whole|layers]}: 7 rounds of 3 s for each measurement,
 * both parts unless one is named. {@code whole}: both in turns with 32, 8 and 1 callers, each of
 * which makes the next call once it has its answer. {@code layers}: the ways of {@link StackLayers}
 * in turns with 8 callers; a layer's share is what its way takes more than the one before in the
 * same round. Processor time and bytes are of the whole process, so of both ends, with what
 * collecting garbage takes.
 *
 * <p>No token comes with the calls, and no metric or span leaves the process. As {@code bench/run}
 * starts it the code is that of the first compiler, as the services' of {@code ./weft up}; {@code
 * WEFT_BENCH_JVM=-XX:+UseSerialGC} has it compiled by both.
 */
public final class MeshStack {
  private static final String CALLER = "bench-caller";
  private static final String SERVICE = "bench-worker";
  private static final int[] CALLERS = {32, 8, 1};
  private static final int CALLERS_OF_LAYERS = 8;
  private static final Duration WARM_UP = Duration.ofSeconds(5);
  private static final double NANOS_PER_MICRO = 1_000;
  private static final double NANOS_PER_SECOND = 1e9;

  /** About 300 bytes on the wire, without headers. */
  private static final WorkRequest REQUEST =
      WorkRequest.newBuilder().setText("0123456789".repeat(30)).build();

  private static final OperatingSystemMXBean SYSTEM =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
  private static final ThreadMXBean THREADS =
      ManagementFactory.getPlatformMXBean(ThreadMXBean.class);

  private final int rounds;
  private final Duration each;

  private MeshStack(int rounds, Duration each) {
    this.rounds = rounds;
    this.each = each;
  }

  /** Has the answer at once. */
  private static final class Worker extends WorkerServiceGrpc.WorkerServiceImplBase {
    @Override
    public void work(WorkRequest request, StreamObserver<WorkResponse> observer) {
      observer.onNext(WorkResponse.newBuilder().setText(request.getText()).build());
      observer.onCompleted();
    }
  }

  /** How long calls took, without leaving anything to collect. */
  private static final class Times {
    private static final int NANOS_EACH = 100;

    /** Those of 50 ms and more are in the last one. */
    private static final int COUNTS = 500_000;

    private final int[] counts = new int[COUNTS];
    private long all;

    void add(long nanos) {
      counts[(int) Math.min(nanos / NANOS_EACH, COUNTS - 1)]++;
      all++;
    }

    void add(Times others) {
      for (int i = 0; i < COUNTS; i++) {
        counts[i] += others.counts[i];
      }
      all += others.all;
    }

    double micros(double percent) {
      long left = (long) (all * percent / 100);
      int i = 0;
      while (i < COUNTS - 1 && left >= counts[i]) {
        left -= counts[i];
        i++;
      }
      return i * NANOS_EACH / NANOS_PER_MICRO;
    }
  }

  /**
   * What calls took.
   *
   * @param p50 of a call, in µs, as its caller sees it
   * @param p99 the same
   * @param processor of this process for a call, in µs
   * @param bytes allocated for a call
   */
  private record Measured(
      double perSecond, double p50, double p99, double processor, double bytes) {}

  /** Runs what the arguments say. */
  public static void main(String[] arguments)
      throws IOException, InterruptedException, ExecutionException {
    int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 7;
    int seconds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 3;
    List<String> parts = arguments.length > 2 ? List.of(arguments[2]) : List.of("whole", "layers");
    if (!List.of("whole", "layers").containsAll(parts)) {
      throw new IllegalArgumentException(parts.getFirst() + " (expected: whole or layers)");
    }
    System.out.println(RunningShop.machine());
    System.out.println("code: " + ManagementFactory.getRuntimeMXBean().getInputArguments());
    Worker worker = new Worker();
    // With a thread of its own, as it would have in a process of its own.
    EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    Server server =
        NettyServerBuilder.forPort(0, InsecureServerCredentials.create())
            .channelType(EpollServerSocketChannel.class)
            .bossEventLoopGroup(loop)
            .workerEventLoopGroup(loop)
            .addService(worker)
            .build()
            .start();
    ManagedChannel bare =
        Grpc.newChannelBuilder(
                "dns:///127.0.0.1:" + server.getPort(), InsecureChannelCredentials.create())
            .build();
    try (LocalMesh mesh = LocalMesh.start()) {
      Mesh callee = mesh.open(SERVICE, LocalMesh.Wire.MUTUAL_TLS);
      Mesh caller = mesh.open(CALLER, LocalMesh.Wire.MUTUAL_TLS);
      allow(callee);
      callee.server(worker).start();
      mesh.await(SERVICE, 1);
      MeshStack bench = new MeshStack(rounds, Duration.ofSeconds(seconds));
      if (parts.contains("whole")) {
        bench.whole(bare, caller.channel(SERVICE));
      }
      if (parts.contains("layers")) {
        Mesh plain = mesh.open(CALLER, LocalMesh.Wire.PLAIN);
        try (StackLayers layers = StackLayers.open(plain, caller, callee, SERVICE, worker)) {
          List<Way> ways = new ArrayList<>();
          ways.add(new Way("grpc-java in plain text", bare));
          ways.addAll(layers.ways());
          ways.add(new Way("routes, resolver, balancer", caller.channel(SERVICE)));
          bench.layers(ways);
        }
      }
    } finally {
      bare.shutdownNow();
      server.shutdownNow();
      var _ = loop.shutdownGracefully();
    }
    System.out.println(RunningShop.machine());
    // Threads of gRPC's that it keeps for whoever comes next.
    System.exit(0);
  }

  /** Says who may call, by the path. */
  private static void allow(Mesh callee) {
    ConfigEntries entries = callee.consul().configEntries();
    entries.put(
        """
        {"Kind":"service-defaults","Name":"%s","Protocol":"grpc"}"""
            .formatted(SERVICE));
    entries.put(
        """
        {"Kind":"service-intentions","Name":"%s","Sources":[
          {"Name":"%s","Permissions":[
            {"Action":"allow","HTTP":{"PathPrefix":"/weft.bench.v1.WorkerService/"}}]},
          {"Name":"*","Action":"deny"}]}"""
            .formatted(SERVICE, CALLER));
  }

  private void whole(Channel bare, Channel mesh)
      throws IOException, InterruptedException, ExecutionException {
    for (int callers : CALLERS) {
      var _ = measure(bare, callers, WARM_UP);
      var _ = measure(mesh, callers, WARM_UP);
      List<Double> throughput = new ArrayList<>();
      List<Double> latency = new ArrayList<>();
      List<Double> processor = new ArrayList<>();
      List<Double> bytes = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        Measured without = measure(bare, callers, each);
        Measured with = measure(mesh, callers, each);
        print("bare", callers, without);
        print("mesh", callers, with);
        throughput.add(with.perSecond / without.perSecond);
        latency.add(with.p50 - without.p50);
        processor.add(with.processor - without.processor);
        bytes.add(with.bytes - without.bytes);
      }
      System.out.printf(
          Locale.ROOT,
          "%d callers, %d rounds: throughput by bare %s (bound 0.80); median later by %s µs (bound"
              + " 60); processor more by %s µs; allocated more by %s bytes; load %s%n",
          callers,
          rounds,
          Spread.of(throughput),
          Spread.of(latency),
          Spread.of(processor),
          Spread.of(bytes),
          RunningShop.load());
    }
  }

  private static void print(String what, int callers, Measured measured) {
    System.out.printf(
        Locale.ROOT,
        "  %s, %d callers: %.0f calls/s, p50 %.1f, p99 %.1f µs, processor %.1f µs, %.0f bytes%n",
        what,
        callers,
        measured.perSecond,
        measured.p50,
        measured.p99,
        measured.processor,
        measured.bytes);
  }

  private void layers(List<Way> ways) throws IOException, InterruptedException, ExecutionException {
    for (Way way : ways) {
      var _ = measure(way.channel(), CALLERS_OF_LAYERS, WARM_UP);
    }
    List<List<Measured>> all = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      List<Measured> one = new ArrayList<>();
      for (Way way : ways) {
        one.add(measure(way.channel(), CALLERS_OF_LAYERS, each));
      }
      all.add(one);
    }
    System.out.printf(
        Locale.ROOT,
        "%d callers, %d rounds; what each adds to a call, after what the first takes; load %s%n",
        CALLERS_OF_LAYERS,
        rounds,
        RunningShop.load());
    for (int i = 0; i < ways.size(); i++) {
      int at = i;
      System.out.printf(
          Locale.ROOT,
          "  %-44s processor %s µs, %s bytes%n",
          ways.get(i).added(),
          Spread.of(all.stream().map(one -> more(one, at, Measured::processor)).toList()),
          Spread.of(all.stream().map(one -> more(one, at, Measured::bytes)).toList()));
    }
  }

  /** Than the one before. */
  private static double more(List<Measured> round, int at, ToDoubleFunction<Measured> value) {
    double before = at == 0 ? 0 : value.applyAsDouble(round.get(at - 1));
    return value.applyAsDouble(round.get(at)) - before;
  }

  private static Measured measure(Channel channel, int callers, Duration length)
      throws InterruptedException, ExecutionException {
    var stub = WorkerServiceGrpc.newBlockingStub(channel);
    List<Times> times = new ArrayList<>();
    for (int i = 0; i < callers; i++) {
      times.add(new Times());
    }
    Times together = new Times();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      long processor = SYSTEM.getProcessCpuTime();
      long bytes = THREADS.getTotalThreadAllocatedBytes();
      long began = System.nanoTime();
      long end = began + length.toNanos();
      List<Future<?>> running = new ArrayList<>();
      for (Times own : times) {
        running.add(threads.submit(() -> call(stub, end, own)));
      }
      for (Future<?> one : running) {
        one.get();
      }
      double nanos = (double) (System.nanoTime() - began);
      processor = SYSTEM.getProcessCpuTime() - processor;
      bytes = THREADS.getTotalThreadAllocatedBytes() - bytes;
      times.forEach(together::add);
      double calls = (double) together.all;
      return new Measured(
          calls * NANOS_PER_SECOND / nanos,
          together.micros(50),
          together.micros(99),
          processor / NANOS_PER_MICRO / calls,
          bytes / calls);
    }
  }

  private static void call(
      WorkerServiceGrpc.WorkerServiceBlockingStub stub, long end, Times times) {
    long began = System.nanoTime();
    while (began < end) {
      var _ = stub.work(REQUEST);
      long now = System.nanoTime();
      times.add(now - began);
      began = now;
    }
  }
}
