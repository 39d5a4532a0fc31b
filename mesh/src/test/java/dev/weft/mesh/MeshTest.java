package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

@Timeout(30)
class MeshTest {
  private static final String CIRCUIT =
      "weft_rpc_client_circuit{rpc_method=\"weft.test.v1.EchoService/Read\",server_address=\"echo-svc\"}";
  private static final String TRANSITIONS =
      "weft_rpc_client_circuit_transitions_total{rpc_method=\"weft.test.v1.EchoService/Read\",server_address=\"echo-svc\",";

  private final Meshes meshes = new Meshes();

  @AfterEach
  void close() {
    meshes.close();
  }

  private static EchoRequest request(String text) {
    return EchoRequest.newBuilder().setText(text).build();
  }

  /** Not with the second of the contract, which is short for a first call on a busy machine. */
  private static EchoServiceGrpc.EchoServiceBlockingStub stub(Channel channel) {
    return EchoServiceGrpc.newBlockingStub(channel).withDeadlineAfter(25, TimeUnit.SECONDS);
  }

  @Test
  void aServiceIsCalledByItsNameInTheRegistry() {
    MeshServer server = meshes.open("echo-svc").server(new Echo());
    server.start();
    var stub = stub(meshes.open("caller-svc").channel("echo-svc"));

    assertThat(stub.read(request("hello")).getText()).isEqualTo("hello");
  }

  @Test
  void aServiceWithoutAKeySaysWhatItCannotDoAndWhatToDo() {
    var logger = (Logger) LoggerFactory.getLogger(Mesh.class);
    var logged = new ListAppender<ILoggingEvent>();
    logged.start();
    logger.addAppender(logged);
    try {
      meshes.open("echo-svc");
    } finally {
      logger.detachAppender(logged);
    }

    assertThat(logged.list)
        .extracting(ILoggingEvent::getFormattedMessage)
        .containsExactly(
            "no WEFT_SERVICE_KEY_FILE: this service cannot prove its name, so it can only serve"
                + " public methods; ./weft key echo-svc makes one");
  }

  @Test
  void aServiceRunsOnVirtualThreads() {
    Echo echo = new Echo();
    echo.answer = text -> Boolean.toString(Thread.currentThread().isVirtual());
    meshes.open("echo-svc").server(echo).start();
    var stub = stub(meshes.open("caller-svc").channel("echo-svc"));

    assertThat(stub.read(request("")).getText()).isEqualTo("true");
  }

  @Test
  void theRegistrationSaysWhatItIsAndIsCheckedByGrpc() {
    MeshServer server = meshes.open("echo-svc").server(new Echo());
    server.start();

    assertThat(meshes.consul.registration("echo-svc"))
        .hasValueSatisfying(
            registration ->
                assertThat(registration)
                    .contains("\"GRPC\":\"127.0.0.1:" + server.port() + "\"")
                    .contains("\"grpc\",\"weft\"")
                    .contains("\"version\":\"1.2.3\"")
                    .contains("\"protocol\":\"grpc\"")
                    .contains("\"lang\":\"java\"")
                    .containsPattern("\"schema\":\"[0-9a-f]{64}\""));
  }

  @Test
  void aRequestThatBreaksItsRulesNeverReachesTheService() {
    Echo echo = new Echo();
    meshes.open("echo-svc").server(echo).start();
    var stub = stub(meshes.open("caller-svc").channel("echo-svc"));

    Throwable refused = catchThrowable(() -> stub.read(request("a\0b")));

    assertThat(RemoteError.of(refused))
        .hasValueSatisfying(
            error -> {
              assertThat(error.code()).isEqualTo(Status.Code.INVALID_ARGUMENT);
              assertThat(error.domain()).isEqualTo("echo-svc.weft");
              assertThat(error.violations())
                  .containsExactly(
                      new Rejection.FieldViolation(
                          "text", "must not contain U+0000", "STRING_NUL"));
            });
    assertThat(echo.calls).hasValue(0);
  }

  @Test
  void aStreamEndsWithTheFirstMessageThatBreaksItsRules() throws Exception {
    Echo echo = new Echo();
    meshes.open("echo-svc").server(echo).start();
    CompletableFuture<Throwable> end = new CompletableFuture<>();
    StreamObserver<EchoRequest> requests =
        EchoServiceGrpc.newStub(meshes.open("caller-svc").channel("echo-svc"))
            .talk(
                new StreamObserver<>() {
                  @Override
                  public void onNext(EchoResponse reply) {}

                  @Override
                  public void onError(Throwable failure) {
                    end.complete(failure);
                  }

                  @Override
                  public void onCompleted() {}
                });

    requests.onNext(request("1"));
    requests.onNext(request("\0"));
    requests.onNext(request("3"));

    assertThat(RemoteError.of(end.get(10, TimeUnit.SECONDS)))
        .hasValueSatisfying(
            error -> assertThat(error.code()).isEqualTo(Status.Code.INVALID_ARGUMENT));
    assertThat(echo.heard).containsExactly("1");
  }

