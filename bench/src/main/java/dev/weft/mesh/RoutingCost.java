package dev.weft.mesh;

import dev.weft.bench.v1.WorkRequest;
import dev.weft.bench.v1.WorkResponse;
import dev.weft.bench.v1.WorkerServiceGrpc;
import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientStreamTracer;
import io.grpc.ConnectivityState;
import io.grpc.ConnectivityStateInfo;
import io.grpc.EquivalentAddressGroup;
import io.grpc.LoadBalancer;
import io.grpc.LoadBalancer.PickResult;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What it costs to decide where a call goes, in nanoseconds and bytes: the route is found among
 * three, of which the first asks for a path and the second for a header, its version is drawn, and
 * one of its ten instances is taken by least request, which also hears of the call's end. {@link
 * #routed} is all of that, {@link #plain} the same call to a service that nothing is said about, by
 * round robin: the difference is what routing, splitting and least request add.
 *
 * <p>The chain is the registry's, which runs in the same process; calls end where they would come
 * onto a connection.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 3,
    jvmArgs = {"-Xmx256m", "-XX:+UseSerialGC"})
@NullUnmarked // What JMH sets up before it measures.
public class RoutingCost {
  private static final int INSTANCES = 10;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** Of a service with a router, a splitter and two subsets. */
  private static final String ROUTED = "web";

  private static final String PLAIN = "bare";
  private static final MethodDescriptor<WorkRequest, WorkResponse> METHOD =
      WorkerServiceGrpc.getWorkMethod();

  private static final ClientStreamTracer.StreamInfo INFO =
      ClientStreamTracer.StreamInfo.newBuilder().build();

  private final Metadata headers = new Metadata();
  private final CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(1, TimeUnit.HOURS);
  private DevAgent registry;
  private Consul consul;
  private Timer timer;
  private Way routed;
  private Way plain;

