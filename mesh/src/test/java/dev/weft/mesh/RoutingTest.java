package dev.weft.mesh;

import static dev.weft.mesh.Chains.chain;
import static dev.weft.mesh.Chains.resolver;
import static dev.weft.mesh.Chains.route;
import static dev.weft.mesh.Chains.router;
import static dev.weft.mesh.Chains.splitter;
import static dev.weft.mesh.Chains.target;
import static dev.weft.mesh.Chains.version;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.ListenableFuture;
import dev.weft.mesh.Meshes.Instance;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import dev.weft.mesh.test.EchoServiceGrpc.EchoServiceBlockingStub;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Calls that go where the registry says, over real connections. */
@Timeout(60)
class RoutingTest {
  private static final String SERVICE = "echo-svc";
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();

  private final Meshes meshes = new Meshes();
  private @Nullable Mesh caller;

  @AfterEach
  void close() {
    meshes.close();
  }

  /**
   * Begins to ask the registry when a test first wants to call, and has said there what it wants.
   */
  private Mesh caller() {
    Mesh mesh = caller;
    if (mesh == null) {
      mesh = meshes.open("caller-svc");
      caller = mesh;
    }
    return mesh;
  }

  private EchoServiceBlockingStub stub() {
    // Not the second of the contract, which is short for a first call on a busy machine.
    return EchoServiceGrpc.newBlockingStub(caller().channel(SERVICE))
        .withDeadlineAfter(50, TimeUnit.SECONDS);
  }

  private static EchoServiceBlockingStub with(
      EchoServiceBlockingStub stub, String header, String value) {
    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of(header, Metadata.ASCII_STRING_MARSHALLER), value);
    return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  private static void call(EchoServiceBlockingStub stub, int times) {
    for (int i = 0; i < times; i++) {
      assertThat(stub.write(REQUEST).getText()).isEqualTo("a");
    }
  }

  /** Calls until all of it arrives there. */
  private void callUntilAt(EchoServiceBlockingStub stub, Instance wanted) {
    await()
        .until(
            () -> {
              int before = wanted.calls();
              call(stub, 5);
              return wanted.calls() == before + 5;
            });
  }

  private void toVersion(String version) {
    meshes.consul.chain(
        SERVICE, chain("resolver:" + version, List.of(resolver(version)), version(version)));
  }

  @Test
  void theVeryFirstCallGoesWhereTheRegistrySays() {
    Instance v1 = meshes.echo(SERVICE, "v1");
    Instance v2 = meshes.echo(SERVICE, "v2");
    toVersion("v2");

    call(stub(), 20);

    assertThat(v1.calls()).isZero();
    assertThat(v2.calls()).isEqualTo(20);
  }

  @Test
  void aHeaderRoutesAndTheRestIsSplit() {
    Instance v1 = meshes.echo(SERVICE, "v1");
    Instance v2 = meshes.echo(SERVICE, "v2");
    meshes.consul.chain(
        SERVICE,
        chain(
            "router",
            List.of(
                router(
                    "router",
                    route(
                        "\"PathPrefix\":\"/\",\"Header\":[{\"Name\":\"x-canary\",\"Present\":true}]",
                        "",
                        "resolver:v2"),
                    route("\"PathPrefix\":\"/\"", "", "splitter")),
                splitter("splitter", "v1", 75, "v2", 25),
                resolver("v1"),
                resolver("v2")),
            version("v1"),
            version("v2")));

    call(with(stub(), "x-canary", "yes"), 20);
    assertThat(v2.calls()).isEqualTo(20);
    assertThat(v1.calls()).isZero();

    call(stub(), 400);
    assertThat(v1.calls()).isBetween(250, 350);
    assertThat(v1.calls() + v2.calls()).isEqualTo(420);
  }

  @Test
  void aRetryGoesToTheVersionThatWasDrawn() {
    Instance v1 = meshes.echo(SERVICE, "v1");
    Instance v2 = meshes.echo(SERVICE, "v2");
    meshes.consul.chain(
        SERVICE,
        chain(
            "splitter",
            List.of(splitter("splitter", "v1", 50, "v2", 50), resolver("v1"), resolver("v2")),
            version("v1"),
            version("v2")));
    // A retry for each ten calls: enough for those below.
    call(stub(), 100);
    AtomicInteger first = new AtomicInteger();
    AtomicInteger second = new AtomicInteger();
    v1.echo().answer = text -> failOnce(first);
    v2.echo().answer = text -> failOnce(second);

    for (int i = 0; i < 10; i++) {
      assertThat(stub().read(REQUEST).getText()).isEqualTo("a");
      // Whoever failed has answered the retry, too.
      assertThat(first.get() % 2 + second.get() % 2).isZero();
    }
  }

