package dev.weft.consul.agent;

import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.protobuf.services.HealthStatusManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicInteger;

/** A gRPC server with nothing but health on it, which counts how often it is asked. */
final class HealthServer implements AutoCloseable {
  private final HealthStatusManager health = new HealthStatusManager();
  private final AtomicInteger asked = new AtomicInteger();
  private final Server server;

  HealthServer() {
    this(InsecureServerCredentials.create());
  }

  HealthServer(ServerCredentials credentials) {
    server =
        Grpc.newServerBuilderForPort(0, credentials)
            .addService(health.getHealthService())
            .intercept(
                new ServerInterceptor() {
                  @Override
                  public <Q, A> ServerCall.Listener<Q> interceptCall(
                      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
                    asked.incrementAndGet();
                    return next.startCall(call, headers);
                  }
                })
            .build();
    try {
      server.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String address() {
    return "127.0.0.1:" + port();
  }

  int port() {
    return server.getPort();
  }

  void set(String service, ServingStatus status) {
    health.setStatus(service, status);
  }

  int asked() {
    return asked.get();
  }

  @Override
  public void close() {
    server.shutdownNow();
  }
}
