package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.BindableService;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.StreamObserver;
import io.opentelemetry.api.OpenTelemetry;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A calls B, B calls C, and C fails half of its calls; counted is what each sends and what the next
 * one receives. The clock of the budgets stands still, so that nothing depends on how fast this
 * runs.
 */
@Timeout(60)
class AmplificationTest {
  private static final int CALLS = 500;
  private static final double MOST = 1.2;
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();

  private final Timer timer = new Timer();
  private final List<Server> servers = new ArrayList<>();
  private final List<ManagedChannel> transports = new ArrayList<>();
  private final AtomicInteger asked = new AtomicInteger();
  private final AtomicInteger sentToB = new AtomicInteger();
  private final AtomicInteger sentToC = new AtomicInteger();
  private final AtomicInteger receivedByB = new AtomicInteger();
  private final Echo c = new Echo();
  private boolean bTranslates;

  @AfterEach
  void close() {
    transports.forEach(ManagedChannel::shutdownNow);
    servers.forEach(Server::shutdownNow);
    timer.close();
  }

  /** B, which has no answer without C. */
  private final class Between extends EchoServiceGrpc.EchoServiceImplBase {
    private final EchoServiceGrpc.EchoServiceBlockingStub next;

    Between(Channel next) {
      this.next = EchoServiceGrpc.newBlockingStub(next).withDeadlineAfter(50, TimeUnit.SECONDS);
    }

    @Override
    public void read(EchoRequest request, StreamObserver<EchoResponse> observer) {
      receivedByB.incrementAndGet();
      EchoResponse reply;
      try {
        reply = next.read(request);
      } catch (RuntimeException e) {
        if (bTranslates) {
          throw Rejection.unavailable("NO_ECHO", "no echo at the moment", Duration.ofSeconds(1))
              .causedBy("c-svc");
        }
        throw e;
      }
      observer.onNext(reply);
      observer.onCompleted();
    }
  }

  /** Serves, and returns the way to it through the layers that may send a call again. */
  private Channel serve(String service, BindableService implementation, AtomicInteger sent)
      throws IOException {
    String name = InProcessServerBuilder.generateName();
    servers.add(
        InProcessServerBuilder.forName(name)
            .executor(timer.threads())
            .addService(
                ServerInterceptors.interceptForward(
                    implementation,
                    new RejectionInterceptor(service),
                    new OverloadInterceptor(
                        service,
                        new Admission(() -> 0),
                        () -> 0,
                        OpenTelemetry.noop().getMeter("test"))))
            .build()
            .start());
    ManagedChannel transport = InProcessChannelBuilder.forName(name).build();
    transports.add(transport);
    Circuits circuits = new Circuits(service, Circuit.Pause.DEFAULT, () -> {});
    RetryBudget budget = new RetryBudget(() -> 0);
    return ClientInterceptors.interceptForward(
        transport,
        new BulkheadInterceptor(service),
        new ResilientUnaryInterceptor(service, circuits, budget, timer, () -> 0),
        new HedgingInterceptor(new RetryBudget(() -> 0), budget, timer),
        new Counting(sent));
  }

  /** Counts what goes out. */
  private record Counting(AtomicInteger sent) implements ClientInterceptor {
    @Override
    public <Q, P> ClientCall<Q, P> interceptCall(
        MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
      return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
        @Override
        public void start(Listener<P> listener, Metadata headers) {
          sent.incrementAndGet();
          super.start(listener, headers);
        }
      };
    }
  }

  private int callAll() throws IOException {
    Channel toC = serve("c-svc", c, sentToC);
    Channel toB = serve("b-svc", new Between(toC), sentToB);
    var a = EchoServiceGrpc.newBlockingStub(toB).withDeadlineAfter(50, TimeUnit.SECONDS);
    int answered = 0;
    for (int i = 0; i < CALLS; i++) {
      asked.incrementAndGet();
      answered += catchThrowable(() -> a.read(REQUEST)) == null ? 1 : 0;
    }
    assertThat(receivedByB).hasValue(sentToB.get());
    assertThat(c.calls).hasValue(sentToC.get());
    assertThat(sentToB.get()).as("per call of A").isLessThanOrEqualTo((int) (CALLS * MOST));
    assertThat(sentToC.get())
        .as("per call that B received")
        .isLessThanOrEqualTo((int) (receivedByB.get() * MOST));
    return answered;
  }

  private void failOf(int percent) {
    c.answer =
        text -> {
          int number = c.calls.get();
          // Spread, so that a retry mostly meets a good one.
          if (number * percent / 100 > (number - 1) * percent / 100) {
            throw Rejection.unavailable("BUSY", "busy", Duration.ofSeconds(1));
          }
          return text;
        };
  }

  @Test
  void whenHalfOfTheCallsFailNothingMultiplies() throws IOException {
    failOf(50);

    assertThat(callAll()).isLessThan(CALLS);
  }

  /** As many as no circuit opens for, which would hide what retries do. */
  @Test
  void neitherWhileTheCircuitIsClosed() throws IOException {
    failOf(45);

    assertThat(callAll()).isGreaterThan(CALLS * 55 / 100);
    assertThat(sentToC.get()).isBetween(CALLS + CALLS / 11, CALLS + CALLS / 10 + 3);
    assertThat(sentToB).as("retried where it happened").hasValue(CALLS);
  }

  @Test
  void norWhenAServiceSaysInItsOwnWordsThatAnotherIsTheCause() throws IOException {
    bTranslates = true;
    failOf(45);

    callAll();

    assertThat(sentToB).hasValue(CALLS);
  }
}
