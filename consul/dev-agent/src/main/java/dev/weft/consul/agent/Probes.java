package dev.weft.consul.agent;

import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Makes the probes that look at the targets of checks, as Consul does and with its words. The
 * clients for HTTP and gRPC are made when the first check needs them.
 *
 * <p>Thread-safe.
 */
final class Probes implements AutoCloseable {
  private static final Set<String> RESTRICTED =
      Set.of("host", "connection", "content-length", "expect", "upgrade");

  private @Nullable HttpClient http;
  private @Nullable HttpClient httpTrustingAnyone;
  private @Nullable EventLoopGroup eventLoop;

  /** The probe of a check, to be closed by the caller. */
  Probe open(CheckSpec spec) {
    return switch (spec.target()) {
      case Target.Grpc target -> new GrpcProbe(target, spec.timeout(), eventLoop());
      case Target.Http target -> () -> http(target, spec.timeout());
      case Target.Tcp target -> () -> tcp(target.hostAndPort(), spec.timeout());
      case Target.Ttl _, Target.Maintenance _ ->
          throw new IllegalArgumentException(spec.id() + " is not probed");
    };
  }

  private synchronized EventLoopGroup eventLoop() {
    if (eventLoop == null) {
      eventLoop =
          new MultiThreadIoEventLoopGroup(
              1,
              Thread.ofPlatform().daemon().name("grpc-probe").factory(),
              NioIoHandler.newFactory());
    }
    return eventLoop;
  }

  private synchronized HttpClient client(boolean trustingAnyone) {
    if (!trustingAnyone) {
      if (http == null) {
        http = builder().build();
      }
      return http;
    }
    if (httpTrustingAnyone == null) {
      httpTrustingAnyone = builder().sslContext(TrustAnyone.sslContext()).build();
    }
    return httpTrustingAnyone;
  }

  private static HttpClient.Builder builder() {
    return HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .followRedirects(HttpClient.Redirect.NORMAL);
  }

  private Probe.Outcome http(Target.Http target, Duration timeout) throws InterruptedException {
    return attempt(
        () -> target.method() + " \"" + target.url() + "\": ",
        () -> {
          HttpRequest.Builder request =
              HttpRequest.newBuilder(URI.create(target.url()))
                  .timeout(timeout)
                  .setHeader("User-Agent", "Consul Health Check")
                  .setHeader("Accept", "text/plain, text/*, */*")
                  .method(
                      target.method(),
                      target.body().isEmpty()
                          ? HttpRequest.BodyPublishers.noBody()
                          : HttpRequest.BodyPublishers.ofString(target.body()));
          target
              .header()
              .forEach(
                  (name, values) -> {
                    if (!RESTRICTED.contains(name.toLowerCase(Locale.ROOT))) {
                      values.forEach(value -> request.setHeader(name, value));
                    }
                  });
          HttpResponse<String> answer =
              client(target.skipVerify())
                  .send(request.build(), HttpResponse.BodyHandlers.ofString());
          int status = answer.statusCode();
          return new Probe.Outcome(
              status / 100 == 2 ? Status.PASSING : status == 429 ? Status.WARNING : Status.CRITICAL,
              "HTTP %s %s: %d %s Output: %s"
                  .formatted(
                      target.method(),
                      target.url(),
                      status,
                      HttpText.reason(status),
                      answer.body()));
        });
  }

  private static Probe.Outcome tcp(String hostAndPort, Duration timeout)
      throws InterruptedException {
    return attempt(
        () -> "dial tcp " + hostAndPort + ": ",
        () -> {
          int colon = hostAndPort.lastIndexOf(':');
          if (colon < 0) {
            throw new IllegalArgumentException("missing port in address");
          }
          String host = hostAndPort.substring(0, colon).replaceAll("^\\[|]$", "");
          int port = Integer.parseInt(hostAndPort.substring(colon + 1));
          try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(host, port), (int) timeout.toMillis());
          }
          return new Probe.Outcome(Status.PASSING, "TCP connect " + hostAndPort + ": Success");
        });
  }

  /** One try at something that may fail in any of the ways a network can. */
  private interface Attempt {
    Probe.Outcome run() throws IOException, InterruptedException;
  }

  private static Probe.Outcome attempt(Supplier<String> subject, Attempt attempt)
      throws InterruptedException {
    String why;
    try {
      return attempt.run();
    } catch (ConnectException e) {
      why = "connect: connection refused";
    } catch (HttpTimeoutException | SocketTimeoutException e) {
      why = "i/o timeout";
    } catch (UnknownHostException e) {
      why = "no such host";
    } catch (IOException | IllegalArgumentException e) {
      why = Objects.requireNonNullElse(e.getMessage(), e.getClass().getSimpleName());
    }
    return new Probe.Outcome(Status.CRITICAL, subject.get() + why);
  }

  @Override
  public synchronized void close() {
    if (eventLoop != null) {
      eventLoop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(1_000);
    }
    if (http != null) {
      http.shutdownNow();
    }
    if (httpTrustingAnyone != null) {
      httpTrustingAnyone.shutdownNow();
    }
  }
}
