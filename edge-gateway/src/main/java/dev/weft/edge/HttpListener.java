package dev.weft.edge;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The public listener: takes connections and gives each its pipeline, as many at once as the limits
 * allow. Listens from {@link #open} to {@link #close}.
 */
final class HttpListener implements AutoCloseable {
  private static final int BACKLOG = 1_024;

  /** The part of all connections that ends at once when there is no room for a new one. */
  private static final int ROOM_PART = 100;

  private static final WriteBufferWaterMark WATER_MARK =
      new WriteBufferWaterMark(32 * 1024, 64 * 1024);

  private final EventLoopGroup acceptors =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);

  /** Of these, those that were chosen to make room and are not closed yet. */
  private final AtomicInteger leaving = new AtomicInteger();

  private final Channel server;

  /** A connection that has nothing to answer. */
  private record Idle(Channel connection, long nanos) {}

  private HttpListener(
      EventLoops loops,
      Gateway gateway,
      HttpLimits limits,
      Networks uncounted,
      InetSocketAddress address,
      Optional<Certificates> certificates) {
    Handshakes handshakes = new Handshakes(limits.handshakes(), System::nanoTime);
    Slots perAddress = new Slots(limits.connectionsPerAddress());
    Optional<Problem> tooMany =
        Optional.of(Problems.tooManyConnections(limits.connectionsPerAddress()));
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(acceptors, loops.group())
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
            .childHandler(
                new ChannelInitializer<SocketChannel>() {
                  @Override
                  protected void initChannel(SocketChannel channel) {
                    InetSocketAddress peer = channel.remoteAddress();
                    // One that has left already has no address.
                    if (peer == null
                        || (connections.size() - leaving.get() >= limits.connections()
                            && !makeRoom(limits.connections()))) {
                      var _ = channel.close();
                      return;
                    }
                    connections.add(channel);
                    // Who never asks anything waits from now on, and not from when somebody looks.
                    var _ = Waiting.of(channel);
                    String holder = holder(peer.getAddress());
                    boolean counts = !uncounted.contains(IpAddress.of(peer.getAddress()));
                    if (counts) {
                      if (!perAddress.take(holder)) {
                        refuse(channel);
                        return;
                      }
                      var _ = channel.closeFuture().addListener(_ -> perAddress.release(holder));
                    }
                    channel
                        .pipeline()
                        .addLast(
                            new Entrance(
                                gateway,
                                limits,
                                certificates,
                                () -> !counts || handshakes.begin(holder)));
                  }

                  // Where there is TLS, an answer would cost the handshake that a flood is after.
                  private void refuse(SocketChannel channel) {
                    if (certificates.isPresent()) {
                      var _ = channel.close();
                    } else {
                      Entrance.addHttp1(channel.pipeline(), gateway, limits, tooMany);
                    }
                  }
                });
    ChannelFuture bound = bootstrap.bind(address).awaitUninterruptibly();
    server = bound.channel();
    if (!bound.isSuccess()) {
      stop();
      throw new IllegalStateException(
          "the public port %s:%d cannot be opened: %s"
              .formatted(address.getHostString(), address.getPort(), bound.cause().getMessage()),
          bound.cause());
    }
  }

  /**
   * Listens. Throws IllegalStateException that says why if the address cannot be had.
   *
   * @param loops of the connections; they stay when this is closed
   * @param uncounted addresses that may open as many connections as they like
   * @param certificates to offer TLS with
   */
  static HttpListener open(
      EventLoops loops,
      Gateway gateway,
      HttpLimits limits,
      Networks uncounted,
      InetSocketAddress address,
      Optional<Certificates> certificates) {
    return new HttpListener(loops, gateway, limits, uncounted, address, certificates);
  }

  /**
   * Ends the connections that have waited longest for a request; a part of them at once, since
   * finding them means looking at all. False if none waits.
   */
  private boolean makeRoom(int connectionsMax) {
    List<Idle> longest =
        connections.stream()
            .filter(connection -> !Waiting.of(connection).isChosen())
            .map(connection -> new Idle(connection, Waiting.of(connection).nanos()))
            .filter(idle -> idle.nanos() >= 0)
            .sorted(Comparator.comparingLong(Idle::nanos).reversed())
            .limit(Math.max(1, connectionsMax / ROOM_PART))
            .toList();
    for (Idle idle : longest) {
      Channel connection = idle.connection();
      // Of many that come at once, each makes room of its own: those chosen count no more.
      if (Waiting.of(connection).choose()) {
        leaving.incrementAndGet();
        connection.eventLoop().execute(() -> endIfIdle(connection));
      }
    }
    return !longest.isEmpty();
  }

  private void endIfIdle(Channel connection) {
    Waiting waiting = Waiting.of(connection);
    if (waiting.nanos() >= 0) {
      waiting.over();
      var _ = connection.closeFuture().addListener(_ -> leaving.decrementAndGet());
      drain(connection);
    } else {
      waiting.spare();
      leaving.decrementAndGet();
    }
  }

  /** Whoever has one address of IPv6 has all that share its first half. */
  static String holder(InetAddress address) {
    byte[] bytes = address.getAddress();
    return HexFormat.of().formatHex(bytes, 0, Math.min(bytes.length, 8));
  }

  int port() {
    return ((InetSocketAddress) server.localAddress()).getPort();
  }

  /** Connections open now. */
  int connections() {
    return connections.size();
  }

  /** Takes no more connections, and lets those there are end with the answer they are giving. */
  void drain(Duration within) {
    server.close().syncUninterruptibly();
    long end = System.nanoTime() + within.toNanos();
    for (Channel connection : connections) {
      connection.eventLoop().execute(() -> drain(connection));
    }
    for (Channel connection : connections) {
      long left = end - System.nanoTime();
      if (left <= 0 || !connection.closeFuture().awaitUninterruptibly(left, TimeUnit.NANOSECONDS)) {
        return;
      }
    }
  }

  private static void drain(Channel connection) {
    Http1Connection http1 = connection.pipeline().get(Http1Connection.class);
    Http2Connection http2 = connection.pipeline().get(Http2Connection.class);
    WebSocket socket = connection.pipeline().get(WebSocket.class);
    if (http1 != null) {
      http1.drain();
    } else if (http2 != null) {
      http2.drain();
    } else if (socket != null) {
      socket.drain();
    } else {
      var _ = connection.close();
    }
  }

  @Override
  public void close() {
    server.close().syncUninterruptibly();
    connections.close().awaitUninterruptibly(1, TimeUnit.SECONDS);
    stop();
  }

  private void stop() {
    acceptors.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
  }
}