  @Test
  void whatIsKnownOfACalledServiceIsMeasured() {
    Echo echo = new Echo();
    echo.answer =
        _ -> {
          throw Rejection.unavailable("BUSY", "busy", Duration.ofSeconds(1));
        };
    meshes.open("echo-svc").server(echo).start();
    Mesh caller = meshes.open("caller-svc");
    var stub = stub(caller.channel("echo-svc"));
    var _ = caller.streamChannel("echo-svc");
    for (int i = 0; i < 12; i++) {
      assertThat(catchThrowable(() -> stub.read(request("")))).isNotNull();
    }

    assertThat(caller.telemetry().exposition("").body())
        .containsPattern("weft_rpc_client_retries_total\\{server_address=\"echo-svc\"} [3-9]")
        .contains(CIRCUIT + " 0");
    for (int i = 0; i < 20; i++) {
      assertThat(catchThrowable(() -> stub.read(request("")))).isNotNull();
    }
    assertThat(caller.telemetry().exposition("").body())
        .contains(CIRCUIT + " 1")
        .contains(TRANSITIONS + "state=\"open\"} 1")
        .contains(TRANSITIONS + "state=\"half_open\"} 0")
        .contains(TRANSITIONS + "state=\"closed\"} 0");
  }

  @Test
  void aServiceThatIsReleasedLeavesNothingBehindAndCanBeCalledAgain() {
    meshes.open("echo-svc").server(new Echo()).start();
    Mesh caller = meshes.open("caller-svc");
    Channel first = caller.channel("echo-svc");
    Channel streams = caller.streamChannel("echo-svc");
    assertThat(stub(first).read(request("a")).getText()).isEqualTo("a");
    assertThat(caller.telemetry().exposition("").body()).contains(CIRCUIT);

    caller.release("echo-svc");
    caller.release("never-called-svc");

    assertThat(caller.telemetry().exposition("").body()).doesNotContain(CIRCUIT);
    assertThat(catchThrowable(() -> stub(first).read(request("b"))))
        .satisfies(
            e -> assertThat(Status.fromThrowable(e).getCode()).isEqualTo(Status.Code.UNAVAILABLE));
    assertThat(caller.streamChannel("echo-svc")).isNotSameAs(streams);
    assertThat(stub(caller.channel("echo-svc")).read(request("c")).getText()).isEqualTo("c");
    assertThat(caller.telemetry().exposition("").body()).contains(CIRCUIT);
  }

  @Test
  void callsThatRunOutliveTheReleaseOfTheirService() throws Exception {
    Echo echo = new Echo();
    CountDownLatch began = new CountDownLatch(1);
    CountDownLatch finish = new CountDownLatch(1);
    echo.answer =
        text -> {
          began.countDown();
          finish.await();
          return text;
        };
    meshes.open("echo-svc").server(echo).start();
    Mesh caller = meshes.open("caller-svc");
    Channel channel = caller.channel("echo-svc");
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<EchoResponse> running = threads.submit(() -> stub(channel).read(request("a")));
      await().until(() -> began.getCount() == 0 || running.isDone());

      caller.release("echo-svc");
      finish.countDown();

      assertThat(running.get(20, TimeUnit.SECONDS).getText()).isEqualTo("a");
    }
  }

  @Test
  void theIssuerIsNotReleased() {
    Mesh caller = meshes.open("caller-svc");
    Channel issuer = caller.channel("user-svc");

    caller.release("user-svc");

    assertThat(caller.channel("user-svc")).isSameAs(issuer);
  }

  @Test
  void healthIsKnownPerServiceName() throws InterruptedException {
    Mesh mesh = meshes.open("echo-svc");
    MeshServer server = mesh.server(new Echo());
    server.start();
    ManagedChannel channel = mesh.instanceChannel("echo-svc", "127.0.0.1", server.port());
    var health = HealthGrpc.newBlockingStub(channel);

    for (String name : new String[] {"", "weft.test.v1.EchoService"}) {
      assertThat(health.check(HealthCheckRequest.newBuilder().setService(name).build()).getStatus())
          .isEqualTo(ServingStatus.SERVING);
    }
    assertThat(
            catchThrowable(
                () -> health.check(HealthCheckRequest.newBuilder().setService("other").build())))
        .satisfies(
            e -> assertThat(Status.fromThrowable(e).getCode()).isEqualTo(Status.Code.NOT_FOUND));
    channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
  }
}
