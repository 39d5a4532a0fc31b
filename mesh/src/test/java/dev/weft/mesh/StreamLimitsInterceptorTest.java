package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class StreamLimitsInterceptorTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final Duration LONG = Duration.ofMinutes(1);

  private final AtomicLong now = new AtomicLong();
  private final Timer timer = new Timer();
  private final Echo echo = new Echo();
  private Server server;
  private ManagedChannel transport;
  private EchoServiceGrpc.EchoServiceBlockingStub stub;

  @BeforeEach
  void open() throws IOException {
    String name = InProcessServerBuilder.generateName();
    server =
        InProcessServerBuilder.forName(name)
            .executor(timer.threads())
            .addService(echo)
            .build()
            .start();
    transport = InProcessChannelBuilder.forName(name).build();
    stub =
        EchoServiceGrpc.newBlockingStub(
            ClientInterceptors.intercept(
                transport, new StreamLimitsInterceptor("echo-svc", timer, now::get)));
  }

  @AfterEach
  void close() {
    transport.shutdownNow();
    server.shutdownNow();
    timer.close();
  }

  private static CallPolicy limits(Duration idle, Duration age) {
    return new CallPolicy(Duration.ofSeconds(1), false, idle, age);
  }

  private static RemoteError endOf(Iterator<EchoResponse> replies) {
    return RemoteError.of(catchThrowable(replies::hasNext)).orElseThrow();
  }

  @Test
  void aStreamThatSaysNothingIsEndedAndItsServerToldSo() throws InterruptedException {
    Iterator<EchoResponse> replies =
        stub.withOption(CallPolicy.KEY, limits(Duration.ofMillis(50), LONG)).watch(REQUEST);
    assertThat(replies.next().getText()).isEqualTo("a");
    var observer = (ServerCallStreamObserver<EchoResponse>) echo.watchers.take();

    now.addAndGet(Duration.ofMillis(50).toNanos());

    RemoteError end = endOf(replies);
    assertThat(end.code()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(end.reason()).isEqualTo("STREAM_IDLE");
    await().until(observer::isCancelled);
  }

  @Test
  void theContractSaysHowLongItMayBeIdle() {
    Iterator<EchoResponse> replies = stub.watch(REQUEST);
    replies.next();

    now.addAndGet(Duration.ofMillis(300).toNanos());

    assertThat(endOf(replies).message()).contains("idle for 300 ms");
  }

  @Test
  void aStreamInWhichThereIsTalkGoesOn() throws InterruptedException {
    Iterator<EchoResponse> replies =
        stub.withOption(CallPolicy.KEY, limits(Duration.ofMillis(20), LONG)).watch(REQUEST);
    replies.next();
    var observer = (ServerCallStreamObserver<EchoResponse>) echo.watchers.take();

    // Longer than it may be idle; and long enough for many looks at it.
    for (int i = 0; i < 3; i++) {
      now.addAndGet(Duration.ofMillis(10).toNanos());
      observer.onNext(EchoResponse.newBuilder().setText("more").build());
      assertThat(replies.next().getText()).isEqualTo("more");
    }
    await().during(Duration.ofMillis(100)).until(() -> !observer.isCancelled());
    observer.onCompleted();

    assertThat(replies.hasNext()).isFalse();
  }

  @Test
  void whatTheCallerSaysIsTalkToo() throws InterruptedException {
    StreamObserver<EchoRequest> requests =
        EchoServiceGrpc.newStub(stub.getChannel())
            .withOption(CallPolicy.KEY, limits(Duration.ofMillis(20), LONG))
            .talk(new Ignoring());
    var observer = (ServerCallStreamObserver<EchoResponse>) echo.watchers.take();

    for (int i = 0; i < 3; i++) {
      now.addAndGet(Duration.ofMillis(10).toNanos());
      requests.onNext(REQUEST);
    }

    await().during(Duration.ofMillis(100)).until(() -> !observer.isCancelled());
    requests.onCompleted();
  }

  private static final class Ignoring implements StreamObserver<EchoResponse> {
    @Override
    public void onNext(EchoResponse reply) {}

    @Override
    public void onError(Throwable end) {}

    @Override
    public void onCompleted() {}
  }

  @Test
  void aStreamThatHasBecomeTooOldIsEndedWhateverIsSaid() throws Exception {
    Iterator<EchoResponse> replies =
        stub.withOption(CallPolicy.KEY, limits(LONG, Duration.ofMillis(50))).watch(REQUEST);

    RemoteError end =
        RemoteError.of(catchThrowable(() -> replies.forEachRemaining(_ -> {}))).orElseThrow();

    assertThat(end.code()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(end.reason()).isEqualTo("STREAM_TOO_OLD");
    assertThat(end.retryAfter()).isPresent();
  }

  @Test
  void whoCancelsHearsThatItWasCancelled() throws Exception {
    BlockingQueue<Status> ends = new LinkedBlockingQueue<>();
    ClientCall<EchoRequest, EchoResponse> call =
        stub.getChannel().newCall(EchoServiceGrpc.getWatchMethod(), CallOptions.DEFAULT);
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onClose(Status status, Metadata trailers) {
            ends.add(status);
          }
        },
        new Metadata());

    call.cancel("enough", null);

    assertThat(ends.take().getCode()).isEqualTo(Status.Code.CANCELLED);
  }

  @Test
  void theEndOfTheCallersContextIsNoLimit() throws Exception {
    Context.CancellableContext context = Context.current().withCancellation();
    Iterator<EchoResponse> replies = context.call(() -> stub.watch(REQUEST));
    replies.next();

    context.cancel(null);

    assertThat(endOf(replies).code()).isEqualTo(Status.Code.CANCELLED);
  }

  @Test
  void aUnaryCallHasNoSuchLimits() {
    echo.answer =
        text -> {
          now.addAndGet(LONG.toNanos());
          return text;
        };

    assertThat(
            stub.withOption(CallPolicy.KEY, limits(Duration.ofMillis(1), Duration.ofMillis(1)))
                .write(REQUEST)
                .getText())
        .isEqualTo("a");
  }
}
