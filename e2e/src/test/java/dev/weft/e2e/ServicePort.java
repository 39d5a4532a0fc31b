package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Status;
import dev.weft.prove.Certificate;
import dev.weft.prove.ServiceToken;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The gRPC port of one service, for any gRPC client, with certificates that the registry gives to
 * whoever asks on this machine; nothing of ours. Thread-safe.
 */
final class ServicePort implements AutoCloseable {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> SERVICE_TOKEN =
      Metadata.Key.of("weft-service-token", Metadata.ASCII_STRING_MARSHALLER);

  private final Weft weft;
  private final String service;
  private final int port;
  private final Map<String, ManagedChannel> channels = new ConcurrentHashMap<>();

  private ServicePort(Weft weft, String service, int port) {
    this.weft = weft;
    this.service = service;
    this.port = port;
  }

  static ServicePort open(Weft weft, String service) {
    return new ServicePort(weft, service, weft.port(service));
  }

  /** That of a service which {@code ./weft up} has not started. */
  static ServicePort at(Weft weft, String service, int port) {
    return new ServicePort(weft, service, port);
  }

  /** With a service's certificate and nothing else. */
  Channel by(String caller) {
    return channel(caller, name -> weft.certificate(name).calling());
  }

  /** As the edge would for a stranger. */
  Channel asNobody() {
    return by(Weft.EDGE);
  }

  /** As the edge would for a user. */
  Channel as(Visitor user) {
    return as(user, Weft.EDGE);
  }

  /** As a service would for a user. */
  Channel as(Visitor user, String caller) {
    return with(by(caller), AUTHORIZATION, "Bearer " + user.token());
  }

  /** As another service, by its certificate and the key that {@code ./weft up} made for it. */
  Channel asService(String caller) {
    return with(by(caller), SERVICE_TOKEN, ServiceToken.of(weft.folder(), caller, service));
  }

  /** Over TLS, without a certificate. */
  Channel withoutCertificate() {
    return channel("without certificate", _ -> Certificate.none());
  }

  /** In plain text. */
  Channel withoutTls() {
    return channel("without TLS", _ -> InsecureChannelCredentials.create());
  }

  /** Why a service refused a call. */
  static ErrorInfo errorInfo(Throwable refused) {
    try {
      Status status = StatusProto.fromThrowable(refused);
      assertThat(status).as("%s", refused).isNotNull();
      return status.getDetails(0).unpack(ErrorInfo.class);
    } catch (InvalidProtocolBufferException e) {
      throw new AssertionError(refused.toString(), e);
    }
  }

  private ManagedChannel channel(String who, Function<String, ChannelCredentials> credentials) {
    return channels.computeIfAbsent(
        who,
        name -> NettyChannelBuilder.forAddress("127.0.0.1", port, credentials.apply(name)).build());
  }

  private static Channel with(Channel channel, Metadata.Key<String> key, String value) {
    Metadata metadata = new Metadata();
    metadata.put(key, value);
    return ClientInterceptors.intercept(
        channel, MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  @Override
  public void close() {
    channels.values().forEach(ManagedChannel::shutdownNow);
  }
}
