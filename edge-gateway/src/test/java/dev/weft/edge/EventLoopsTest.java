package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ClientStreamTracer;
import io.grpc.ConnectivityState;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.netty.channel.EventLoop;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Calls and the event loops that they are made on. */
@Timeout(30)
class EventLoopsTest {
  private final EventLoops loops = new EventLoops();
  private final BlockingQueue<Thread> transports = new LinkedBlockingQueue<>();
  private Server server;
  private ManagedChannel channel;

  @BeforeEach
  void start() throws Exception {
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .addService(new HealthStatusManager().getHealthService())
            .build()
            .start();
    channel =
        loops.open(
            "dns:///127.0.0.1:" + server.getPort(),
            InsecureChannelCredentials.create(),
            builder -> {});
  }

  @AfterEach
  void stop() throws Exception {
    channel.shutdownNow();
    channel.awaitTermination(5, TimeUnit.SECONDS);
    server.shutdownNow().awaitTermination();
    loops.close();
  }

  @Test
  void aCallMadeOnALoopGoesOutAndIsAnsweredOnIt() throws Exception {
    for (int i = 0; i < 4; i++) {
      EventLoop loop = loops.group().next();
      Thread thread = loop.submit(Thread::currentThread).get();

      CompletableFuture<Thread> answered = new CompletableFuture<>();
      loop.execute(() -> call(CallOptions.DEFAULT.withExecutor(new OnLoop(loop)), answered));

      assertThat(answered.get()).isSameAs(thread);
      assertThat(transports.take()).isSameAs(thread);
    }
  }

  @Test
  void aCallFromElsewhereIsAnsweredWhereItsExecutorSays() throws Exception {
    CompletableFuture<Thread> answered = new CompletableFuture<>();
    call(CallOptions.DEFAULT, answered);

    assertThat(answered.get()).isNotSameAs(transports.take());
  }

  @Test
  void takesNoCallsOnceItIsShutDownAlsoOnLoopsThatNeverCalled() throws Exception {
    channel.shutdown();
    assertThat(channel.isShutdown()).isTrue();
    assertThat(channel.isTerminated()).isTrue();

    EventLoop loop = loops.group().next();
    CompletableFuture<Thread> answered = new CompletableFuture<>();
    call(CallOptions.DEFAULT.withExecutor(new OnLoop(loop)), answered);

    assertThat(answered)
        .failsWithin(10, TimeUnit.SECONDS)
        .withThrowableThat()
        .withMessageContaining("UNAVAILABLE");
    assertThat(channel.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
  }

  /** By which mesh has what falls asleep connect again, while nobody can be called there. */
  @Test
  void tellsOfConnectionsAndOfTheirEnd() throws Exception {
    assertThat(channel.getState(false)).isEqualTo(ConnectivityState.IDLE);

    channel.getState(true);
    await().until(() -> channel.getState(false) == ConnectivityState.READY);
    for (int i = 0; i < 4; i++) {
      EventLoop loop = loops.group().next();
      CompletableFuture<Thread> answered = new CompletableFuture<>();
      loop.execute(() -> call(CallOptions.DEFAULT.withExecutor(new OnLoop(loop)), answered));
      answered.get();
    }
    CountDownLatch changed = new CountDownLatch(1);
    channel.notifyWhenStateChanged(ConnectivityState.READY, changed::countDown);
    server.shutdownNow();

    assertThat(changed.await(20, TimeUnit.SECONDS)).isTrue();
    await().until(() -> channel.getState(false) != ConnectivityState.READY);
  }

  /** Completes with the thread that hears of the answer. */
  private void call(CallOptions options, CompletableFuture<Thread> answered) {
    ClientCall<HealthCheckRequest, HealthCheckResponse> call =
        channel.newCall(HealthGrpc.getCheckMethod(), options.withStreamTracerFactory(new Noting()));
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onClose(Status status, Metadata trailers) {
            if (status.isOk()) {
              answered.complete(Thread.currentThread());
            } else {
              answered.completeExceptionally(status.asException());
            }
          }
        },
        new Metadata());
    call.request(1);
    call.sendMessage(HealthCheckRequest.getDefaultInstance());
    call.halfClose();
  }

  /** Notes the thread of the connection. */
  private final class Noting extends ClientStreamTracer.Factory {
    @Override
    public ClientStreamTracer newClientStreamTracer(
        ClientStreamTracer.StreamInfo info, Metadata headers) {
      return new ClientStreamTracer() {
        @Override
        public void inboundHeaders() {
          transports.add(Thread.currentThread());
        }
      };
    }
  }
}
