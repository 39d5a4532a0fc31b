package dev.weft.mesh;

import io.grpc.BindableService;
import io.grpc.Channel;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Ways to one service over real connections, each through one layer of the mesh more than the one
 * before: first the caller's layers from the outside, then the server's, until all of them are
 * there. A layer may need those outside of it and never those inside, so each of the ways works.
 *
 * <p>To be made and closed by one thread; the ways are for any.
 */
public final class StackLayers implements AutoCloseable {
  private final String service;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final List<Server> servers = new ArrayList<>();
  private final List<ManagedChannel> channels = new ArrayList<>();
  private final List<Way> ways = new ArrayList<>();

  /**
   * A way to the service.
   *
   * @param added what the one before does not have
   */
  public record Way(String added, Channel channel) {}

  private StackLayers(String service) {
    this.service = service;
  }

  /**
   * Makes the ways.
   *
   * @param plainCaller without TLS
   * @param caller with TLS
   * @param callee with TLS, of the service, with a server of it that has started: so it knows who
   *     may call
   */
  public static StackLayers open(
      Mesh plainCaller, Mesh caller, Mesh callee, String service, BindableService implementation)
      throws IOException {
    StackLayers all = new StackLayers(service);
    try {
      ServerServiceDefinition bare = implementation.bindService();
      all.ways.add(
          new Way("limits, virtual threads", all.connect(plainCaller, bare, Optional.empty())));
      Optional<MeshTls> tls = Optional.of(callee.tls().orElseThrow());
      ManagedChannel connection = all.connect(caller, bare, tls);
      all.ways.add(new Way("mutual TLS", connection));
      List<ClientInterceptor> out = caller.outbound().layers(service, connection);
      for (int i = 1; i <= out.size(); i++) {
        all.ways.add(new Way("out: " + name(out.get(i - 1)), through(out, i, connection)));
      }
      ServerServiceDefinition prepared = ReadableInterceptor.prepare(bare);
      List<ServerInterceptor> in = callee.inbound().layers(prepared, new StreamDrain());
      for (int i = 1; i <= in.size(); i++) {
        ManagedChannel to =
            all.connect(
                caller, ServerInterceptors.interceptForward(prepared, in.subList(0, i)), tls);
        List<ClientInterceptor> around = caller.outbound().layers(service, to);
        all.ways.add(new Way("in: " + name(in.get(i - 1)), through(around, around.size(), to)));
      }
      return all;
    } catch (IOException | RuntimeException e) {
      all.close();
      throw e;
    }
  }

  private static String name(Object layer) {
    String name = layer.getClass().getName();
    return name.substring(name.lastIndexOf('.') + 1);
  }

  private static Channel through(
      List<ClientInterceptor> layers, int count, ManagedChannel transport) {
    return ClientInterceptors.interceptForward(transport, layers.subList(0, count));
  }

  /** A server as the mesh sets it up, and a connection to it as the mesh makes them. */
  private ManagedChannel connect(
      Mesh from, ServerServiceDefinition definition, Optional<MeshTls> tls) throws IOException {
    ServerCredentials credentials =
        tls.map(MeshTls::server).orElseGet(InsecureServerCredentials::create);
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), credentials);
    tls.ifPresent(own -> builder.addTransportFilter(own.peers()));
    Server server =
        MeshServer.limited(builder).executor(threads).addService(definition).build().start();
    servers.add(server);
    ManagedChannel channel =
        from.instanceChannel(
            service, InetAddress.getLoopbackAddress().getHostAddress(), server.getPort());
    channels.add(channel);
    return channel;
  }

  /** From the fewest layers to all of them, but for the choice of the instance. */
  public List<Way> ways() {
    return List.copyOf(ways);
  }

  @Override
  public void close() {
    channels.forEach(ManagedChannel::shutdownNow);
    servers.forEach(Server::shutdownNow);
    threads.close();
  }
}
