package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientCall;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.TlsServerCredentials;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;

/** TLS between services, over sockets. */
@Timeout(60)
class MeshTlsTest {
  private static final String LOOPBACK = "127.0.0.1";
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();

  private final TestCa ca = new TestCa(TestCa.DOMAIN);
  private final Meshes meshes = new Meshes();
  private final List<ManagedChannel> channels = new ArrayList<>();
  private final List<Server> strangers = new ArrayList<>();

  @AfterEach
  void close() throws InterruptedException {
    for (ManagedChannel channel : channels) {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
    for (Server server : strangers) {
      server.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
    meshes.close();
  }

  private MeshServer echo() {
    MeshServer server = meshes.open("echo-svc", ca, IntentionMode.OFF).server(new Echo());
    server.start();
    return server;
  }

  private Mesh caller() {
    return meshes.open("caller-svc", ca, IntentionMode.OFF);
  }

  /** A server in the registry that is not of the mesh. */
  private void stranger(ServerCredentials credentials) throws IOException {
    Server server =
        NettyServerBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), credentials)
            .addService(new Echo())
            .build()
            .start();
    strangers.add(server);
    meshes.consul.put("echo-svc", LOOPBACK, server.getPort());
  }

  private static ServerCredentials presenting(TestCa.Leaf leaf) throws IOException {
    return TlsServerCredentials.create(stream(leaf.chainPem()), stream(leaf.keyPem()));
  }

