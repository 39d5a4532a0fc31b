package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class DeadlineInterceptorTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();

  private final ScheduledExecutorService clock = new ScheduledThreadPoolExecutor(1);
  private final Meshes meshes = new Meshes();

  @AfterEach
  void close() {
    clock.shutdownNow();
    meshes.close();
  }

  /** Only notes what it is asked for. */
  private static final class Seen extends Channel {
    private @Nullable Deadline deadline;

    @Override
    public <ReqT, RespT> ClientCall<ReqT, RespT> newCall(
        MethodDescriptor<ReqT, RespT> method, CallOptions options) {
      deadline = options.getDeadline();
      return new ClientCall<>() {
        @Override
        public void start(Listener<RespT> listener, io.grpc.Metadata headers) {}

        @Override
        public void request(int messages) {}

        @Override
        public void cancel(@Nullable String message, @Nullable Throwable cause) {}

        @Override
        public void halfClose() {}

        @Override
        public void sendMessage(ReqT message) {}
      };
    }

    @Override
    public String authority() {
      return "echo-svc";
    }
  }

  private static long millisGiven(MethodDescriptor<?, ?> method, CallOptions options) {
    return Objects.requireNonNull(given(method, options)).timeRemaining(TimeUnit.MILLISECONDS);
  }

  private static @Nullable Deadline given(MethodDescriptor<?, ?> method, CallOptions options) {
    Seen seen = new Seen();
    ClientCall<?, ?> _ = new DeadlineInterceptor().interceptCall(method, options, seen);
    return seen.deadline;
  }

  @Test
  void aMethodThatSaysNothingHasOneSecond() {
    assertThat(millisGiven(EchoServiceGrpc.getWriteMethod(), CallOptions.DEFAULT))
        .isBetween(500L, 1_000L);
  }

  @Test
  void theContractSaysOtherwise() {
    assertThat(millisGiven(EchoServiceGrpc.getPutMethod(), CallOptions.DEFAULT))
        .isBetween(1L, 400L);
  }

  @Test
  void thePolicyOfACallSaysOtherwiseToo() {
    CallPolicy patient =
        new CallPolicy(Duration.ofSeconds(8), false, Duration.ofMinutes(1), Duration.ofMinutes(1));

    assertThat(
            millisGiven(
                EchoServiceGrpc.getPutMethod(),
                CallOptions.DEFAULT.withOption(CallPolicy.KEY, patient)))
        .isBetween(6_000L, 8_000L);
  }

  @Test
  void theCallersOwnDeadlineStays() {
    CallOptions own = CallOptions.DEFAULT.withDeadlineAfter(5, TimeUnit.SECONDS);

    assertThat(millisGiven(EchoServiceGrpc.getWriteMethod(), own)).isBetween(3_000L, 5_000L);
  }

  @Test
  void noCallOutlivesTheOneThatIsServed() throws Exception {
    try (Context.CancellableContext served =
        Context.current().withDeadlineAfter(3, TimeUnit.SECONDS, clock)) {
      served.run(
          () -> {
            CallOptions own = CallOptions.DEFAULT.withDeadlineAfter(5, TimeUnit.SECONDS);
            assertThat(millisGiven(EchoServiceGrpc.getWriteMethod(), own))
                .isBetween(1_000L, 2_980L);
          });
    }
  }

  @Test
  void streamsHaveNone() {
    assertThat(given(EchoServiceGrpc.getWatchMethod(), CallOptions.DEFAULT)).isNull();
  }

  /** A service that notes how much time it was given and asks the next one. */
  private Echo relay(String name, List<Long> given, String next) {
    Mesh mesh = meshes.open(name);
    var stub = EchoServiceGrpc.newBlockingStub(mesh.channel(next));
    Echo echo = new Echo();
    echo.answer =
        text -> {
          given.add(
              Objects.requireNonNull(Context.current().getDeadline())
                  .timeRemaining(TimeUnit.MILLISECONDS));
          return next.isEmpty()
              ? text
              : stub.withDeadlineAfter(20, TimeUnit.SECONDS).write(REQUEST).getText();
        };
    mesh.server(echo).start();
    return echo;
  }

  @Test
  void travelsWithTheCallAndShrinks() {
    List<Long> given = new CopyOnWriteArrayList<>();
    relay("c-svc", given, "");
    relay("b-svc", given, "c-svc");
    relay("a-svc", given, "b-svc");
    var stub = EchoServiceGrpc.newBlockingStub(meshes.open("caller-svc").channel("a-svc"));

    assertThat(stub.withDeadlineAfter(15, TimeUnit.SECONDS).write(REQUEST).getText())
        .isEqualTo("a");

    assertThat(given).hasSize(3);
    // The callers' own 20 s count for nothing.
    assertThat(given.get(0)).isLessThanOrEqualTo(15_000);
    assertThat(given.get(1)).isLessThanOrEqualTo(given.get(0) - 20);
    assertThat(given.get(2)).isLessThanOrEqualTo(given.get(1) - 20);
  }

  @Test
  void aCallThatIsGivenUpTakesWhatIsDoneForItWithIt() throws Exception {
    CountDownLatch arrived = new CountDownLatch(1);
    CountDownLatch cancelled = new CountDownLatch(1);
    Echo last = new Echo();
    last.answer =
        text -> {
          Context.current().addListener(_ -> cancelled.countDown(), Runnable::run);
          arrived.countDown();
          cancelled.await();
          return text;
        };
    meshes.open("b-svc").server(last).start();
    relay("a-svc", new CopyOnWriteArrayList<>(), "b-svc");
    var reply =
        EchoServiceGrpc.newFutureStub(meshes.open("caller-svc").channel("a-svc"))
            .withDeadlineAfter(20, TimeUnit.SECONDS)
            .write(REQUEST);
    arrived.await();

    reply.cancel(true);

    assertThat(cancelled.await(10, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void aCallThatCannotBeAnsweredInTimeIsNotMade() {
    Echo never = new Echo();
    meshes.open("b-svc").server(never).start();
    Mesh mesh = meshes.open("a-svc");
    var next = EchoServiceGrpc.newBlockingStub(mesh.channel("b-svc"));
    next.read(REQUEST);
    int before = never.calls.get();
    List<Status.Code> codes = new CopyOnWriteArrayList<>();
    try (Context.CancellableContext served =
        Context.current().withDeadlineAfter(15, TimeUnit.MILLISECONDS, clock)) {
      served.run(
          () ->
              codes.add(Status.fromThrowable(catchThrowable(() -> next.read(REQUEST))).getCode()));
    }

    assertThat(codes).containsExactly(Status.Code.DEADLINE_EXCEEDED);
    assertThat(never.calls).hasValue(before);
  }
}
