package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.weft.consul.Intention;
import dev.weft.consul.Intention.Action;
import dev.weft.consul.Intention.PathMatch;
import dev.weft.consul.Intention.Permission;
import dev.weft.consul.IntentionMatch;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

/** Who may call a service over TLS, by the registry's intentions. */
@Timeout(60)
class IntentionsTest {
  private static final String WRITE = "/weft.test.v1.EchoService/Write";
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();

  private final TestCa ca = new TestCa(TestCa.DOMAIN);
  private final Meshes meshes = new Meshes();
  private final Echo echo = new Echo();

  @AfterEach
  void close() {
    meshes.close();
  }

  private Mesh serve(IntentionMode mode) {
    Mesh mesh = meshes.open("echo-svc", ca, mode);
    if (mode == IntentionMode.ENFORCE) {
      say(mesh, Action.ALLOW);
    }
    mesh.server(echo).start();
    return mesh;
  }

  private static void say(Mesh mesh, Action byDefault, Intention... intentions) {
    Meshes.tls(mesh)
        .intentions()
        .accept(new IntentionMatch("echo-svc", List.of(intentions), byDefault, false));
  }

  private static Intention from(String source, Action action, Permission... permissions) {
    return new Intention(
        "", "default", source, true, "echo-svc", action, List.of(permissions), 9, true, "");
  }

  private EchoServiceGrpc.EchoServiceBlockingStub as(String service) {
    return EchoServiceGrpc.newBlockingStub(
            meshes.open(service, ca, IntentionMode.OFF).channel("echo-svc"))
        .withDeadlineAfter(50, TimeUnit.SECONDS);
  }

  private static RemoteError failure(EchoServiceGrpc.EchoServiceBlockingStub stub) {
    return RemoteError.of(catchThrowable(() -> stub.write(REQUEST))).orElseThrow();
  }

  @Test
  void aServiceThatIsDeniedIsRefusedFromTheNextCallOn() {
    Mesh served = serve(IntentionMode.ENFORCE);
    var web = as("web");
    var batch = as("batch");
    assertThat(web.write(REQUEST).getText()).isEqualTo("a");
    assertThat(batch.write(REQUEST).getText()).isEqualTo("a");

    say(served, Action.ALLOW, from("web", Action.DENY));

    RemoteError refused = failure(web);
    assertThat(refused.code()).isEqualTo(Status.Code.PERMISSION_DENIED);
    assertThat(refused.reason()).isEqualTo("INTENTION_DENIED");
    assertThat(refused.domain()).isEqualTo("echo-svc.weft");
    assertThat(batch.write(REQUEST).getText()).isEqualTo("a");
    assertThat(echo.calls).hasValue(3);
    assertThat(served.telemetry().exposition("").body())
        .containsPattern("weft_intentions_denied_total\\{served=\"no\",source=\"web\"} 1");
  }

  @Test
  void aServiceMayBeAllowedSomeMethodsOnly() {
    Mesh served = serve(IntentionMode.ENFORCE);
    var web = as("web");

    say(
        served,
        Action.DENY,
        from(
            "web",
            Action.DENY,
            new Permission(
                Action.ALLOW,
                new PathMatch(PathMatch.Kind.EXACT, WRITE),
                List.of(),
                List.of(),
                true)));

    assertThat(web.write(REQUEST).getText()).isEqualTo("a");
    assertThat(RemoteError.of(catchThrowable(() -> web.read(REQUEST))).orElseThrow().reason())
        .isEqualTo("INTENTION_DENIED");
  }

