package dev.weft.edge;

import dev.weft.mesh.Transport;
import io.grpc.ChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The event loops of the edge, one for each processor. Each has the connections of its clients, and
 * connections of its own to the services that these ask for: a request stays on one thread from its
 * first byte to the last of its answer, and nobody is woken up for it.
 *
 * <p>Thread-safe.
 */
final class EventLoops implements Transport, AutoCloseable {
  /** On a single processor, too, one client's large message must not stop all others. */
  private static final int LOOPS_MIN = 2;

  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(
          Math.max(LOOPS_MIN, Runtime.getRuntime().availableProcessors()),
          NioIoHandler.newFactory());

  /** For connections of clients. */
  EventLoopGroup group() {
    return group;
  }

  @Override
  public ManagedChannel open(
      String target, ChannelCredentials credentials, Consumer<ManagedChannelBuilder<?>> settings) {
    return new LoopChannel(
        group.next(),
        loop -> {
          NettyChannelBuilder builder = NettyChannelBuilder.forTarget(target, credentials);
          settings.accept(builder);
          return on(loop, builder).build();
        });
  }

  private static NettyChannelBuilder on(EventLoop loop, NettyChannelBuilder builder) {
    return builder
        .eventLoopGroup(loop)
        .channelType(NioSocketChannel.class)
        .withOption(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_MILLIS)
        // The memory of both sides comes from one place; gRPC would have a second one.
        .withOption(ChannelOption.ALLOCATOR, ByteBufAllocator.DEFAULT);
  }

  /** Ends them; whatever still has a connection loses it. */
  @Override
  public void close() {
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
  }
}
