package dev.weft.e2e;

import dev.weft.prove.ServiceToken;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;

/** The gRPC port of one service, for any gRPC client: no registry, nothing of ours. */
record ServicePort(String service, ManagedChannel channel, Weft weft) implements AutoCloseable {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> SERVICE_TOKEN =
      Metadata.Key.of("weft-service-token", Metadata.ASCII_STRING_MARSHALLER);

  static ServicePort open(Weft weft, String service) {
    return new ServicePort(
        service,
        NettyChannelBuilder.forAddress("127.0.0.1", weft.port(service)).usePlaintext().build(),
        weft);
  }

  Channel asNobody() {
    return channel;
  }

  Channel as(Visitor user) {
    return with(AUTHORIZATION, "Bearer " + user.token());
  }

  /** As another service, by the key that {@code ./weft up} made for it. */
  Channel asService(String caller) {
    return with(SERVICE_TOKEN, ServiceToken.of(weft.folder(), caller, service));
  }

  private Channel with(Metadata.Key<String> key, String value) {
    Metadata metadata = new Metadata();
    metadata.put(key, value);
    return ClientInterceptors.intercept(
        channel, MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
