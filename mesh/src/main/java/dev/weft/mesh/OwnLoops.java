package dev.weft.mesh;

import io.grpc.ChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import java.util.function.Consumer;

/** The transport that gRPC brings, on event loops of its own. */
final class OwnLoops implements Transport {
  @Override
  public ManagedChannel open(
      String target, ChannelCredentials credentials, Consumer<ManagedChannelBuilder<?>> settings) {
    NettyChannelBuilder builder =
        NettyChannelBuilder.forTarget(target, credentials)
            .withOption(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_MILLIS);
    settings.accept(builder);
    return builder.build();
  }
}
