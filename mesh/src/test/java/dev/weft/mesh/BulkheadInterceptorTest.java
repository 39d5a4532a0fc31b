package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.ListenableFuture;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.Status;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class BulkheadInterceptorTest {
  private static final int ROOM = 64;
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final EchoRequest HANGS = EchoRequest.newBuilder().setText("hangs").build();

  private final Echo echo = new Echo();
  private final Timer timer = new Timer();
  private final CountDownLatch release = new CountDownLatch(1);
  private final Circuits circuits = new Circuits("echo-svc", Circuit.Pause.DEFAULT, () -> {});
  private final RetryBudget budget = new RetryBudget(() -> 0);
  private Server server;
  private ManagedChannel transport;
  private Channel channel;
  private EchoServiceGrpc.EchoServiceBlockingStub stub;

  @BeforeEach
  void open() throws IOException {
    echo.answer =
        text -> {
          if (text.equals("hangs")) {
            release.await();
          }
          return text;
        };
    String name = InProcessServerBuilder.generateName();
    server =
        InProcessServerBuilder.forName(name)
            .executor(timer.threads())
            .addService(ServerInterceptors.intercept(echo, new RejectionInterceptor("echo-svc")))
            .build()
            .start();
    transport = InProcessChannelBuilder.forName(name).build();
    channel =
        ClientInterceptors.interceptForward(
            transport,
            new BulkheadInterceptor("echo-svc"),
            new ResilientUnaryInterceptor("echo-svc", circuits, budget, timer, () -> 0));
    stub = EchoServiceGrpc.newBlockingStub(channel).withDeadlineAfter(25, TimeUnit.SECONDS);
  }

  @AfterEach
  void close() {
    release.countDown();
    transport.shutdownNow();
    server.shutdownNow();
    timer.close();
  }

  private List<ListenableFuture<EchoResponse>> hang(int calls) {
    int before = echo.calls.get();
    var future = EchoServiceGrpc.newFutureStub(channel);
    List<ListenableFuture<EchoResponse>> hanging =
        Stream.generate(() -> future.read(HANGS)).limit(calls).toList();
    await().until(() -> echo.calls.get() == before + calls);
    return hanging;
  }

  @Test
  void whatHangsTakesTheRoomOfItsMethodAndNoOther() {
    hang(ROOM);

    RemoteError error = RemoteError.of(catchThrowable(() -> stub.read(REQUEST))).orElseThrow();

    assertThat(error.code()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(error.reason()).isEqualTo("UPSTREAM_BUSY");
    assertThat(error.metadata()).containsEntry("http_status", "503");
    assertThat(error.outcomeUnknown()).isFalse();
    assertThat(echo.calls).as("nothing was sent").hasValue(ROOM);
    assertThat(stub.write(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void refusalsNeitherOpenTheCircuitNorUseUpRetries() {
    hang(ROOM);
    for (int i = 0; i < 100; i++) {
      assertThat(catchThrowable(() -> stub.read(REQUEST))).isNotNull();
    }

    assertThat(circuits.of(EchoServiceGrpc.getReadMethod().getFullMethodName()).isOpen()).isFalse();
    assertThat(budget.granted()).isZero();
  }

  @Test
  void everyEndGivesRoomBack() {
    hang(ROOM).forEach(call -> call.cancel(true));
    await().ignoreExceptions().until(() -> stub.read(REQUEST).getText().equals("a"));
    echo.answer =
        _ -> {
          throw Status.NOT_FOUND.asRuntimeException();
        };
    for (int i = 0; i < 2 * ROOM; i++) {
      assertThat(Status.fromThrowable(catchThrowable(() -> stub.read(REQUEST))).getCode())
          .isEqualTo(Status.Code.NOT_FOUND);
    }
  }

  @Test
  void aCallerThatFailsOnTheAnswerHearsOfTheEndAndGivesRoomBack() throws Exception {
    CallPolicy one = CallPolicy.DEFAULT.withInFlightMax(1);
    CompletableFuture<Throwable> told = new CompletableFuture<>();

    EchoServiceGrpc.newStub(channel)
        .withOption(CallPolicy.KEY, one)
        .read(
            REQUEST,
            new StreamObserver<>() {
              @Override
              public void onNext(EchoResponse reply) {
                throw new IllegalStateException("cannot take it");
              }

              @Override
              public void onError(Throwable failure) {
                told.complete(failure);
              }

              @Override
              public void onCompleted() {}
            });

    Throwable failure = told.get(20, TimeUnit.SECONDS);
    assertThat(Status.fromThrowable(failure).getCode()).isEqualTo(Status.Code.CANCELLED);
    assertThat(failure).hasRootCauseMessage("cannot take it");
    assertThat(stub.withOption(CallPolicy.KEY, one).read(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void aPolicySaysHowMuchRoomThereIs() {
    var narrow = stub.withOption(CallPolicy.KEY, CallPolicy.DEFAULT.withInFlightMax(1));
    var unbounded =
        stub.withOption(CallPolicy.KEY, CallPolicy.DEFAULT.withInFlightMax(CallPolicy.UNBOUNDED));
    hang(1);

    assertThat(catchThrowable(() -> narrow.read(REQUEST))).hasMessageContaining("1 calls");
    hang(ROOM - 1);
    assertThat(unbounded.read(REQUEST).getText()).isEqualTo("a");
  }
}
