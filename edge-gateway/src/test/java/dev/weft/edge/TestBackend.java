package dev.weft.edge;

import dev.weft.consul.Consul;
import dev.weft.consul.Health;
import dev.weft.consul.Registration;
import dev.weft.consul.ServiceRegistration;
import io.grpc.BindableService;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;

/**
 * One instance of a service of somebody's, in no way made with ours: a plain gRPC server with
 * reflection, registered with a gRPC check.
 */
final class TestBackend implements AutoCloseable {
  static final Context.Key<Metadata> METADATA = Context.key("metadata");

  /** Metadata that begins so comes back as the answer's, without it. */
  static final String ANSWER = "answer-";

  private final Server server;
  private final Registration registration;

  private TestBackend(Server server, Registration registration) {
    this.server = server;
    this.registration = registration;
  }

  static TestBackend start(Consul consul, String name, BindableService service) throws IOException {
    return start(
        consul,
        name,
        List.of(service.bindService(), ProtoReflectionServiceV1.newInstance().bindService()));
  }

  static TestBackend start(Consul consul, String name, List<ServerServiceDefinition> services)
      throws IOException {
    return start(
        consul,
        services,
        port -> {
          ServiceRegistration registration = ServiceRegistration.grpc(name, "127.0.0.1", port, "");
          // Healthy at once: how fast a registry probes is not what is tested here.
          return registration.withChecks(
              registration.checks().stream()
                  .map(check -> check.withInitial(Health.PASSING))
                  .toList());
        });
  }

  /** One that registers as it likes. */
  static TestBackend start(
      Consul consul,
      List<ServerServiceDefinition> services,
      IntFunction<ServiceRegistration> registration)
      throws IOException {
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .executor(Executors.newVirtualThreadPerTaskExecutor())
            // By default a connection ends that asks whether it lives while its calls hang.
            .permitKeepAliveTime(10, TimeUnit.SECONDS)
            .addService(new HealthStatusManager().getHealthService())
            .intercept(new Remember());
    services.forEach(builder::addService);
    Server server = builder.build().start();
    return new TestBackend(server, consul.register(registration.apply(server.getPort())));
  }

  int port() {
    return server.getPort();
  }

  /** Ends without a word, as a crash would. */
  void crash() {
    server.shutdownNow();
  }

  /** Leaves the registry, then stops at once. */
  @Override
  public void close() {
    registration.close();
    server.shutdownNow();
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** Keeps the metadata of a call, and answers with what it asks for. */
  private static final class Remember implements ServerInterceptor {
    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
      ServerCall<Q, P> answering =
          new SimpleForwardingServerCall<>(call) {
            @Override
            public void sendHeaders(Metadata answer) {
              headers.keys().stream()
                  .filter(key -> key.startsWith(ANSWER))
                  .forEach(
                      key ->
                          answer.put(key(key.substring(ANSWER.length())), headers.get(key(key))));
              super.sendHeaders(answer);
            }
          };
      return Contexts.interceptCall(
          Context.current().withValue(METADATA, headers), answering, headers, next);
    }
  }
}
