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
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
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
      case Target.Grpc target -> grpc(target, spec.timeout());
      case Target.Http target -> () -> http(target, spec.timeout(), spec.outputMax());
      case Target.Tcp target -> () -> tcp(target.hostAndPort(), spec.timeout());
      case Target.Ttl _, Target.Maintenance _ ->
          throw new IllegalArgumentException(spec.id() + " is not probed");
    };
  }

  private Probe grpc(Target.Grpc target, Duration timeout) {
    try {
      return new GrpcProbe(target, timeout, eventLoop());
    } catch (IllegalArgumentException e) {
      Probe.Outcome refused =
          new Probe.Outcome(
              Status.CRITICAL, "rpc error: code = Unavailable desc = " + e.getMessage());
      return () -> refused;
    }
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

  private Probe.Outcome http(Target.Http target, Duration timeout, int outputMax)
      throws InterruptedException {
    return attempt(
        () -> target.method() + " \"" + target.url() + "\": ",
        () -> {
          HttpRequest.Builder request =
              HttpRequest.newBuilder(URI.create(target.url()))
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
          Tail body = new Tail(outputMax);
          int status = send(request.build(), target.skipVerify(), body, timeout);
          return new Probe.Outcome(
              status / 100 == 2 ? Status.PASSING : status == 429 ? Status.WARNING : Status.CRITICAL,
              "HTTP %s %s: %d %s Output: %s"
                  .formatted(target.method(), target.url(), status, reason(status), body.text()));
        });
  }

  /** The status of the answer once its body is read, too; a request's own time-out ends before. */
  private int send(HttpRequest request, boolean trustingAnyone, Tail body, Duration timeout)
      throws IOException, InterruptedException {
    CompletableFuture<HttpResponse<Void>> answer =
        client(trustingAnyone).sendAsync(request, BodyHandlers.ofByteArrayConsumer(body));
    try {
      return answer.get(timeout.toNanos(), TimeUnit.NANOSECONDS).statusCode();
    } catch (TimeoutException e) {
      throw new HttpTimeoutException("no answer in " + timeout);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
    } finally {
      answer.cancel(true);
    }
  }

  /** The phrase that an answer over HTTP/1.1 has beside its status. */
  private static String reason(int status) {
    return switch (status) {
      case 200 -> "OK";
      case 201 -> "Created";
      case 202 -> "Accepted";
      case 204 -> "No Content";
      case 400 -> "Bad Request";
      case 401 -> "Unauthorized";
      case 403 -> "Forbidden";
      case 404 -> "Not Found";
      case 405 -> "Method Not Allowed";
      case 429 -> "Too Many Requests";
      case 500 -> "Internal Server Error";
      case 502 -> "Bad Gateway";
      case 503 -> "Service Unavailable";
      case 504 -> "Gateway Timeout";
      default -> "";
    };
  }

  /** Keeps the end of a body of any length. */
  private static final class Tail implements Consumer<Optional<byte[]>> {
    private final int max;
    private byte[] bytes = new byte[0];

    Tail(int max) {
      this.max = max;
    }

    @Override
    public void accept(Optional<byte[]> chunk) {
      byte[] more = chunk.orElse(new byte[0]);
      byte[] all = Arrays.copyOf(bytes, bytes.length + more.length);
      System.arraycopy(more, 0, all, bytes.length, more.length);
      bytes = Arrays.copyOfRange(all, Math.max(0, all.length - max), all.length);
    }

    String text() {
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }

  private static Probe.Outcome tcp(String hostAndPort, Duration timeout)
      throws InterruptedException {
    return attempt(
        () -> "dial tcp " + hostAndPort + ": ",
        () -> {
          int colon = hostAndPort.lastIndexOf(':');
          if (colon < 0) {
            return new Probe.Outcome(
                Status.CRITICAL, "dial tcp: address " + hostAndPort + ": missing port in address");
          }
          String host = hostAndPort.substring(0, colon).replaceAll("^\\[|]$", "");
          int port = Integer.parseInt(hostAndPort.substring(colon + 1));
          try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(host, port), millis(timeout));
          }
          return new Probe.Outcome(Status.PASSING, "TCP connect " + hostAndPort + ": Success");
        });
  }

  private static int millis(Duration timeout) {
    return Math.clamp(timeout.toMillis(), 1, Integer.MAX_VALUE); // 0 would mean for ever
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
