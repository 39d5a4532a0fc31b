package dev.weft.bench;

import dev.weft.bench.v1.GetItemRequest;
import dev.weft.bench.v1.GetItemResponse;
import dev.weft.bench.v1.ItemServiceGrpc;
import dev.weft.consul.Health;
import dev.weft.consul.Registration;
import dev.weft.consul.ServiceRegistration;
import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.identity.v1.WatchRevocationsRequest;
import dev.weft.identity.v1.WatchRevocationsResponse;
import dev.weft.mesh.KeySource;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/**
 * A service for an edge to call that costs as little as gRPC does, and the issuer of users' tokens,
 * who revokes none: one plain server of this process. Close it to end it.
 */
final class ItemBackend implements AutoCloseable {
  /** Its name in the registry. */
  static final String SERVICE = "bench-items";

  private final Server server;
  private final Registration registration;

  private ItemBackend(Server server, Registration registration) {
    this.server = server;
    this.registration = registration;
  }

  /** Starts it in this registry; healthy at once. */
  static ItemBackend start(LocalMesh mesh, KeySource keys) throws IOException {
    Server server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            // Nothing here waits.
            .directExecutor()
            .addService(new Items())
            .addService(new Issuer(keys))
            .addService(new HealthStatusManager().getHealthService())
            .addService(ProtoReflectionServiceV1.newInstance())
            .build()
            .start();
    ServiceRegistration plain =
        ServiceRegistration.grpc(SERVICE, "127.0.0.1", server.getPort(), "");
    Registration registration =
        mesh.open("bench", LocalMesh.Wire.PLAIN)
            .consul()
            .register(
                plain.withChecks(
                    plain.checks().stream()
                        .map(check -> check.withInitial(Health.PASSING))
                        .toList()));
    return new ItemBackend(server, registration);
  }

  @Override
  public void close() {
    registration.close();
    server.shutdownNow();
  }

  private static final class Items extends ItemServiceGrpc.ItemServiceImplBase {
    private final GetItemResponse item =
        GetItemResponse.newBuilder().setItem(CatalogSamples.item(123)).build();

    @Override
    public void getItem(GetItemRequest request, StreamObserver<GetItemResponse> observer) {
      observer.onNext(item);
      observer.onCompleted();
    }
  }

  private static final class Issuer extends IdentityServiceGrpc.IdentityServiceImplBase {
    private final KeySource keys;

    Issuer(KeySource keys) {
      this.keys = keys;
    }

    @Override
    public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> observer) {
      observer.onNext(ListKeysResponse.newBuilder().setJwks(keys.jwks()).build());
      observer.onCompleted();
    }

    @Override
    public void watchRevocations(
        WatchRevocationsRequest request, StreamObserver<WatchRevocationsResponse> observer) {
      observer.onNext(
          WatchRevocationsResponse.newBuilder().setCaughtUp(true).setResumeToken("1").build());
    }
  }
}
