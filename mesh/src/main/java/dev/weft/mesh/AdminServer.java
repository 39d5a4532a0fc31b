package dev.weft.mesh;

import io.grpc.BindableService;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code weft.admin.v1.AdminService} and reflection on a port of their own, for a process whose
 * other port is no gRPC server of the mesh: behind the layers and limits of {@link MeshServer}, and
 * not in the registry by itself. Whoever registers the process says the port there as {@link
 * #META_PORT}.
 *
 * <p>Thread-safe.
 */
public final class AdminServer implements AutoCloseable {
  /** The key of an instance's Meta that says the port. */
  public static final String META_PORT = "admin_port";

  private static final Logger log = LoggerFactory.getLogger(AdminServer.class);

  /** Its calls are short, and whoever asks may ask again. */
  private static final int END_SECONDS = 1;

  private final Server server;
  private final StreamDrain streams;

  private AdminServer(Server server, StreamDrain streams) {
    this.server = server;
    this.streams = streams;
  }

  /** Listens from now on. */
  static AdminServer start(
      MeshConfig config,
      BindableService admin,
      InboundStack inbound,
      Optional<MeshTls> tls,
      Timer timer,
      Management management) {
    StreamDrain streams = new StreamDrain();
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(
            new InetSocketAddress(config.bind(), config.admin().port()),
            tls.map(MeshTls::server).orElseGet(InsecureServerCredentials::create));
    tls.ifPresent(own -> builder.addTransportFilter(own.peers()));
    Server server =
        MeshServer.limited(builder)
            .executor(timer.threads())
            .addService(inbound.around(admin, streams))
            .addServices(inbound.reflection(streams))
            .build();
    tls.ifPresent(own -> own.serve(management));
    try {
      server.start();
    } catch (IOException e) {
      throw new UncheckedIOException(
          config.service()
              + " cannot listen on "
              + config.bind()
              + ":"
              + config.admin().port()
              + " for weft.admin.v1",
          e);
    }
    log.info("weft.admin.v1 is served on port {}", server.getPort());
    return new AdminServer(server, streams);
  }

  /** The port it listens on. */
  public int port() {
    return server.getPort();
  }

  /** Ends its calls and listens no more. Does nothing the second time. */
  @Override
  public void close() {
    server.shutdown();
    streams.drain();
    try {
      if (!server.awaitTermination(END_SECONDS, TimeUnit.SECONDS)) {
        server.shutdownNow();
      }
    } catch (InterruptedException e) {
      server.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