  @Test
  void beforeTheRegistryHasSaidWhoMayCallNobodyMayAndItIsNotRegistered() {
    Mesh served = meshes.open("echo-svc", ca, IntentionMode.ENFORCE);
    MeshServer server = served.server(Duration.ofMillis(10), echo);
    server.start();
    assertThat(served.management().ready()).isFalse();
    assertThat(meshes.consul.registration("echo-svc")).isEmpty();
    meshes.consul.put("echo-svc", "127.0.0.1", server.port());

    var web = as("web").withWaitForReady();
    // Its own health keeps it from being called by those who look at that.
    RemoteError refused =
        RemoteError.of(
                catchThrowable(
                    () ->
                        EchoServiceGrpc.newBlockingStub(
                                meshes
                                    .open("web", ca, IntentionMode.OFF)
                                    .instanceChannel("echo-svc", "127.0.0.1", server.port()))
                            .write(REQUEST)))
            .orElseThrow();
    assertThat(refused.code()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(refused.reason()).isEqualTo("INTENTIONS_UNKNOWN");

    say(served, Action.ALLOW);
    assertThat(web.write(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void aDenialEndsTheStreamsThatAreOpenAndNoOthers() throws Exception {
    Mesh served = serve(IntentionMode.ENFORCE);
    Talk web = new Talk("web");
    Talk batch = new Talk("batch");
    await().until(() -> echo.watchers.size() == 2);

    say(served, Action.ALLOW, from("web", Action.DENY));

    RemoteError ended = web.ended.get(30, TimeUnit.SECONDS);
    assertThat(ended.code()).isEqualTo(Status.Code.PERMISSION_DENIED);
    assertThat(ended.reason()).isEqualTo("INTENTION_DENIED");
    batch.requests.onNext(REQUEST);
    await().until(() -> echo.heard.equals(List.of("a")));
    batch.requests.onCompleted();
    assertThat(batch.completed.await(30, TimeUnit.SECONDS)).isTrue();
    await()
        .untilAsserted(
            () -> assertThat(Meshes.tls(served).intentions().page()).contains("\"streams\":0"));
  }

  @Test
  void inShadowModeWhatWouldBeDeniedIsServedAndSaidOnce() {
    Mesh served = serve(IntentionMode.SHADOW);
    say(served, Action.DENY, from("batch", Action.ALLOW));
    var web = as("web");
    var batch = as("batch");

    List<String> logged =
        logged(
            () -> {
              assertThat(web.write(REQUEST).getText()).isEqualTo("a");
              assertThat(web.write(REQUEST).getText()).isEqualTo("a");
              assertThat(batch.write(REQUEST).getText()).isEqualTo("a");
            });

    assertThat(logged)
        .containsExactly(
            "web would not be allowed to call "
                + WRITE
                + " of echo-svc: no intention is about it, and the default is to deny");
    assertThat(served.telemetry().exposition("").body())
        .containsPattern("weft_intentions_denied_total\\{served=\"yes\",source=\"web\"} 2")
        .doesNotContain("source=\"batch\"");
  }

  @Test
  void inLearnModeItTellsTheLeastThatAllowsWhatItSaw() {
    Mesh served = serve(IntentionMode.LEARN);
    var web = as("web");
    var batch = as("batch");

    List<String> logged =
        logged(
            () -> {
              assertThat(web.write(REQUEST).getText()).isEqualTo("a");
              assertThat(web.read(REQUEST).getText()).isEqualTo("a");
              assertThat(web.write(REQUEST).getText()).isEqualTo("a");
              assertThat(batch.write(REQUEST).getText()).isEqualTo("a");
            });

    String write = "{\"Action\":\"allow\",\"HTTP\":{\"PathExact\":\"" + WRITE + "\"}}";
    String entry =
        "{\"Kind\":\"service-intentions\",\"Name\":\"echo-svc\",\"Sources\":["
            + "{\"Name\":\"batch\",\"Permissions\":["
            + write
            + "]},{\"Name\":\"web\",\"Permissions\":["
            + "{\"Action\":\"allow\",\"HTTP\":{\"PathExact\":\"/weft.test.v1.EchoService/Read\"}},"
            + write
            + "]}]}";
    assertThat(Meshes.tls(served).intentions().learned()).isEqualTo(entry);
    assertThat(logged).hasSize(3).last().asString().endsWith(entry);
  }

  private static List<String> logged(Runnable calls) {
    Logger logger = (Logger) LoggerFactory.getLogger(IntentionInterceptor.class);
    ListAppender<ILoggingEvent> appender = new ListAppender<>();
    appender.start();
    logger.addAppender(appender);
    try {
      calls.run();
    } finally {
      logger.detachAppender(appender);
    }
    return appender.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
  }

  /** A stream in both directions. */
  private final class Talk {
    private final CompletableFuture<RemoteError> ended = new CompletableFuture<>();
    private final CountDownLatch completed = new CountDownLatch(1);
    private final StreamObserver<EchoRequest> requests;

    Talk(String service) {
      requests =
          EchoServiceGrpc.newStub(
                  meshes.open(service, ca, IntentionMode.OFF).streamChannel("echo-svc"))
              .talk(
                  new StreamObserver<>() {
                    @Override
                    public void onNext(EchoResponse reply) {}

                    @Override
                    public void onError(Throwable failure) {
                      ended.complete(RemoteError.of(failure).orElseThrow());
                    }

                    @Override
                    public void onCompleted() {
                      completed.countDown();
                    }
                  });
    }
  }
}