  /** Begins to follow both services in a registry of its own. */
  @Setup
  public void prepare() throws IOException, InterruptedException {
    headers.put(Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER), "r-1");
    registry = DevAgent.start(DevAgentConfig.inMemory());
    consul = Consul.connect(ConsulConfig.of(registry.url().toString(), Optional.empty()));
    try (HttpClient http = HttpClient.newHttpClient()) {
      for (int i = 0; i < INSTANCES; i++) {
        register(http, ROUTED, "v1", 9_000 + i);
        register(http, ROUTED, "v2", 9_100 + i);
        register(http, PLAIN, "v1", 9_200 + i);
      }
    }
    for (String entry :
        List.of(
            """
            "Kind":"service-defaults","Protocol":"grpc","Meta":{"weft-lb":"least_request"}""",
            """
            "Kind":"service-resolver","Subsets":{"v1":{"Filter":"Service.Meta.version == v1"},
              "v2":{"Filter":"Service.Meta.version == v2"}}""",
            """
            "Kind":"service-splitter","Splits":[{"Weight":90,"ServiceSubset":"v1"},
              {"Weight":10,"ServiceSubset":"v2"}]""",
            """
            "Kind":"service-router","Routes":[
              {"Match":{"HTTP":{"PathPrefix":"/weft.bench.v1.Other/"}},
               "Destination":{"ServiceSubset":"v2"}},
              {"Match":{"HTTP":{"Header":[{"Name":"x-canary","Exact":"true"}]}},
               "Destination":{"ServiceSubset":"v2"}}]""")) {
      consul.configEntries().put("{\"Name\":\"" + ROUTED + "\"," + entry + "}");
    }
    timer = new Timer();
    routed = new Way(ROUTED, LoadBalancing.LEAST_REQUEST, 3);
    plain = new Way(PLAIN, LoadBalancing.ROUND_ROBIN, 1);
  }

  /** One instance, at a port where nobody listens. */
  private void register(HttpClient http, String service, String version, int port)
      throws IOException, InterruptedException {
    String instance =
        """
        {"ID":"%d","Name":"%s","Address":"127.0.0.1","Port":%d,"Meta":{"version":"%s"}}"""
            .formatted(port, service, port, version);
    int status =
        http.send(
                HttpRequest.newBuilder(registry.url().resolve("/v1/agent/service/register"))
                    .PUT(BodyPublishers.ofString(instance))
                    .build(),
                BodyHandlers.discarding())
            .statusCode();
    if (status != 200) {
      throw new IOException("the registry refuses an instance: " + status);
    }
  }

  /** Ends what was opened. */
  @TearDown
  public void close() {
    routed.destinations.shutdown();
    plain.destinations.shutdown();
    timer.close();
    consul.close();
    registry.close();
  }

  /** All of it, for one call. */
  @Benchmark
  public Status routed() {
    return routed.call();
  }

  /** A call of a service without routes, by round robin. */
  @Benchmark
  public Status plain() {
    return plain.call();
  }

  /** Of {@link #routed}, the route and the version. */
  @Benchmark
  public Object routeAndVersion() {
    return routed.choose();
  }

  /** Of {@link #routed}, the instance and the news of the call's end. */
  @Benchmark
  public Object leastRequest() {
    return routed.take(routed.chosen, METHOD, headers);
  }

  /** Of {@link #plain}, the instance. */
  @Benchmark
  public Object roundRobin() {
    return plain.take(options, METHOD, headers);
  }

  /** The way to a service as its callers have it, but that nobody connects to its instances. */
  private final class Way {
    private final Pool pool;
    private final Destinations destinations;
    private final RoutingInterceptor routing;
    private final LoadBalancer.SubchannelPicker picker;
    private final CallOptions chosen;

    /**
     * @param subsets how many there are once the registry's word has come, that of all included
     */
    Way(String service, LoadBalancing policy, int subsets) throws InterruptedException {
      pool = new Pool(consul, service, "", "", Optional.empty());
      pool.use();
      ManagedChannel nowhere =
          ManagedChannelBuilder.forTarget("dns:///127.0.0.1:1").usePlaintext().build();
      destinations =
          new Destinations(
              service, consul, timer, _ -> new Choice.Outlet(pool, nowhere, new Taking(this)));
      destinations.follow(_ -> {});
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (!isKnown(policy, subsets)) {
        if (System.nanoTime() > end) {
          throw new IllegalStateException("the registry does not say all of " + service);
        }
        Thread.sleep(Duration.ofMillis(20));
      }
      routing = new RoutingInterceptor(destinations, ThreadLocalRandom::current);
      picker = picker(pool.view());
      chosen = subsets == 1 ? options : options.withOption(Choice.KEY, choose());
      if (!call().isOk()) {
        throw new IllegalStateException("calls of " + service + " find nobody");
      }
    }

    private boolean isKnown(LoadBalancing policy, int subsets) {
      RouteTable table = destinations.table();
      Pool.View view = pool.view();
      return table != null
          && table.isPlain() == (subsets == 1)
          && view.balancing().policy() == policy
          && view.subsets().size() == subsets
          && view.subsets().values().stream()
              .allMatch(members -> members.list().size() >= INSTANCES);
    }

    private Choice choose() {
      return destinations
          .table()
          .choose("/" + METHOD.getFullMethodName(), headers, ThreadLocalRandom.current())
          .orElseThrow();
    }

    /** Takes an instance, and tells it that the call has ended. */
    private PickResult take(CallOptions taking, MethodDescriptor<?, ?> method, Metadata sent) {
      PickResult result = picker.pickSubchannel(new Args(taking, method, sent));
      ClientStreamTracer.Factory tracers = result.getStreamTracerFactory();
      if (tracers != null) {
        tracers.newClientStreamTracer(INFO, sent).streamClosed(Status.OK);
      }
      return result;
    }

    private Status call() {
      Ended ended = new Ended();
      ClientCall<WorkRequest, WorkResponse> call =
          routing.interceptCall(METHOD, options, destinations);
      call.start(ended, headers);
      call.request(2);
      call.sendMessage(WorkRequest.getDefaultInstance());
      call.halfClose();
      return ended.status;
    }
  }

  /** The balancer's choice once it is connected to everybody. */
  private static LoadBalancer.SubchannelPicker picker(Pool.View view) {
    Connected helper = new Connected();
    Status taken =
        new Balancer(helper, System::nanoTime, ThreadLocalRandom::current)
            .acceptResolvedAddresses(
                LoadBalancer.ResolvedAddresses.newBuilder()
                    .setAddresses(
                        view.addresses().stream().map(EquivalentAddressGroup::new).toList())
                    .setAttributes(Attributes.newBuilder().set(Pool.View.KEY, view).build())
                    .build());
    if (!taken.isOk()) {
      throw new IllegalStateException(taken.toString());
    }
    return helper.picker;
  }

  private static final class Ended extends ClientCall.Listener<WorkResponse> {
    private Status status = Status.UNKNOWN;

    @Override
    public void onClose(Status received, Metadata trailers) {
      status = received;
    }
  }

  /** Takes an instance for each call, and ends it. */
  private static final class Taking extends Channel {
    private final Way way;

    Taking(Way way) {
      this.way = way;
    }

    @Override
    public <Q, P> ClientCall<Q, P> newCall(MethodDescriptor<Q, P> method, CallOptions options) {
      return new ClientCall<>() {
        private Listener<P> listener;

        @Override
        public void start(Listener<P> responses, Metadata headers) {
          listener = responses;
          way.take(options, method, headers);
        }

        @Override
        public void request(int messages) {}

        @Override
        public void cancel(String message, Throwable cause) {}

        @Override
        public void halfClose() {
          listener.onClose(Status.OK, new Metadata());
        }

        @Override
        public void sendMessage(Q message) {}
      };
    }

    @Override
    public String authority() {
      return "bench";
    }
  }

  /** A call that looks for an instance. */
  private static final class Args extends LoadBalancer.PickSubchannelArgs {
    private final CallOptions options;
    private final MethodDescriptor<?, ?> method;
    private final Metadata headers;

    Args(CallOptions options, MethodDescriptor<?, ?> method, Metadata headers) {
      this.options = options;
      this.method = method;
      this.headers = headers;
    }

    @Override
    public CallOptions getCallOptions() {
      return options;
    }

    @Override
    public Metadata getHeaders() {
      return headers;
    }

    @Override
    public MethodDescriptor<?, ?> getMethodDescriptor() {
      return method;
    }
  }

  /** A channel whose connections are there as soon as they are wanted. */
  private static final class Connected extends LoadBalancer.Helper {
    private LoadBalancer.SubchannelPicker picker;

    @Override
    public LoadBalancer.Subchannel createSubchannel(LoadBalancer.CreateSubchannelArgs args) {
      return new Connection(args.getAddresses());
    }

    @Override
    public void updateBalancingState(
        ConnectivityState state, LoadBalancer.SubchannelPicker newPicker) {
      picker = newPicker;
    }

    @Override
    public String getAuthority() {
      return "bench";
    }

    @Override
    public ManagedChannel createOobChannel(EquivalentAddressGroup group, String authority) {
      throw new UnsupportedOperationException();
    }
  }

  private static final class Connection extends LoadBalancer.Subchannel {
    private final List<EquivalentAddressGroup> addresses;

    Connection(List<EquivalentAddressGroup> addresses) {
      this.addresses = addresses;
    }

    @Override
    public void start(LoadBalancer.SubchannelStateListener listener) {
      listener.onSubchannelState(ConnectivityStateInfo.forNonError(ConnectivityState.READY));
    }

    @Override
    public void shutdown() {}

    @Override
    public void requestConnection() {}

    @Override
    public List<EquivalentAddressGroup> getAllAddresses() {
      return addresses;
    }

    @Override
    public Attributes getAttributes() {
      return Attributes.EMPTY;
    }
  }
}