  private static InputStream stream(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.US_ASCII));
  }

  /** A client that is not of the mesh and believes everybody. */
  private ManagedChannel stranger(MeshServer to, ChannelCredentials credentials) {
    ManagedChannel channel =
        NettyChannelBuilder.forAddress(LOOPBACK, to.port(), credentials).build();
    channels.add(channel);
    return channel;
  }

  private static TlsChannelCredentials.Builder believing() {
    return TlsChannelCredentials.newBuilder()
        .trustManager(InsecureTrustManagerFactory.INSTANCE.getTrustManagers());
  }

  private static EchoServiceGrpc.EchoServiceBlockingStub stub(Channel channel) {
    return EchoServiceGrpc.newBlockingStub(channel).withDeadlineAfter(50, TimeUnit.SECONDS);
  }

  private static RemoteError failure(Channel channel) {
    return RemoteError.of(catchThrowable(() -> stub(channel).write(REQUEST))).orElseThrow();
  }

  private static RemoteError failureOfStream(Channel channel) throws Exception {
    CompletableFuture<RemoteError> ended = new CompletableFuture<>();
    EchoServiceGrpc.newStub(channel)
        .watch(
            REQUEST,
            new StreamObserver<>() {
              @Override
              public void onNext(EchoResponse reply) {}

              @Override
              public void onError(Throwable failure) {
                ended.complete(RemoteError.of(failure).orElseThrow());
              }

              @Override
              public void onCompleted() {}
            });
    return ended.get(30, TimeUnit.SECONDS);
  }

  @Test
  void servicesCallEachOtherAndAreRegisteredAsWhatTheyAre() {
    MeshServer server = echo();

    assertThat(stub(caller().channel("echo-svc")).write(REQUEST).getText()).isEqualTo("a");
    assertThat(meshes.consul.registration("echo-svc"))
        .hasValueSatisfying(
            registration ->
                assertThat(registration)
                    .contains("\"Connect\":{\"Native\":true}")
                    .contains("\"GRPC\":\"127.0.0.1:" + server.port() + "\"")
                    .contains("\"GRPCUseTLS\":true,\"TLSSkipVerify\":true"));
  }

  @Test
  void isNotRegisteredBeforeItHasACertificate() {
    Mesh mesh = meshes.openUncertified("echo-svc");
    MeshServer server = mesh.server(Duration.ofMillis(10), new Echo());
    server.start();
    assertThat(mesh.management().ready()).isFalse();
    assertThat(meshes.consul.registration("echo-svc")).isEmpty();

    Meshes.certify(mesh, "echo-svc", ca);

    await().until(() -> meshes.consul.registration("echo-svc").isPresent());
    assertThat(stub(caller().channel("echo-svc")).write(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void aProcessWithoutAServerIsReadyWithACertificateOnlyIfItDemandsOne() {
    Mesh mesh = meshes.openUncertified("caller-svc");
    mesh.management().readiness("own", () -> true);
    assertThat(mesh.management().ready()).isTrue();

    mesh.demandCertificate();

    assertThat(mesh.management().ready()).isFalse();
    Meshes.certify(mesh, "caller-svc", ca);
    await().until(mesh.management()::ready);
  }

  @Test
  void saysOnceThatWithoutAclsAnyProcessCanHaveAnyCertificate() {
    meshes.consul.self(200, "{\"DebugConfig\":{\"ACLsEnabled\":false}}");

    assertThat(warningsOverThreeCertificates())
        .singleElement()
        .asString()
        .contains("the registry has no ACLs", "caller-svc's too");
  }

  @ParameterizedTest
  @CsvSource({"200,'{\"DebugConfig\":{\"ACLsEnabled\":true}}'", "403,Permission denied"})
  void saysNothingOfTheSortWhereThereAreAclsAlsoIfTheyForbidToAsk(int status, String self) {
    meshes.consul.self(status, self);

    assertThat(warningsOverThreeCertificates()).isEmpty();
    assertThat(meshes.consul.asked()).contains("/v1/agent/self");
  }

  /** The agent gives the third when what it said to the first and the second is done with. */
  private List<String> warningsOverThreeCertificates() {
    Logger logger = (Logger) LoggerFactory.getLogger(MeshTls.class);
    ListAppender<ILoggingEvent> logged = new ListAppender<>();
    logged.start();
    logger.addAppender(logged);
    try {
      meshes.consul.certify(ca);
      MeshIdentity identity = Meshes.tls(meshes.openUncertified("caller-svc")).identity();
      await().until(identity::ready);
      for (int i = 0; i < 2; i++) {
        String before = alias(identity);
        meshes.consul.certify(ca);
        await().until(() -> !alias(identity).equals(before));
      }
      return logged.list.stream()
          .filter(event -> event.getLevel().equals(Level.WARN))
          .map(ILoggingEvent::getFormattedMessage)
          .filter(line -> line.contains("ACLs"))
          .toList();
    } finally {
      logger.detachAppender(logged);
    }
  }

  /** Another for each certificate. */
  private static String alias(MeshIdentity identity) {
    return Objects.requireNonNull(identity.held()).alias();
  }

  @Test
  void callsFailUntilThereIsACertificate() {
    echo();
    Mesh mesh = meshes.openUncertified("caller-svc");
    Channel channel = mesh.channel("echo-svc");
    assertThat(failure(channel).reason()).isEqualTo("NO_ROOTS");

    Meshes.certify(mesh, "caller-svc", ca);

    assertThat(stub(channel).withWaitForReady().write(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void whatCouldNotConnectTriesAgainAtOnceWhenThereIsACertificate() {
    AtomicInteger resets = new AtomicInteger();
    Mesh mesh =
        meshes.openUncertified(
            "caller-svc", (target, _, _) -> new Unconnected(target, resets::incrementAndGet));
    var _ = mesh.channel("echo-svc");
    var _ = mesh.streamChannel("echo-svc");
    int before = resets.get();

    Meshes.certify(mesh, "caller-svc", ca);

    // Those of the issuer's, too.
    assertThat(resets.get() - before).isGreaterThanOrEqualTo(2);
    int after = resets.get();
    give(mesh, ca.leaf("caller-svc"));
    assertThat(resets).hasValue(after);
  }

  /** A channel that never has a connection. */
  private static final class Unconnected extends ManagedChannel {
    private final String target;
    private final Runnable onReset;

    Unconnected(String target, Runnable onReset) {
      this.target = target;
      this.onReset = onReset;
    }

    @Override
    public <Q, P> ClientCall<Q, P> newCall(MethodDescriptor<Q, P> method, CallOptions options) {
      return new ClientCall<>() {
        @Override
        public void start(Listener<P> listener, Metadata headers) {
          listener.onClose(Status.UNAVAILABLE, new Metadata());
        }

        @Override
        public void request(int messages) {}

        @Override
        public void cancel(@Nullable String message, @Nullable Throwable cause) {}

        @Override
        public void halfClose() {}

        @Override
        public void sendMessage(Q message) {}
      };
    }

    @Override
    public String authority() {
      return target;
    }

    @Override
    public void resetConnectBackoff() {
      onReset.run();
    }

    @Override
    public ManagedChannel shutdown() {
      return this;
    }

    @Override
    public ManagedChannel shutdownNow() {
      return this;
    }

    @Override
    public boolean isShutdown() {
      return false;
    }

    @Override
    public boolean isTerminated() {
      return true;
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) {
      return true;
    }
  }

  @Test
  void withoutACertificateOneCanAskForItsHealthAndNothingElse() throws Exception {
    MeshServer server = echo();
    ManagedChannel channel = stranger(server, believing().build());

    assertThat(
            HealthGrpc.newBlockingStub(channel)
                .check(HealthCheckRequest.getDefaultInstance())
                .getStatus())
        .isEqualTo(ServingStatus.SERVING);
    RemoteError refused = failure(channel);
    assertThat(refused.code()).isEqualTo(Status.Code.UNAUTHENTICATED);
    assertThat(refused.reason()).isEqualTo("CERTIFICATE_MISSING");
    assertThat(refused.domain()).isEqualTo("echo-svc.weft");
    CompletableFuture<ServerReflectionResponse> told = new CompletableFuture<>();
    ServerReflectionGrpc.newStub(channel)
        .serverReflectionInfo(
            new StreamObserver<>() {
              @Override
              public void onNext(ServerReflectionResponse answer) {
                told.complete(answer);
              }

              @Override
              public void onError(Throwable failure) {
                told.completeExceptionally(failure);
              }

              @Override
              public void onCompleted() {}
            })
        .onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
    Throwable failed = catchThrowable(() -> told.get(30, TimeUnit.SECONDS));
    assertThat(failed).isInstanceOf(ExecutionException.class);
    assertThat(RemoteError.of(failed).orElseThrow().reason()).isEqualTo("CERTIFICATE_MISSING");
  }

  @Test
  void aCertificateOfTheMeshWillDoWhoeverSpeaks() throws Exception {
    MeshServer server = echo();
    TestCa.Leaf leaf = ca.leaf("tool");
    ManagedChannel channel =
        stranger(
            server, believing().keyManager(stream(leaf.chainPem()), stream(leaf.keyPem())).build());

    assertThat(stub(channel).write(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void aServerThatIsAnotherServiceIsNotCalled() {
    MeshServer other = meshes.open("other-svc", ca, IntentionMode.OFF).server(new Echo());
    other.start();
    meshes.consul.put("echo-svc", LOOPBACK, other.port());

    RemoteError refused = failure(caller().channel("echo-svc"));

    assertThat(refused.code()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(refused.reason()).isEqualTo("WRONG_SERVICE");
    assertThat(refused.message())
        .isEqualTo(
            "not connected to echo-svc: the certificate is other-svc's (expected: echo-svc)");
  }

  @Test
  void aServerOfAnotherTrustDomainIsNotCalled() throws Exception {
    stranger(presenting(new TestCa("another.consul").leaf("echo-svc")));
    Channel channel = caller().channel("echo-svc");

    assertThat(failure(channel).reason()).isEqualTo("WRONG_TRUST_DOMAIN");
    Mesh caller = caller();
    assertThat(failureOfStream(caller.streamChannel("echo-svc")).reason())
        .isEqualTo("WRONG_TRUST_DOMAIN");
    assertThat(caller.telemetry().exposition("").body())
        .containsPattern(
            "weft_tls_refusals_total\\{peer=\"server\",reason=\"WRONG_TRUST_DOMAIN\"} [1-9]");
  }

  @Test
  void aServerWithACertificateThatHasEndedIsNotCalled() throws Exception {
    Instant now = Instant.now();
    stranger(presenting(ca.leaf("echo-svc", now.minus(Duration.ofHours(2)), now.minusSeconds(60))));

    assertThat(failure(caller().channel("echo-svc")).reason()).isEqualTo("CERTIFICATE_EXPIRED");
  }

  @Test
  void aServerThatSomebodyElseCertifiedIsNotCalled() throws Exception {
    stranger(presenting(new TestCa(TestCa.DOMAIN).leaf("echo-svc")));

    assertThat(failure(caller().channel("echo-svc")).reason()).isEqualTo("CERTIFICATE_NOT_TRUSTED");
  }

  @Test
  void aCallerWhoseCertificateIsRefusedHearsThatItIs() {
    echo();
    TestCa other = new TestCa(TestCa.DOMAIN);
    Mesh caller = meshes.open("caller-svc", other, IntentionMode.OFF);
    Meshes.tls(caller).identity().trust(TestCa.DOMAIN, List.of(ca.root(), other.root()));

    RemoteError refused = failure(caller.channel("echo-svc"));

    assertThat(refused.code()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(refused.reason()).isEqualTo("HANDSHAKE_REFUSED");
  }

  @Test
  void aServerWithoutTlsIsCalledOnlyWhenItIsNamed() throws Exception {
    stranger(InsecureServerCredentials.create());

    assertThat(failure(caller().channel("echo-svc")).reason()).isEqualTo("UPSTREAM_WITHOUT_TLS");
    Mesh allowing = meshes.open("caller-svc", ca, IntentionMode.OFF, "echo-svc");
    assertThat(stub(allowing.channel("echo-svc")).write(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void anExceptionEndsOnceTheServiceIsSeenToSpeakTls() throws Exception {
    stranger(InsecureServerCredentials.create());
    Mesh allowing = meshes.open("caller-svc", ca, IntentionMode.OFF, "echo-svc");
    Channel channel = allowing.channel("echo-svc");
    assertThat(stub(channel).write(REQUEST).getText()).isEqualTo("a");
    meshes.consul.remove("echo-svc");

    echo();

    int plain = strangers.getLast().getPort();
    await().until(() -> whyUnreached(allowing, plain).contains("echo-svc does not speak TLS"));
    await()
        .ignoreExceptions()
        .untilAsserted(() -> assertThat(stub(channel).write(REQUEST).getText()).isEqualTo("a"));
  }

  private static String whyUnreached(Mesh caller, int port) {
    ManagedChannel direct = caller.instanceChannel("echo-svc", LOOPBACK, port);
    try {
      stub(direct).write(REQUEST);
      return "";
    } catch (StatusRuntimeException e) {
      return Mesh.whyUnreached("echo-svc", e.getStatus()).orElse("");
    } finally {
      direct.shutdownNow();
    }
  }

  @Test
  void anExceptionEndsWhereTheServicesDefaultsSaySo() throws Exception {
    stranger(presenting(ca.leaf("echo-svc")));
    Channel channel =
        meshes.open("caller-svc", ca, IntentionMode.OFF, "echo-svc").channel("echo-svc");
    assertThat(failure(channel).code()).isEqualTo(Status.Code.UNAVAILABLE);

    meshes.consul.serviceDefaults(
        """
        [{"Kind":"service-defaults","Name":"other-svc","Meta":{"weft-tls":"required"},"ModifyIndex":1},
         {"Kind":"service-defaults","Name":"echo-svc","Meta":{"weft-tls":"required"},"ModifyIndex":1}]
        """);

    await()
        .ignoreExceptions()
        .untilAsserted(() -> assertThat(stub(channel).write(REQUEST).getText()).isEqualTo("a"));
  }

  @Test
  void aCallWithoutTlsIsToldThatItIs() {
    MeshServer server = echo();

    for (Channel plain :
        List.of(
            meshes.open("caller-svc").channel("echo-svc"),
            stranger(server, InsecureChannelCredentials.create()))) {
      RemoteError refused = failure(plain);
      assertThat(refused.code()).isEqualTo(Status.Code.UNAUTHENTICATED);
      assertThat(refused.reason()).isEqualTo("TLS_REQUIRED");
      assertThat(refused.message()).contains("WEFT_TLS", "./weft cert");
      assertThat(
              HealthGrpc.newBlockingStub(plain)
                  .check(HealthCheckRequest.getDefaultInstance())
                  .getStatus())
          .isEqualTo(ServingStatus.SERVING);
    }
  }

  @Test
  void whatIsNeitherTlsNorGrpcIsHungUpOn() throws Exception {
    MeshServer server = echo();

    for (String words : List.of("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\u0016\u0003no")) {
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
        socket.setSoTimeout(20_000);
        socket.getOutputStream().write(words.getBytes(StandardCharsets.ISO_8859_1));
        byte[] _ = socket.getInputStream().readAllBytes();
      }
    }
    assertThat(stub(caller().channel("echo-svc")).write(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void rootsAndCertificatesAreReplacedUnderLoadWithoutAFailedCall() throws Exception {
    Mesh serving = meshes.open("echo-svc", ca, IntentionMode.OFF);
    MeshServer server = serving.server(new Echo());
    server.start();
    Mesh caller = caller();
    TestCa next = new TestCa(TestCa.DOMAIN);
    AtomicBoolean enough = new AtomicBoolean();
    AtomicInteger calls = new AtomicInteger();
    AtomicInteger connections = new AtomicInteger();
    List<Throwable> failures = new CopyOnWriteArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        running.add(
            threads.submit(() -> load(enough, failures, calls, caller.channel("echo-svc"))));
      }
      running.add(
          threads.submit(
              () -> {
                // Others that connect meanwhile.
                while (!enough.get()) {
                  ManagedChannel fresh =
                      caller.instanceChannel("echo-svc", LOOPBACK, server.port());
                  try {
                    stub(fresh).write(REQUEST);
                    connections.incrementAndGet();
                  } catch (RuntimeException e) {
                    failures.add(e);
                  } finally {
                    fresh.shutdownNow();
                  }
                }
              }));
      List<Runnable> rotation = new ArrayList<>();
      for (Mesh mesh : List.of(serving, caller)) {
        rotation.add(
            () ->
                Meshes.tls(mesh).identity().trust(TestCa.DOMAIN, List.of(ca.root(), next.root())));
      }
      rotation.add(() -> give(serving, next.leaf("echo-svc", ca.crossSigned(next))));
      rotation.add(() -> give(caller, next.leaf("caller-svc", ca.crossSigned(next))));
      for (Mesh mesh : List.of(serving, caller)) {
        rotation.add(() -> Meshes.tls(mesh).identity().trust(TestCa.DOMAIN, List.of(next.root())));
      }
      try {
        for (Runnable step : rotation) {
          int callsBefore = calls.get();
          int connectionsBefore = connections.get();
          step.run();
          await()
              .atMost(Duration.ofSeconds(50))
              .until(
                  () ->
                      (calls.get() > callsBefore + 50 && connections.get() > connectionsBefore + 3)
                          || !failures.isEmpty());
        }
      } finally {
        enough.set(true);
      }
      for (Future<?> one : running) {
        one.get(20, TimeUnit.SECONDS);
      }
    }
    assertThat(failures).isEmpty();
  }

  private static void load(
      AtomicBoolean enough, List<Throwable> failures, AtomicInteger calls, Channel channel) {
    while (!enough.get()) {
      try {
        stub(channel).write(REQUEST);
        calls.incrementAndGet();
      } catch (RuntimeException e) {
        failures.add(e);
      }
    }
  }

  private static void give(Mesh mesh, TestCa.Leaf leaf) {
    Meshes.tls(mesh).identity().certificate(leaf.chain(), leaf.key());
  }
}
