package dev.weft.prove;

import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;

/** Calls to a service at its own port, in the name of somebody who may; for a minute. */
final class Calls implements AutoCloseable {
  /** Who looks after events; it has a key, and is no service. */
  static final String OPERATOR = "operator";

  private static final Metadata.Key<String> SERVICE_TOKEN =
      Metadata.Key.of("weft-service-token", Metadata.ASCII_STRING_MARSHALLER);

  private final ManagedChannel connection;
  private final Channel channel;

  private Calls(ManagedChannel connection, Metadata credentials) {
    this.connection = connection;
    channel =
        ClientInterceptors.intercept(
            connection, MetadataUtils.newAttachHeadersInterceptor(credentials));
  }

  /**
   * @param caller whose name it is
   */
  static Calls to(Shop shop, String service, String caller) {
    Metadata credentials = new Metadata();
    credentials.put(SERVICE_TOKEN, ServiceToken.of(shop.folder().path(), caller, service));
    return new Calls(
        NettyChannelBuilder.forAddress(
                "127.0.0.1",
                shop.folder().port(service),
                Certificate.of(shop.folder(), caller).calling())
            .build(),
        credentials);
  }

  Channel channel() {
    return channel;
  }

  @Override
  public void close() {
    connection.shutdownNow();
  }
}
