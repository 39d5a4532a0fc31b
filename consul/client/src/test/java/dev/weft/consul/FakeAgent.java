package dev.weft.consul;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.awaitility.Awaitility;

/**
 * An HTTP server that answers as a test tells it to. A path answers by a function, or by a script:
 * then each request takes the next reply, and blocks until there is one.
 */
final class FakeAgent implements AutoCloseable {
  record Request(String method, String path, String query, Optional<String> token, String body) {
    String index() {
      return parameter("index");
    }

    String parameter(String name) {
      for (String pair : query.split("&", -1)) {
        if (pair.startsWith(name + "=")) {
          return pair.substring(name.length() + 1);
        }
      }
      return "";
    }
  }

  record Reply(int status, Map<String, String> headers, String body) {
    static Reply indexed(long index, String body) {
      return new Reply(200, Map.of("X-Consul-Index", Long.toUnsignedString(index)), body);
    }

    static Reply ok(String body) {
      return new Reply(200, Map.of(), body);
    }

    static Reply status(int status, String body) {
      return new Reply(status, Map.of(), body);
    }

    Reply with(String header, String value) {
      Map<String, String> all = new ConcurrentHashMap<>(headers);
      all.put(header, value);
      return new Reply(status, all, body);
    }
  }

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Map<String, Function<Request, Reply>> answers = new ConcurrentHashMap<>();
  private final Map<String, LinkedBlockingQueue<Reply>> scripts = new ConcurrentHashMap<>();
  private final List<Request> requests = new CopyOnWriteArrayList<>();
  private final HttpServer server;

  private FakeAgent(int port) {
    try {
      server =
          HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 256);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  static FakeAgent start() {
    return startAt(0);
  }

  static FakeAgent startAt(int port) {
    return new FakeAgent(port);
  }

  int port() {
    return server.getAddress().getPort();
  }

  ConsulConfig config() {
    return ConsulConfig.of("127.0.0.1:" + port(), Optional.empty());
  }

  /** Answers the path so from now on. */
  void answer(String path, Function<Request, Reply> answer) {
    answers.put(path, answer);
  }

  /** The next reply to a request for the path. */
  void reply(String path, Reply reply) {
    script(path).add(reply);
  }

  /** Whether it refuses what needs the right to read the service, where it refuses anything. */
  void mayRead(String service, boolean allowed) {
    answer(
        "/v1/config/service-resolver/" + service,
        _ ->
            allowed
                ? Reply.status(404, "Config entry not found")
                : Reply.status(403, "Permission denied"));
  }

  List<Request> requests(String path) {
    return requests.stream().filter(request -> request.path().equals(path)).toList();
  }

  /** Waits for the n-th request for the path, counted from 1. */
  Request request(String path, int n) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(5))
        .pollDelay(Duration.ZERO)
        .until(() -> requests(path).size() >= n);
    return requests(path).get(n - 1);
  }

  private LinkedBlockingQueue<Reply> script(String path) {
    return scripts.computeIfAbsent(path, _ -> new LinkedBlockingQueue<>());
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String query = exchange.getRequestURI().getRawQuery();
      Request request =
          new Request(
              exchange.getRequestMethod(),
              exchange.getRequestURI().getRawPath(),
              query == null ? "" : query,
              Optional.ofNullable(exchange.getRequestHeaders().getFirst("X-Consul-Token")),
              new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
      requests.add(request);
      Function<Request, Reply> answer = answers.get(request.path());
      Reply reply = answer != null ? answer.apply(request) : nextReply(request.path());
      reply.headers().forEach(exchange.getResponseHeaders()::set);
      byte[] body = reply.body().getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(reply.status(), body.length == 0 ? -1 : body.length);
      if (body.length > 0) {
        exchange.getResponseBody().write(body);
      }
    }
  }

  private Reply nextReply(String path) {
    try {
      Reply reply = script(path).poll(60, TimeUnit.SECONDS);
      return reply == null ? Reply.status(500, "the script is over") : reply;
    } catch (InterruptedException e) {
      return Reply.status(500, "the agent stops");
    }
  }

  /** Breaks every connection, as a crash would. */
  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
