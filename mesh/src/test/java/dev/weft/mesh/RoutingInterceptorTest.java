package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.google.common.util.concurrent.ListenableFuture;
import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.inprocess.InProcessChannelBuilder;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Calls that begin before the registry has said anything. Where calls go is in RoutingTest. */
@Timeout(60)
class RoutingInterceptorTest {
  private final Consul consul =
      Consul.connect(ConsulConfig.of("http://127.0.0.1:1", Optional.empty()));
  private final Timer timer = new Timer();
  private final ManagedChannel nowhere = InProcessChannelBuilder.forName("nowhere").build();
  private final Destinations destinations =
      new Destinations(
          "echo-svc",
          consul,
          timer,
          to ->
              new Choice.Outlet(
                  new Pool(consul, to.service(), to.datacenter(), "", Optional.empty()),
                  nowhere,
                  nowhere));

  @AfterEach
  void close() {
    destinations.shutdown();
    nowhere.shutdownNow();
    timer.close();
    consul.close();
  }

  /** As a layer whose contract contradicts itself. */
  private static final class Broken implements ClientInterceptor {
    @Override
    public <Q, P> ClientCall<Q, P> interceptCall(
        MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
      throw new IllegalArgumentException("it says two things");
    }
  }

  @Test
  void aCallThatCannotBeMadeIsToldSoThoughItHadToWait() {
    Channel channel =
        ClientInterceptors.interceptForward(
            destinations, new RoutingInterceptor(destinations, () -> new Random(7)), new Broken());
    ListenableFuture<EchoResponse> reply =
        EchoServiceGrpc.newFutureStub(channel).read(EchoRequest.getDefaultInstance());
    assertThat(reply.isDone()).as("nobody knows yet where it goes").isFalse();

    destinations.followTermsOnly(_ -> {});

    assertThat(catchThrowable(() -> reply.get(30, TimeUnit.SECONDS)))
        .hasRootCauseMessage("it says two things");
  }
}
