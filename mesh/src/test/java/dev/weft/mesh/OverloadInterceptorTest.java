package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.ListenableFuture;
import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.opentelemetry.api.OpenTelemetry;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class OverloadInterceptorTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();

  private final Echo echo = new Echo();
  private final Timer timer = new Timer();
  private final ScheduledThreadPoolExecutor clock = new ScheduledThreadPoolExecutor(1);

  /** Stands still: no window ever ends. */
  private final Admission admission = new Admission(() -> 0);

  private final List<String> served = new CopyOnWriteArrayList<>();
  private volatile Optional<String> caller = Optional.empty();
  private volatile boolean late;
  private Server server;
  private ManagedChannel channel;
  private EchoServiceGrpc.EchoServiceBlockingStub stub;

  @BeforeEach
  void open() throws IOException {
    echo.answer =
        text -> {
          served.add(String.valueOf(Criticality.current()));
          return text;
        };
    String name = InProcessServerBuilder.generateName();
    ServerInterceptor overload =
        new OverloadInterceptor(
            "echo-svc", admission, () -> 0, OpenTelemetry.noop().getMeter("test"));
    server =
        InProcessServerBuilder.forName(name)
            .executor(timer.threads())
            .addService(
                ServerInterceptors.interceptForward(
                    echo, new RejectionInterceptor("echo-svc"), new Before(), overload))
            .addService(
                ServerInterceptors.interceptForward(
                    new Identity(), new RejectionInterceptor("echo-svc"), overload))
            .build()
            .start();
    channel = InProcessChannelBuilder.forName(name).build();
    stub = EchoServiceGrpc.newBlockingStub(channel).withDeadlineAfter(25, TimeUnit.SECONDS);
  }

  @AfterEach
  void close() {
    channel.shutdownNow();
    server.shutdownNow();
    timer.close();
    clock.shutdownNow();
  }

  /** What comes before: who calls, and how much time is left. */
  private final class Before implements ServerInterceptor {
    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
      Context context = new Caller(Optional.empty(), caller).in(Context.current());
      if (late) {
        context = context.withDeadline(Deadline.after(-1, TimeUnit.SECONDS), clock);
      }
      return Contexts.interceptCall(context, call, headers, next);
    }
  }

  private static final class Identity extends IdentityServiceGrpc.IdentityServiceImplBase {
    @Override
    public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> observer) {
      observer.onNext(ListKeysResponse.getDefaultInstance());
      observer.onCompleted();
    }
  }

  private EchoServiceGrpc.EchoServiceBlockingStub with(String header, String value) {
    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of(header, Metadata.ASCII_STRING_MARSHALLER), value);
    return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  /** Takes all places that calls of this kind may have. */
  private void fill(Criticality kind) {
    while (admission.enter(kind)) {
      // One more.
    }
  }

  private static StatusRuntimeException refusalOf(Runnable call) {
    return (StatusRuntimeException) catchThrowable(call::run);
  }

  private static long pushback(StatusRuntimeException refusal) {
    Metadata trailers = Objects.requireNonNull(refusal.getTrailers());
    return Long.parseLong(Objects.requireNonNull(trailers.get(RejectionInterceptor.PUSHBACK)));
  }

  private int inFlight() {
    int all = 0;
    for (Criticality kind : Criticality.values()) {
      all += admission.inFlight(kind);
    }
    return all;
  }

  @Test
  void aCallThatThereIsNoRoomForIsRefusedBeforeItsWork() {
    fill(Criticality.DEFAULT);

    StatusRuntimeException refusal = refusalOf(() -> stub.read(REQUEST));

    RemoteError error = RemoteError.of(refusal).orElseThrow();
    assertThat(error.code()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(error.reason()).isEqualTo("OVERLOADED");
    assertThat(error.domain()).isEqualTo("echo-svc.weft");
    assertThat(error.metadata()).containsEntry("http_status", "503");
    assertThat(error.retryAfter()).hasValue(Duration.ofSeconds(1));
    assertThat(error.outcomeUnknown()).isFalse();
    assertThat(pushback(refusal)).isBetween(20L, 100L);
    assertThat(echo.calls).hasValue(0);

    admission.leave(Criticality.DEFAULT);
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void whoComesAgainIsToldNotToComeBack() {
    fill(Criticality.DEFAULT);

    assertThat(pushback(refusalOf(() -> with("grpc-previous-rpc-attempts", "1").read(REQUEST))))
        .isEqualTo(-1);
  }

  @Test
  void aStrangerCanOnlySayThatItMattersLess() {
    with("weft-criticality", "sheddable").read(REQUEST);
    with("weft-criticality", "critical_plus").read(REQUEST);
    with("weft-criticality", "enormous").read(REQUEST);

    assertThat(served).containsExactly("sheddable", "default", "default");
  }

  @Test
  void aServiceThatProvedItsNameIsBelieved() {
    caller = Optional.of("order-svc");
    fill(Criticality.DEFAULT);

    with("weft-criticality", "critical").read(REQUEST);

    assertThat(served).containsExactly("critical");
    assertThat(refusalOf(() -> with("weft-criticality", "sheddable").read(REQUEST)))
        .hasMessageContaining("RESOURCE_EXHAUSTED");
  }

  @Test
  void whatMattersGoesOnWithTheCallsThatAreMade() {
    caller = Optional.of("order-svc");
    var onwards =
        EchoServiceGrpc.newBlockingStub(
            ClientInterceptors.intercept(channel, new CriticalityInterceptor()));

    onwards.read(REQUEST);
    Criticality.CRITICAL_PLUS.in(Context.current()).run(() -> onwards.read(REQUEST));

    assertThat(served).containsExactly("default", "critical_plus");
  }

  @Test
  void noWorkBeginsAfterTheDeadline() {
    late = true;

    RemoteError error = RemoteError.of(refusalOf(() -> stub.read(REQUEST))).orElseThrow();

    assertThat(error.code()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
    assertThat(error.message()).contains("before the work was begun");
    assertThat(echo.calls).hasValue(0);
    assertThat(inFlight()).isZero();
  }

  @Test
  void everyEndGivesThePlaceBack() {
    stub.read(REQUEST);
    assertThat(inFlight()).isZero();

    echo.answer =
        _ -> {
          throw Rejection.notFound("NOT_HERE", "not here");
        };
    assertThat(refusalOf(() -> stub.read(REQUEST))).hasMessageContaining("NOT_FOUND");
    assertThat(inFlight()).isZero();

    echo.answer =
        _ -> {
          throw new IllegalStateException("a bug");
        };
    assertThat(refusalOf(() -> stub.read(REQUEST))).hasMessageContaining("INTERNAL");
    assertThat(inFlight()).isZero();
  }

  @Test
  void aCancelledCallKeepsItsPlaceUntilItsCodeReturns() {
    CountDownLatch began = new CountDownLatch(1);
    CountDownLatch cancelled = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    echo.answer =
        text -> {
          Context.current().addListener(_ -> cancelled.countDown(), Runnable::run);
          began.countDown();
          release.await();
          return text;
        };
    ListenableFuture<EchoResponse> reply = EchoServiceGrpc.newFutureStub(channel).read(REQUEST);
    await().until(() -> began.getCount() == 0);
    reply.cancel(true);
    await().until(() -> cancelled.getCount() == 0);

    assertThat(inFlight()).isEqualTo(1);

    release.countDown();
    await().until(() -> inFlight() == 0);
  }

  @Test
  void aRequestThatIsNotWholeTakesNoPlace() {
    ClientCall<EchoRequest, EchoResponse> call =
        channel.newCall(EchoServiceGrpc.getReadMethod(), CallOptions.DEFAULT);
    call.start(new ClientCall.Listener<>() {}, new Metadata());
    call.sendMessage(REQUEST);
    stub.read(REQUEST);

    assertThat(inFlight()).isZero();
    fill(Criticality.DEFAULT);
    call.halfClose();
    assertThat(refusalOf(() -> stub.read(REQUEST))).hasMessageContaining("RESOURCE_EXHAUSTED");
    await().until(() -> admission.shed(Criticality.DEFAULT) == 3);
    assertThat(echo.calls).hasValue(1);
    call.cancel("enough", null);
  }

  @Test
  void aStreamTakesNoPlaceAndIsRefusedWhenItBegins() throws Exception {
    assertThat(stub.watch(REQUEST).next().getText()).isEqualTo("a");
    assertThat(inFlight()).isZero();
    fill(Criticality.DEFAULT);

    assertThat(refusalOf(() -> stub.watch(REQUEST).next()))
        .hasMessageContaining("RESOURCE_EXHAUSTED");

    assertThat(echo.watchers).hasSize(1);
  }

  @Test
  void theKeysOfTokensAreAlwaysServed() {
    fill(Criticality.CRITICAL_PLUS);

    assertThat(
            IdentityServiceGrpc.newBlockingStub(channel)
                .listKeys(ListKeysRequest.getDefaultInstance()))
        .isEqualTo(ListKeysResponse.getDefaultInstance());
  }
}
