package dev.weft.mesh;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The management port of a process, for operators and supervisors and never for users: {@code
 * /livez} (the process runs), {@code /readyz} (it can serve, with every check), {@code /metrics}
 * (Prometheus text, or OpenMetrics when asked for) and {@code /info}.
 *
 * <p>Answers GET and HEAD, and POST where there is a {@link Receiver}. At most {@value #CONCURRENT}
 * requests are worked on at once; one more gets 503. Thread-safe.
 */
public final class Management implements AutoCloseable {
  static final int CONCURRENT = 16;
  static final int BODY_BYTES_MAX = 64 << 10;

  private static final Logger log = LoggerFactory.getLogger(Management.class);
  private static final Duration CHECK_TIMEOUT = Duration.ofSeconds(1);
  private static final Duration REUSE_REPORT = Duration.ofSeconds(1);
  private static final String JSON = "application/json";

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Semaphore permits = new Semaphore(CONCURRENT);
  private final Readiness readiness = new Readiness(CHECK_TIMEOUT, REUSE_REPORT);
  private final Map<String, String> info = new ConcurrentSkipListMap<>();
  private final Map<String, Function<String, Optional<String>>> pages =
      new ConcurrentSkipListMap<>();
  private final Map<String, Supplier<Verdict>> verdicts = new ConcurrentSkipListMap<>();
  private final Map<String, Receiver> receivers = new ConcurrentSkipListMap<>();
  private final Instant started = Instant.now();
  private final long startedNanos = System.nanoTime();
  private final Telemetry telemetry;

  /**
   * Takes what another system posts to a path. It has to check by itself who posts.
   *
   * <p>Called by many threads at once.
   */
  public interface Receiver {
    /**
     * Takes one request.
     *
     * @param header the value of a header, by its name
     * @param body at most {@value #BODY_BYTES_MAX} bytes
     * @return the status of the answer; an exception is a 500
     */
    int receive(Function<String, Optional<String>> header, byte[] body);
  }

  /**
   * A page whose status says something, too.
   *
   * @param well whether it is 200; else it is 503
   */
  public record Verdict(boolean well, String json) {}

  private record Answer(int status, String contentType, String body) {
    static Answer text(int status, String text) {
      return new Answer(status, "text/plain; charset=utf-8", text + "\n");
    }

    static Answer json(int status, CharSequence json) {
      return new Answer(status, JSON, json + "\n");
    }
  }

  private Management(HttpServer server, Telemetry telemetry) {
    this.server = server;
    this.telemetry = telemetry;
  }

  /**
   * Listens from now on; ready as soon as there is a critical check and every one passes.
   *
   * @param bind the address to listen on
   * @param port 0 means any free one
   */
  public static Management open(
      String service, String version, String bind, int port, Telemetry telemetry) {
    HttpServer server;
    try {
      server =
          HttpServer.create(new InetSocketAddress(InetAddress.getByName(bind), port), CONCURRENT);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the management port " + bind + ":" + port + " cannot be opened: " + e.getMessage(), e);
    }
    Management management = new Management(server, telemetry);
    management.info("name", service);
    management.info("version", version);
    management.info("java", Runtime.version().toString());
    server.setExecutor(management.threads);
    server.createContext("/", management::handle);
    server.start();
    return management;
  }

  /** The port it listens on. */
  public int port() {
    return server.getAddress().getPort();
  }

  /** Adds a check without which this process cannot serve. Replaces one of the same name. */
  public void readiness(String name, Check check) {
    readiness.add(name, true, check);
  }

  /** Adds a check that is shown but leaves the process ready. Replaces one of the same name. */
  public void degradation(String name, Check check) {
    readiness.add(name, false, check);
  }

  /** Adds a fact to {@code /info}. */
  public void info(String name, String value) {
    info.put(name, value);
  }

  /**
   * Adds a page in JSON for operators, at a path such as {@code /services} and all below it.
   * Replaces one of the same path.
   *
   * @param json makes the page, given what follows the path and a slash, or an empty text for the
   *     path itself; an empty answer is a 404. May block for a moment
   */
  public void page(String path, Function<String, Optional<String>> json) {
    pages.put(path, json);
  }

  /**
   * Adds a page in JSON for supervisors, at this path alone, whose status says whether all is well.
   * Says nothing of this process, which {@code /readyz} does. Replaces one of the same path.
   *
   * @param page makes it; may block for a moment
   */
  public void verdict(String path, Supplier<Verdict> page) {
    verdicts.put(path, page);
  }

  /** Adds somebody who takes what is posted to a path. Replaces one of the same path. */
  public void receiver(String path, Receiver receiver) {
    receivers.put(path, receiver);
  }

  /**
   * Whether all critical checks pass and no drain has begun. May take as long as a check, one
   * second.
   */
  public boolean ready() {
    return readiness.report().serves();
  }

  /**
   * The critical checks, other than this one, that fail when run now; may take as long as a check,
   * one second.
   */
  List<String> failing(String besides) {
    return readiness.look().results().stream()
        .filter(result -> result.critical() && !result.name().equals(besides))
        .flatMap(result -> result.problem().map(problem -> result.name() + ": " + problem).stream())
        .toList();
  }

  /** A check changed its mind, and somebody may be waiting for that. */
  void changed() {
    readiness.forget();
  }

  /** From now on {@code /readyz} answers 503, for good: the process is about to stop. */
  public void drain() {
    readiness.drain();
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      if (!permits.tryAcquire()) {
        send(exchange, Answer.text(503, "too many requests at once"));
        return;
      }
      try {
        send(exchange, answer(exchange));
      } catch (RuntimeException e) {
        log.error("{} failed", exchange.getRequestURI().getPath(), e);
        send(exchange, Answer.text(500, "internal error"));
      } finally {
        permits.release();
      }
    }
  }

  private Answer answer(HttpExchange exchange) throws IOException {
    String method = exchange.getRequestMethod();
    @Nullable Receiver receiver = receivers.get(exchange.getRequestURI().getPath());
    if (receiver != null) {
      return method.equals("POST") ? received(exchange, receiver) : onlyPost(exchange);
    }
    if (!method.equals("GET") && !method.equals("HEAD")) {
      exchange.getResponseHeaders().set("Allow", "GET, HEAD");
      return Answer.text(405, "only GET and HEAD");
    }
    String path = exchange.getRequestURI().getPath();
    @Nullable Supplier<Verdict> verdict = verdicts.get(path);
    if (verdict != null) {
      Verdict now = verdict.get();
      return Answer.json(now.well() ? 200 : 503, now.json());
    }
    return switch (path) {
      case "/livez" -> Answer.text(200, "ok");
      case "/readyz" -> readyz();
      case "/metrics" -> metrics(exchange);
      case "/info" -> Answer.json(200, infoJson());
      case "/" -> Answer.text(200, index());
      default ->
          page(path).map(json -> Answer.json(200, json)).orElse(Answer.text(404, "not found"));
    };
  }

  private static Answer received(HttpExchange exchange, Receiver receiver) throws IOException {
    byte[] body = exchange.getRequestBody().readNBytes(BODY_BYTES_MAX + 1);
    if (body.length > BODY_BYTES_MAX) {
      return Answer.text(413, "too large");
    }
    int status =
        receiver.receive(
            name -> Optional.ofNullable(exchange.getRequestHeaders().getFirst(name)), body);
    return Answer.text(status, Integer.toString(status));
  }

  private static Answer onlyPost(HttpExchange exchange) {
    exchange.getResponseHeaders().set("Allow", "POST");
    return Answer.text(405, "only POST");
  }

  private String index() {
    StringBuilder index = new StringBuilder("/livez\n/readyz\n/metrics\n/info");
    verdicts.keySet().forEach(path -> index.append('\n').append(path));
    pages.keySet().forEach(path -> index.append('\n').append(path));
    return index.toString();
  }

  private Optional<String> page(String path) {
    for (var page : pages.entrySet()) {
      String at = page.getKey();
      if (path.equals(at)) {
        return page.getValue().apply("");
      }
      if (path.startsWith(at + "/")) {
        return page.getValue().apply(path.substring(at.length() + 1));
      }
    }
    return Optional.empty();
  }

  private Answer metrics(HttpExchange exchange) {
    Telemetry.Exposition metrics =
        telemetry.exposition(
            Optional.ofNullable(exchange.getRequestHeaders().getFirst("Accept")).orElse(""));
    return new Answer(200, metrics.contentType(), metrics.body());
  }

  private Answer readyz() {
    Readiness.Report report = readiness.report();
    StringBuilder json = new StringBuilder("{");
    JsonText.field(json, "status", report.state().name().toLowerCase(Locale.ROOT));
    json.append(",\"checks\":[");
    String separator = "";
    for (Readiness.Result result : report.results()) {
      json.append(separator).append('{');
      JsonText.field(json, "name", result.name());
      json.append(",\"critical\":").append(result.critical()).append(',');
      JsonText.field(json, "status", result.problem().isEmpty() ? "pass" : "fail");
      json.append(",\"durationMs\":").append(result.took().toMillis());
      result
          .problem()
          .ifPresent(
              problem -> {
                json.append(',');
                JsonText.field(json, "problem", problem);
              });
      json.append('}');
      separator = ",";
    }
    return Answer.json(report.serves() ? 200 : 503, json.append("]}"));
  }

  private CharSequence infoJson() {
    StringBuilder json = new StringBuilder("{");
    info.forEach(
        (name, value) -> {
          JsonText.field(json, name, value);
          json.append(',');
        });
    JsonText.field(json, "startTime", started.toString());
    Duration up = Duration.ofNanos(System.nanoTime() - startedNanos);
    return json.append(",\"uptimeSeconds\":").append(up.toSeconds()).append('}');
  }

  private static void send(HttpExchange exchange, Answer answer) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", answer.contentType());
    exchange.getResponseHeaders().set("Cache-Control", "no-store");
    exchange.getResponseHeaders().set("X-Content-Type-Options", "nosniff");
    if (answer.status() == 204) {
      exchange.sendResponseHeaders(204, -1);
      return;
    }
    byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", Integer.toString(bytes.length));
      exchange.sendResponseHeaders(answer.status(), -1);
      return;
    }
    exchange.sendResponseHeaders(answer.status(), bytes.length);
    try (OutputStream body = exchange.getResponseBody()) {
      body.write(bytes);
    }
  }
}
