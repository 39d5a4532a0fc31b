package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.ListenableFuture;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.Status;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class HedgingInterceptorTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final CallPolicy SOON =
      CallPolicy.DEFAULT.withHedgeAfter(Optional.of(Duration.ofMillis(1)));

  private final Echo echo = new Echo();
  private final Timer timer = new Timer();
  private final RetryBudget hedges = new RetryBudget(() -> 0, 1, 5, 0);
  private final RetryBudget retries = new RetryBudget(() -> 0);
  private final List<String> attempts = new CopyOnWriteArrayList<>();
  private final AtomicInteger cancelled = new AtomicInteger();
  private final CountDownLatch release = new CountDownLatch(1);
  private Server server;
  private ManagedChannel transport;
  private EchoServiceGrpc.EchoServiceBlockingStub stub;

  @BeforeEach
  void open() throws IOException {
    String name = InProcessServerBuilder.generateName();
    server =
        InProcessServerBuilder.forName(name)
            .executor(timer.threads())
            .addService(
                ServerInterceptors.interceptForward(
                    echo, new Recorder(), new RejectionInterceptor("echo-svc")))
            .build()
            .start();
    transport = InProcessChannelBuilder.forName(name).build();
    stub =
        EchoServiceGrpc.newBlockingStub(
                ClientInterceptors.intercept(
                    transport, new HedgingInterceptor(hedges, retries, timer)))
            .withOption(CallPolicy.KEY, SOON)
            .withDeadlineAfter(25, TimeUnit.SECONDS);
  }

  @AfterEach
  void close() {
    release.countDown();
    transport.shutdownNow();
    server.shutdownNow();
    timer.close();
  }

  /** Notes how often each call was sent before. */
  private final class Recorder implements ServerInterceptor {
    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
      attempts.add(String.valueOf(headers.get(ResilientUnaryInterceptor.PREVIOUS_ATTEMPTS)));
      return next.startCall(call, headers);
    }
  }

  /** The first call hangs until it is cancelled or all is over, the second says this. */
  private void firstHangs(Echo.Answer second) {
    AtomicInteger order = new AtomicInteger();
    echo.answer =
        text -> {
          if (order.incrementAndGet() > 1) {
            return second.to(text);
          }
          Context.current()
              .addListener(
                  _ -> {
                    cancelled.incrementAndGet();
                    release.countDown();
                  },
                  Runnable::run);
          release.await();
          return "late";
        };
  }

  @Test
  void takesTheFirstAnswerAndCancelsTheOtherCall() {
    firstHangs(text -> text);

    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");

    assertThat(attempts).containsExactlyInAnyOrder("null", "1");
    await().until(() -> cancelled.get() == 1);
  }

  @Test
  void aFailureWaitsForTheOtherCall() {
    firstHangs(
        _ -> {
          release.countDown();
          throw Rejection.unavailable("BUSY", "busy", Duration.ofSeconds(1));
        });

    assertThat(stub.read(REQUEST).getText()).isEqualTo("late");
  }

  @Test
  void aRefusalDoesNot() {
    firstHangs(
        _ -> {
          throw Rejection.notFound("NOT_HERE", "not here");
        });

    assertThat(catchThrowable(() -> stub.read(REQUEST))).hasMessageContaining("NOT_FOUND");
  }

  @Test
  void aQuickAnswerOrFailureIsTheOnlyOne() {
    var patient =
        stub.withOption(
            CallPolicy.KEY, CallPolicy.DEFAULT.withHedgeAfter(Optional.of(Duration.ofHours(1))));

    assertThat(patient.read(REQUEST).getText()).isEqualTo("a");
    echo.answer =
        _ -> {
          throw Rejection.unavailable("BUSY", "busy", Duration.ofSeconds(1));
        };
    assertThat(catchThrowable(() -> patient.read(REQUEST))).hasMessageContaining("UNAVAILABLE");
    assertThat(echo.calls).hasValue(2);
  }

  /** A call that may be hedged is not made before its message is known. */
  private boolean isHedged(MethodDescriptor<?, ?> method, CallPolicy policy) {
    AtomicInteger made = new AtomicInteger();
    Channel counting =
        new Channel() {
          @Override
          public <Q, P> ClientCall<Q, P> newCall(MethodDescriptor<Q, P> of, CallOptions options) {
            made.incrementAndGet();
            return transport.newCall(of, options);
          }

          @Override
          public String authority() {
            return transport.authority();
          }
        };
    ClientCall<?, ?> _ =
        new HedgingInterceptor(hedges, retries, timer)
            .interceptCall(
                method, CallOptions.DEFAULT.withOption(CallPolicy.KEY, policy), counting);
    return made.get() == 0;
  }

  @Test
  void onlyReadsWhosePolicyAsksForItAreHedged() throws Exception {
    assertThat(isHedged(EchoServiceGrpc.getReadMethod(), SOON)).isTrue();

    assertThat(isHedged(EchoServiceGrpc.getReadMethod(), CallPolicy.DEFAULT)).isFalse();
    assertThat(isHedged(EchoServiceGrpc.getPutMethod(), SOON)).isFalse();
    assertThat(isHedged(EchoServiceGrpc.getWriteMethod(), SOON)).isFalse();
    assertThat(isHedged(EchoServiceGrpc.getWatchMethod(), SOON)).isFalse();
    assertThat(
            HedgingInterceptor.ofRepeatedCall(Context.current())
                .call(() -> isHedged(EchoServiceGrpc.getReadMethod(), SOON)))
        .as("while a call is served that was sent before")
        .isFalse();
  }

  @Test
  void thereIsNoHedgeWithoutBudget() {
    // Three that are granted each second, of which none passes here.
    for (int i = 0; i < 3; i++) {
      assertThat(retries.tryRetry()).isTrue();
    }
    echo.answer =
        text -> {
          await().until(() -> hedges.granted() == echo.calls.get());
          return text;
        };

    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
    assertThat(echo.calls).hasValue(1);
  }

  @Test
  void oneCallInTwentyIsHedgedAtMost() {
    RetryBudget share =
        new RetryBudget(() -> 0, HedgingInterceptor.PER_CALL, HedgingInterceptor.SAVED_MAX, 0);
    int hedged = 0;
    for (int i = 0; i < 1_000; i++) {
      share.call();
      hedged += share.tryRetry() ? 1 : 0;
    }

    assertThat(hedged).isBetween(49, 50);
  }

  @Test
  void aCallerThatLeavesCancelsBoth() {
    echo.answer =
        text -> {
          Context.current().addListener(_ -> cancelled.incrementAndGet(), Runnable::run);
          release.await();
          return text;
        };
    ListenableFuture<EchoResponse> reply =
        EchoServiceGrpc.newFutureStub(stub.getChannel())
            .withOption(CallPolicy.KEY, SOON)
            .read(REQUEST);
    await().until(() -> echo.calls.get() == 2);

    reply.cancel(true);

    await().until(() -> cancelled.get() == 2);
  }

  @Test
  void aCallThatCannotBeSentFails() {
    transport.shutdownNow();

    assertThat(Status.fromThrowable(catchThrowable(() -> stub.read(REQUEST))).getCode())
        .isEqualTo(Status.Code.UNAVAILABLE);
  }
}