  private static String failOnce(AtomicInteger calls) {
    if (calls.incrementAndGet() % 2 == 1) {
      throw Rejection.unavailable("BUSY", "not this time", java.time.Duration.ZERO);
    }
    return "a";
  }

  @Test
  void changesTakeEffectUnderLoadWithoutLosingACall() throws Exception {
    Instance v1 = meshes.echo(SERVICE, "v1");
    Instance v2 = meshes.echo(SERVICE, "v2");
    Instance other = meshes.echo("other-svc");
    EchoServiceBlockingStub stub = stub();
    call(stub, 1);
    List<Throwable> lost = new ArrayList<>();
    AtomicBoolean over = new AtomicBoolean();
    Thread load =
        Thread.ofVirtual()
            .start(
                () -> {
                  while (!over.get()) {
                    Throwable thrown = catchThrowable(() -> call(stub, 1));
                    if (thrown != null) {
                      lost.add(thrown);
                    }
                  }
                });

    try {
      for (int i = 0; i < 2; i++) {
        toVersion("v1");
        await().until(() -> allArriveAt(stub, List.of(v1), List.of(v2, other)));
        toVersion("v2");
        await().until(() -> allArriveAt(stub, List.of(v2), List.of(v1, other)));
        meshes.consul.chain(
            SERVICE,
            chain(
                "resolver:other",
                List.of(resolver("other")),
                target("other", "other-svc", "dc1", "")));
        await().until(() -> allArriveAt(stub, List.of(other), List.of(v1, v2)));
        meshes.consul.noChain(SERVICE);
        await().until(() -> allArriveAt(stub, List.of(v1, v2), List.of(other)));
      }
    } finally {
      over.set(true);
      load.join();
    }
    assertThat(lost).isEmpty();
  }

  private static boolean allArriveAt(
      EchoServiceBlockingStub stub, List<Instance> wanted, List<Instance> others) {
    List<Integer> before = others.stream().map(Instance::calls).toList();
    wanted.forEach(instance -> instance.echo().calls.set(0));
    call(stub, 10);
    return wanted.stream().allMatch(instance -> instance.calls() > 0)
        && others.stream().map(Instance::calls).toList().equals(before);
  }

  @Test
  void failsOverToOtherServicesAndDatacentersAndComesBack() {
    Instance v1 = meshes.echo(SERVICE, "v1");
    Instance far = meshes.echo("far-svc");
    meshes.consul.put(SERVICE + "@dc2", "127.0.0.1", far.port());
    Instance other = meshes.echo("other-svc");
    meshes.consul.chain(
        SERVICE,
        chain(
            "resolver:v1",
            List.of(resolver("v1", "far", "other")),
            version("v1"),
            target("far", SERVICE, "dc2", ""),
            target("other", "other-svc", "dc1", "")));
    EchoServiceBlockingStub stub = stub();
    callUntilAt(stub, v1);

    meshes.consul.fail(v1.port());
    callUntilAt(stub, far);
    meshes.consul.fail(far.port());
    callUntilAt(stub, other);
    meshes.consul.pass(v1.port());
    callUntilAt(stub, v1);
  }

  @Test
  void anInstanceThatIsGoneAlthoughTheRegistryHasItIsNobodyToCall() {
    Instance v2 = meshes.echo(SERVICE, "v2");
    meshes.consul.put(SERVICE, "127.0.0.1", 1);
    meshes.consul.meta(1, "version", "v1");
    meshes.consul.chain(
        SERVICE,
        chain(
            "resolver:v1",
            List.of(resolver("v1", "v2"), resolver("v2")),
            version("v1"),
            version("v2")));

    call(stub(), 20);

    assertThat(v2.calls()).isEqualTo(20);
  }

