package dev.weft.bench;

import dev.weft.durable.LocalPorts;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * An edge as a process of its own, as it was built last, on a free port of this machine; it calls
 * in plain text. Its log is a file. Close it to end it.
 */
final class EdgeProcess implements AutoCloseable {
  private static final String MAIN = "dev.weft.edge.EdgeServer";
  private static final Duration START_MAX = Duration.ofSeconds(60);
  private static final Duration LOOK_EVERY = Duration.ofMillis(50);
  private static final long STOP_SECONDS = 10;

  private final Process process;
  private final URI url;
  private final Path log;
  private final Set<Part> parts;
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  /** What an edge does beside calling services. */
  enum Part {
    TOKEN("a user's token", "WEFT_DEFAULT_ACCESS=authenticated", "WEFT_DEFAULT_ACCESS=public"),
    LIMITS(
        "limits",
        "WEFT_RATE_LIMIT_ADDRESS=1000000/1s WEFT_RATE_LIMIT_PRINCIPAL=1000000/1s",
        "WEFT_UNCOUNTED_ADDRESSES=127.0.0.0/8"),
    LOG("the access log", "LOG_LEVEL=INFO", "LOG_LEVEL=WARN"),
    TRACES(
        "1 % of traces",
        "OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.01",
        "OTEL_TRACES_SAMPLER=parentbased_always_off"),
    PASSED_ON(
        "the token passed on",
        "WEFT_TOKEN_SERVICES=" + ItemBackend.SERVICE,
        "WEFT_TOKEN_SERVICES=none");

    private final String text;
    private final String on;
    private final String off;

    /**
     * @param on variables that have an edge do it, with blanks between them
     * @param off those that keep it from doing it
     */
    Part(String text, String on, String off) {
      this.text = text;
      this.on = on;
      this.off = off;
    }

    private void set(Map<String, String> environment, boolean does) {
      for (String variable : (does ? on : off).split(" ", -1)) {
        int equals = variable.indexOf('=');
        environment.put(variable.substring(0, equals), variable.substring(equals + 1));
      }
    }
  }

  private EdgeProcess(Process process, URI url, Path log, Set<Part> parts) {
    this.process = process;
    this.url = url;
    this.log = log;
    this.parts = parts;
  }

  /**
   * Starts one, and returns when it serves what is in the registry.
   *
   * @param folder for its log; made if it is not there
   * @param traces where traces are received
   * @throws IllegalStateException if it does not serve within a minute, or was not built
   */
  static EdgeProcess start(Path folder, Set<Part> parts, URI registry, URI traces)
      throws IOException, InterruptedException {
    Files.createDirectories(folder);
    Path log = folder.resolve("edge-" + parts.size() + ".log");
    Files.deleteIfExists(log);
    int port = LocalPorts.free();
    int management = LocalPorts.free();
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-cp",
            classPath(),
            MAIN);
    Map<String, String> environment = new HashMap<>();
    environment.put("PORT", Integer.toString(port));
    environment.put("WEFT_MANAGEMENT_PORT", Integer.toString(management));
    environment.put("CONSUL_HTTP_ADDR", registry.toString());
    environment.put("WEFT_ISSUER_SERVICE", ItemBackend.SERVICE);
    environment.put("WEFT_TLS", "off");
    environment.put("WEFT_DRAIN_WAIT", "PT0.001S");
    // A kept answer would be none that is measured.
    environment.put("WEFT_CACHE_BYTES", "0");
    if (parts.contains(Part.TRACES)) {
      environment.put("OTEL_EXPORTER_OTLP_ENDPOINT", traces.toString());
    }
    for (Part part : Part.values()) {
      part.set(environment, parts.contains(part));
    }
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    EdgeProcess edge =
        new EdgeProcess(
            builder.start(),
            URI.create("http://127.0.0.1:" + port),
            log,
            parts.isEmpty() ? Set.of() : EnumSet.copyOf(parts));
    try {
      edge.awaitReady(URI.create("http://127.0.0.1:" + management + "/readyz"));
    } catch (IOException | InterruptedException | RuntimeException e) {
      edge.close();
      throw e;
    }
    return edge;
  }

  /** What the build made of the edge and left in its folder. */
  private static String classPath() throws IOException {
    Path target = Path.of("edge-gateway/target");
    Path dependencies = target.resolve("classpath.txt");
    try (Stream<Path> files = Files.list(target)) {
      List<Path> jars =
          files.filter(file -> file.getFileName().toString().endsWith(".jar")).toList();
      if (jars.size() != 1 || !Files.exists(dependencies)) {
        throw new IllegalStateException("the edge is not built: " + jars);
      }
      return jars.getFirst() + ":" + Files.readString(dependencies).strip();
    }
  }

  private void awaitReady(URI readyz) throws IOException, InterruptedException {
    long end = System.nanoTime() + START_MAX.toNanos();
    while (!isReady(readyz)) {
      if (!process.isAlive() || System.nanoTime() > end) {
        throw new IllegalStateException(this + " does not serve; its log: " + log);
      }
      Thread.sleep(LOOK_EVERY);
    }
  }

  private boolean isReady(URI readyz) throws InterruptedException {
    try {
      return http.send(HttpRequest.newBuilder(readyz).build(), BodyHandlers.discarding())
              .statusCode()
          == 200;
    } catch (IOException e) {
      // It does not listen yet.
      return false;
    }
  }

  /** Where it answers. */
  URI url() {
    return url;
  }

  boolean has(Part part) {
    return parts.contains(part);
  }

  HttpResponse<String> get(String path, Optional<String> token)
      throws IOException, InterruptedException {
    HttpRequest.Builder request = HttpRequest.newBuilder(url.resolve(path));
    token.ifPresent(text -> request.header("Authorization", "Bearer " + text));
    return http.send(request.build(), BodyHandlers.ofString());
  }

  /** That it has used since it began, to a hundredth of a second. */
  Duration processorTime() {
    return process
        .info()
        .totalCpuDuration()
        .orElseThrow(() -> new IllegalStateException(this + " has ended; its log: " + log));
  }

  /** Bytes that its log has now. */
  long logged() throws IOException {
    return Files.size(log);
  }

  /** Empties its log: it is long. */
  void forgetLog() throws IOException {
    try (FileChannel file = FileChannel.open(log, StandardOpenOption.WRITE)) {
      file.truncate(0);
    }
  }

  /** As {@code + limits}: by what it does more than the one with a part less. */
  @Override
  public String toString() {
    return parts.isEmpty() ? "nothing of it on" : "+ " + Part.values()[parts.size() - 1].text;
  }

  @Override
  public void close() {
    http.close();
    process.destroy();
    try {
      if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
