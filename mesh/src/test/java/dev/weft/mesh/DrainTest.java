package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.Consul;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Instances that stop, over real connections, while they are called. */
@Timeout(30)
class DrainTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final Duration LONG = Duration.ofSeconds(25);

  private final Meshes meshes = new Meshes();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final List<ManagedChannel> channels = new ArrayList<>();

  @AfterEach
  void close() throws InterruptedException {
    threads.shutdownNow();
    for (ManagedChannel channel : channels) {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
    meshes.close();
  }

  /** An instance of echo-svc that serves. */
  private record Instance(Mesh mesh, MeshServer server, Echo echo) {}

  private Instance instance(Duration watchers, Duration calls) {
    Mesh mesh = meshes.open("echo-svc", new MeshConfig.Drain(watchers, calls));
    Echo echo = new Echo();
    MeshServer server = mesh.server(echo);
    server.start();
    return new Instance(mesh, server, echo);
  }

  private Instance instance() {
    return instance(Duration.ofMillis(300), LONG);
  }

  private ManagedChannel direct(Instance to) {
    ManagedChannel channel = to.mesh.instanceChannel("echo-svc", "127.0.0.1", to.server.port());
    channels.add(channel);
    return channel;
  }

  /** Calls without a pause, from several threads, until it is told to stop. */
  private final class Load {
    private final AtomicInteger answered = new AtomicInteger();
    private final List<Throwable> lost = new CopyOnWriteArrayList<>();
    private final List<Future<?>> callers = new ArrayList<>();
    private volatile boolean enough;

    Load(Channel channel) {
      var stub = EchoServiceGrpc.newBlockingStub(channel);
      for (int i = 0; i < 4; i++) {
        callers.add(threads.submit(() -> call(stub)));
      }
    }

    private void call(EchoServiceGrpc.EchoServiceBlockingStub stub) {
      while (!enough && !Thread.currentThread().isInterrupted()) {
        try {
          // Not repeatable: no retry hides a loss.
          EchoResponse _ = stub.withDeadlineAfter(10, TimeUnit.SECONDS).write(REQUEST);
          answered.incrementAndGet();
        } catch (RuntimeException e) {
          lost.add(e);
        }
      }
    }

    void goOn(int calls) {
      int until = answered.get() + calls;
      await().until(() -> answered.get() >= until || !lost.isEmpty());
    }

    void stop() throws Exception {
      enough = true;
      for (Future<?> caller : callers) {
        caller.get(10, TimeUnit.SECONDS);
      }
    }
  }

  /** Replaces both of two instances, one after the other. */
  private void rollUnder(Load load, Instance first, Instance second) throws Exception {
    load.goOn(200);
    first.server.close();
    load.goOn(200);
    int served = first.echo.calls.get();
    Instance third = instance();
    await().until(() -> third.echo.calls.get() > 50 || !load.lost.isEmpty());
    second.server.close();
    load.goOn(200);
    load.stop();

    assertThat(load.lost).isEmpty();
    assertThat(first.echo.calls).as("calls after it had closed").hasValue(served);
    assertThat(first.echo.calls.get() + second.echo.calls.get() + third.echo.calls.get())
        .isEqualTo(load.answered.get());
  }

  @Test
  void aRollingRestartUnderLoadLosesNoCall() throws Exception {
    Instance first = instance();
    Instance second = instance();

    rollUnder(new Load(meshes.open("caller-svc").channel("echo-svc")), first, second);
  }

  @Test
  void neitherDoesItForAClientThatKnowsOnlyTheRegistry() throws Exception {
    Instance first = instance();
    Instance second = instance();
    try (Consul consul = Consul.connect(meshes.consul.config())) {
      // Deprecated, and the way to a provider of one's own: see OutboundStack.
      @SuppressWarnings("deprecation")
      ManagedChannel channel =
          NettyChannelBuilder.forTarget(ConsulNameResolverProvider.target("echo-svc"))
              .usePlaintext()
              .nameResolverFactory(
                  new ConsulNameResolverProvider(
                      new Pool(consul, "echo-svc", "", "", Optional.empty()), () -> {}))
              .disableServiceConfigLookUp()
              .defaultServiceConfig(
                  Map.of("loadBalancingConfig", List.of(Map.of("round_robin", Map.of()))))
              .build();
      try {
        rollUnder(new Load(channel), first, second);
      } finally {
        channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
      }
    }
  }

  @Test
  void anInstanceInMaintenanceEndsWhatItHasAndGetsNothingNewUntilItIsBack() throws Exception {
    Instance first = instance();
    Instance second = instance();
    Mesh caller = meshes.open("caller-svc");
    var streams = EchoServiceGrpc.newStub(caller.streamChannel("echo-svc"));
    List<String> replies = new CopyOnWriteArrayList<>();
    await("a stream to the first of them")
        .until(
            () -> {
              int open = first.echo.watchers.size() + second.echo.watchers.size();
              StreamObserver<EchoRequest> _ = streams.talk(into(replies));
              await().until(() -> first.echo.watchers.size() + second.echo.watchers.size() > open);
              return !first.echo.watchers.isEmpty();
            });
    CountDownLatch reached = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    first.echo.answer =
        text -> {
          if (text.equals("slow")) {
            reached.countDown();
            release.await();
          }
          return text;
        };
    var calls =
        EchoServiceGrpc.newFutureStub(caller.channel("echo-svc"))
            .withDeadlineAfter(25, TimeUnit.SECONDS);
    Deque<Future<EchoResponse>> slow = new ArrayDeque<>();
    await("a call of the first of them")
        .until(
            () -> {
              if (slow.isEmpty() || slow.element().isDone()) {
                slow.push(calls.write(EchoRequest.newBuilder().setText("slow").build()));
              }
              return reached.getCount() == 0;
            });
    Load load = new Load(caller.channel("echo-svc"));
    load.goOn(200);

    meshes.consul.maintain(first.server.port());

    await("calls to go elsewhere")
        .until(
            () -> {
              int before = first.echo.calls.get();
              load.goOn(100);
              return first.echo.calls.get() == before;
            });
    first.echo.watchers.element().onNext(EchoResponse.newBuilder().setText("b").build());
    await("its stream to go on").until(() -> replies.equals(List.of("b")));
    release.countDown();
    assertThat(slow.element().get(10, TimeUnit.SECONDS).getText())
        .as("so does its call")
        .isEqualTo("slow");
    assertThat(first.mesh.management().ready()).isTrue();
    int before = first.echo.calls.get();
    meshes.consul.endMaintenance(first.server.port());
    await("it to be called again")
        .until(() -> first.echo.calls.get() > before || !load.lost.isEmpty());
    load.stop();
    assertThat(load.lost).isEmpty();
    assertThat(second.echo.calls.get()).isPositive();
  }

  private static StreamObserver<EchoResponse> into(List<String> replies) {
    return new StreamObserver<>() {
      @Override
      public void onNext(EchoResponse reply) {
        replies.add(reply.getText());
      }

      @Override
      public void onError(Throwable failure) {
        replies.add(String.valueOf(failure));
      }

      @Override
      public void onCompleted() {
        replies.add("completed");
      }
    };
  }

  @Test
  void isNotReadyBeforeItLeavesTheRegistryAndServesAfterIt() {
    Instance instance = instance();
    ManagedChannel channel = direct(instance);
    var health = HealthGrpc.newBlockingStub(channel);
    var stub = EchoServiceGrpc.newBlockingStub(channel);
    assertThat(instance.mesh.management().ready()).isTrue();
    List<String> seen = new CopyOnWriteArrayList<>();
    meshes.consul.onDeregister =
        () -> {
          for (String name : List.of("", "weft.test.v1.EchoService")) {
            ServingStatus status =
                health.check(HealthCheckRequest.newBuilder().setService(name).build()).getStatus();
            seen.add(status.name());
          }
          seen.add(instance.mesh.management().ready() ? "ready" : "not ready");
          seen.add(stub.write(REQUEST).getText());
        };

    instance.server.close();

    assertThat(seen).containsExactly("NOT_SERVING", "NOT_SERVING", "not ready", "a");
    assertThat(meshes.consul.registration("echo-svc")).isEmpty();
    assertThat(Status.fromThrowable(catchThrowable(() -> stub.write(REQUEST))).getCode())
        .isEqualTo(Status.Code.UNAVAILABLE);
  }

  @Test
  void isCalledNoMoreBeforeTheRegistryKnows() throws Exception {
    Instance first = instance();
    Instance second = instance();
    var stub =
        EchoServiceGrpc.newBlockingStub(meshes.open("caller-svc").channel("echo-svc"))
            .withDeadlineAfter(25, TimeUnit.SECONDS);
    await().until(() -> stub.write(REQUEST) != null && first.echo.calls.get() > 0);
    CountDownLatch told = new CountDownLatch(1);
    meshes.consul.onDeregister =
        () -> {
          try {
            told.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        };

    Future<?> closed = threads.submit(first.server::close);

    await()
        .until(
            () -> {
              int before = first.echo.calls.get();
              for (int i = 0; i < 10; i++) {
                assertThat(stub.write(REQUEST).getText()).isEqualTo("a");
              }
              return first.echo.calls.get() == before;
            });
    assertThat(closed).isNotDone();
    assertThat(second.echo.calls.get()).isGreaterThanOrEqualTo(10);
    told.countDown();
    closed.get(10, TimeUnit.SECONDS);
  }

  @Test
  void servesWhoeverHasNotHeardYetThatItLeft() throws Exception {
    Instance instance = instance(Duration.ofSeconds(1), LONG);
    Future<?> closed = threads.submit(instance.server::close);
    await().until(() -> meshes.consul.registration("echo-svc").isEmpty());

    assertThat(EchoServiceGrpc.newBlockingStub(direct(instance)).write(REQUEST).getText())
        .isEqualTo("a");

    closed.get(5, TimeUnit.SECONDS);
  }

  @Test
  void waitsForTheCallsThatRun() throws Exception {
    Instance instance = instance(Duration.ofMillis(1), LONG);
    CountDownLatch release = new CountDownLatch(1);
    instance.echo.answer =
        text -> {
          release.await();
          return text;
        };
    ManagedChannel channel = direct(instance);
    var reply = EchoServiceGrpc.newFutureStub(channel).write(REQUEST);
    await().until(() -> instance.echo.calls.get() == 1);

    Future<?> closed = threads.submit(instance.server::close);
    // Refused: from here on the server takes no connections, and the call still runs.
    await()
        .until(
            () ->
                Status.fromThrowable(
                            catchThrowable(
                                () ->
                                    EchoServiceGrpc.newBlockingStub(direct(instance))
                                        .withDeadlineAfter(1, TimeUnit.SECONDS)
                                        .watch(REQUEST)
                                        .next()))
                        .getCode()
                    == Status.Code.UNAVAILABLE);
    assertThat(closed).isNotDone();
    release.countDown();

    assertThat(reply.get(5, TimeUnit.SECONDS).getText()).isEqualTo("a");
    closed.get(5, TimeUnit.SECONDS);
  }

  @Test
  void doesNotWaitForEver() {
    Instance instance = instance(Duration.ofMillis(1), Duration.ofMillis(100));
    CountDownLatch never = new CountDownLatch(1);
    instance.echo.answer =
        text -> {
          never.await();
          return text;
        };
    var reply = EchoServiceGrpc.newFutureStub(direct(instance)).write(REQUEST);
    await().until(() -> instance.echo.calls.get() == 1);

    instance.server.close();

    assertThat(catchThrowable(() -> reply.get(5, TimeUnit.SECONDS))).isNotNull();
  }

  @Test
  void streamsAreEndedSoThatTheirClientsResumeElsewhere() throws Exception {
    Instance instance = instance(Duration.ofMillis(1), LONG);
    Iterator<EchoResponse> replies =
        EchoServiceGrpc.newBlockingStub(direct(instance)).watch(REQUEST);
    assertThat(replies.next().getText()).isEqualTo("a");

    Future<?> closed = threads.submit(instance.server::close);

    RemoteError error = RemoteError.of(catchThrowable(replies::hasNext)).orElseThrow();
    assertThat(error.code()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(error.reason()).isEqualTo("SERVER_DRAINING");
    closed.get(5, TimeUnit.SECONDS);
  }

  @Test
  void isNotHeldUpByWhoeverWatchesItsHealth() throws Exception {
    Instance instance = instance(Duration.ofMillis(1), LONG);
    var statuses =
        HealthGrpc.newBlockingStub(direct(instance)).watch(HealthCheckRequest.getDefaultInstance());
    assertThat(statuses.next().getStatus()).isEqualTo(ServingStatus.SERVING);

    Future<?> closed = threads.submit(instance.server::close);

    assertThat(statuses.next().getStatus()).isEqualTo(ServingStatus.NOT_SERVING);
    closed.get(5, TimeUnit.SECONDS);
  }

  @Test
  void closingTwiceOrBeforeItsStartIsNothing() {
    Mesh mesh = meshes.open("echo-svc");
    MeshServer server = mesh.server(new Echo());

    server.close();
    server.close();

    assertThat(catchThrowable(server::start)).isInstanceOf(IllegalStateException.class);
  }
}