  /** gRPC puts a channel to sleep that had no calls for half an hour. */
  @Test
  void whoIsFailedOverFromGetsNoCallsBecauseItsChannelSlept() {
    Instance other = meshes.echo("other-svc");
    meshes.consul.put(SERVICE, "127.0.0.1", 1);
    meshes.consul.meta(1, "version", "v1");
    meshes.consul.chain(
        SERVICE,
        chain(
            "resolver:v1",
            List.of(resolver("v1", "other")),
            version("v1"),
            target("other", "other-svc", "dc1", "")));
    List<ManagedChannel> channels = new CopyOnWriteArrayList<>();
    caller =
        meshes.open(
            "caller-svc",
            (target, credentials, settings) -> {
              ManagedChannel channel = new OwnLoops().open(target, credentials, settings);
              if (target.endsWith("/" + SERVICE)) {
                channels.add(channel);
              }
              return channel;
            });
    EchoServiceBlockingStub stub = stub();
    await().until(() -> catchThrowable(() -> call(stub, 5)) == null);

    for (int i = 0; i < 20; i++) {
      channels.forEach(ManagedChannel::enterIdle);
      call(stub, 5);
    }

    assertThat(other.calls()).isGreaterThanOrEqualTo(105);
    Instance v1 = meshes.echo(SERVICE, "v1");
    callUntilAt(stub, v1);
  }

  @Test
  void aRetryGoesToTheVersionThatWasDrawnThoughNoRouteLeadsThereAnyMore() throws Exception {
    Instance v1 = meshes.echo(SERVICE, "v1");
    Instance v2 = meshes.echo(SERVICE, "v2");
    Instance dark = meshes.echo(SERVICE, "dark");
    toVersion("v1");
    EchoServiceBlockingStub stub = stub();
    callUntilAt(stub, v1);
    v1.echo().calls.set(0);
    CountDownLatch changed = new CountDownLatch(1);
    AtomicInteger begun = new AtomicInteger();
    v1.echo().answer =
        text -> {
          if (begun.incrementAndGet() <= 3) {
            changed.await();
            throw Rejection.unavailable("BUSY", "not this time", java.time.Duration.ZERO);
          }
          return text;
        };
    List<ListenableFuture<EchoResponse>> replies = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      replies.add(
          EchoServiceGrpc.newFutureStub(caller().channel(SERVICE))
              .withDeadlineAfter(50, TimeUnit.SECONDS)
              .read(REQUEST));
    }
    await().until(() -> begun.get() == 3);

    toVersion("v2");
    callUntilAt(stub, v2);
    int before = v2.calls();
    changed.countDown();

    for (ListenableFuture<EchoResponse> reply : replies) {
      assertThat(reply.get().getText()).isEqualTo("a");
    }
    assertThat(v1.calls()).isEqualTo(6);
    assertThat(v2.calls()).isEqualTo(before);
    assertThat(dark.calls()).isZero();
  }

  @Test
  void aRouteGivesACallItsTimeAndNoMoreThanItsCaller() throws Exception {
    Instance instance = meshes.echo(SERVICE);
    CountDownLatch never = new CountDownLatch(1);
    instance.echo().answer =
        text -> {
          never.await();
          return text;
        };
    meshes.consul.chain(
        SERVICE,
        chain(
            "router",
            List.of(
                router(
                    "router",
                    route("\"PathPrefix\":\"/\"", "\"RequestTimeout\":\"150ms\"", "resolver:t")),
                resolver("t")),
            target("t", SERVICE, "dc1", "")));
    try {
      for (var stub : List.of(stub(), EchoServiceGrpc.newBlockingStub(caller().channel(SERVICE)))) {
        StatusRuntimeException thrown =
            (StatusRuntimeException) catchThrowable(() -> stub.write(REQUEST));
        assertThat(thrown.getStatus().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
      }
    } finally {
      never.countDown();
    }
  }

  @Test
  void aRouteSaysHowOftenACallIsRepeatedAndTheContractWhether() {
    Instance instance = meshes.echo(SERVICE);
    meshes.consul.chain(
        SERVICE,
        chain(
            "router",
            List.of(
                router(
                    "router",
                    route(
                        "\"PathPrefix\":\"/\"",
                        "\"NumRetries\":3,\"RetryOnStatusCodes\":[503]",
                        "resolver:t")),
                resolver("t")),
            target("t", SERVICE, "dc1", "")));
    call(stub(), 1);
    instance.echo().answer =
        text -> {
          throw Rejection.unavailable("BUSY", "never", java.time.Duration.ZERO);
        };
    instance.echo().calls.set(0);

    assertThat(catchThrowable(() -> stub().write(REQUEST))).isNotNull();
    assertThat(instance.calls()).as("it changes something").isEqualTo(1);
    assertThat(catchThrowable(() -> stub().read(REQUEST))).isNotNull();
    assertThat(instance.calls()).as("it reads").isEqualTo(1 + 1 + 3);
  }

  @Test
  void aRegistryThatIsAwayLeavesTheRoutesAsTheyWere() {
    Instance v1 = meshes.echo(SERVICE, "v1");
    Instance v2 = meshes.echo(SERVICE, "v2");
    toVersion("v2");
    EchoServiceBlockingStub stub = stub();
    call(stub, 5);
    List<Boolean> stale = new ArrayList<>();
    var _ = caller().consul().watchService(SERVICE, snapshot -> stale.add(snapshot.stale()));

    meshes.consul.away(true);
    await().until(() -> !stale.isEmpty() && stale.getLast());

    call(stub, 20);
    assertThat(v1.calls()).isZero();
    assertThat(v2.calls()).isEqualTo(25);
  }

  @Test
  void aServiceWithoutRoutesIsNotAskedAboutAndItsCallsCarryNothing() {
    Instance instance = meshes.echo(SERVICE);
    call(stub(), 3);
    List<CallOptions> seen = new ArrayList<>();
    ClientInterceptor look =
        new ClientInterceptor() {
          @Override
          public <ReqT, RespT> ClientCall<ReqT, RespT> interceptCall(
              MethodDescriptor<ReqT, RespT> method, CallOptions options, Channel next) {
            seen.add(options);
            return next.newCall(method, options);
          }
        };
    call(
        EchoServiceGrpc.newBlockingStub(
            ClientInterceptors.intercept(caller().channel(SERVICE), look)),
        1);

    assertThat(seen.getFirst().getOption(Choice.KEY)).isNull();
    assertThat(instance.calls()).isEqualTo(4);
    assertThat(meshes.consul.asked()).noneMatch(path -> path.startsWith("/v1/discovery-chain/"));
  }

  @Test
  void aFieldOfTheRequestKeepsCallsTogether() {
    List<Instance> instances =
        List.of(meshes.echo(SERVICE), meshes.echo(SERVICE), meshes.echo(SERVICE));
    meshes.consul.entry(
        "service-defaults",
        SERVICE,
        "\"Meta\":{\"weft-lb\":\"ring_hash\",\"weft-lb-hash\":\"field:text\"},");
    EchoServiceBlockingStub stub = stub();
    // All are connected when different keys reach all of them.
    await()
        .until(
            () -> {
              for (int i = 0; i < 20; i++) {
                stub.write(EchoRequest.newBuilder().setText("k" + i).build());
              }
              return instances.stream().allMatch(i -> i.calls() > 0);
            });

    instances.forEach(i -> i.echo().calls.set(0));
    call(stub, 30);

    assertThat(instances).extracting(Instance::calls).containsOnlyOnce(30).contains(0);
  }

  @Test
  void anInstanceThatFailsIsLeftOutAndOneThatRefusesIsNot() {
    Instance well = meshes.echo(SERVICE);
    Instance refuses = meshes.echo(SERVICE);
    Instance fails = meshes.echo(SERVICE);
    meshes.consul.entry(
        "service-defaults",
        SERVICE,
        "\"Meta\":{\"weft-outlier\":\"50\",\"weft-outlier-interval\":\"1s\","
            + "\"weft-outlier-time\":\"1h\"},");
    EchoServiceBlockingStub stub = stub();
    // So that no circuit opens because the one that fails is connected first.
    await()
        .until(
            () -> {
              call(stub, 6);
              return well.calls() > 0 && refuses.calls() > 0 && fails.calls() > 0;
            });

    refuses.echo().answer =
        text -> {
          throw Rejection.notFound("NONE_SUCH", "there is none");
        };
    fails.echo().answer =
        text -> {
          throw Rejection.unavailable("BROKEN", "not here", java.time.Duration.ZERO);
        };
    await()
        .until(
            () -> {
              int before = fails.calls();
              attempt(stub, 90);
              return fails.calls() == before;
            });

    // All are judged at the same moment.
    int before = refuses.calls();
    attempt(stub, 10);
    assertThat(refuses.calls()).isGreaterThan(before);
    assertThat(
            caller()
                .explain(SERVICE, "weft.test.v1.EchoService/Write", new Metadata())
                .places()
                .getFirst()
                .endpoints())
        .filteredOn(Explanation.Endpoint::ejected)
        .singleElement()
        .returns(fails.address(), Explanation.Endpoint::address)
        .returns(
            "it is left out for a while, because its calls failed", Explanation.Endpoint::whyNot);
  }

  private static void attempt(EchoServiceBlockingStub stub, int times) {
    for (int i = 0; i < times; i++) {
      var _ = catchThrowable(() -> stub.write(REQUEST));
    }
  }
}
