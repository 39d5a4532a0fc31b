package dev.weft.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * How long {@code ./weft up} takes until the first order is confirmed, and what all processes then
 * hold in memory. Builds and seeds once, unmeasured; every measured start finds both, as a
 * developer's second start does.
 *
 * <p>Arguments: the number of measured starts (5). Resident memory is given twice: {@code rss} adds
 * up what each process says, so that a page which PostgreSQL's processes share counts in each;
 * {@code pss} (Linux) counts a shared page once.
 */
public final class WarmStart {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration ORDER_LIMIT = Duration.ofSeconds(30);
  private static final long COMMAND_MINUTES = 10;

  private final HttpClient http = HttpClient.newHttpClient();
  private final Path state;

  private WarmStart(Path state) {
    this.state = state;
  }

  private record Run(double ready, double confirmed, double down, long rss, long pss) {}

  /** What one process holds, in KiB. */
  private record Memory(String name, long rss, long pss) {}

  public static void main(String[] args) throws IOException, InterruptedException {
    int runs = args.length > 0 ? Integer.parseInt(args[0]) : 5;
    var bench = new WarmStart(Path.of("bench/target/warm-start").toAbsolutePath());
    System.out.printf(
        "machine: %d CPUs, %s %s, JDK %s, load %s%n",
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.name"),
        System.getProperty("os.arch"),
        System.getProperty("java.version"),
        load());
    System.out.println("preparing: build, first start, demo data");
    bench.weft("up", "--detach", "--isolated");
    bench.weft("down");
    System.out.println("   ready s  confirmed s  down s  rss MiB  pss MiB");
    List<Run> measured = new ArrayList<>();
    for (int i = 0; i < runs; i++) {
      Run run = bench.once();
      measured.add(run);
      System.out.printf(
          Locale.ROOT,
          "   %7.2f  %11.2f  %6.2f  %7d  %7d%n",
          run.ready(),
          run.confirmed(),
          run.down(),
          run.rss() / 1024,
          run.pss() / 1024);
    }
    double[] confirmed = measured.stream().mapToDouble(Run::confirmed).sorted().toArray();
    System.out.printf(
        Locale.ROOT,
        "first confirmed order: median %.2f s, %.2f to %.2f s over %d starts%n",
        confirmed[confirmed.length / 2],
        confirmed[0],
        confirmed[confirmed.length - 1],
        confirmed.length);
    System.out.printf(
        "resident: at most %d MiB (rss), %d MiB (pss)%n",
        measured.stream().mapToLong(Run::rss).max().orElse(0) / 1024,
        measured.stream().mapToLong(Run::pss).max().orElse(0) / 1024);
  }

  private Run once() throws IOException, InterruptedException {
    long began = System.nanoTime();
    weft("up", "--detach", "--isolated");
    double ready = seconds(began);
    confirmAnOrder();
    double confirmed = seconds(began);
    List<Memory> memory = memory();
    began = System.nanoTime();
    weft("down");
    return new Run(
        ready,
        confirmed,
        seconds(began),
        memory.stream().mapToLong(Memory::rss).sum(),
        memory.stream().mapToLong(Memory::pss).sum());
  }

  private void confirmAnOrder() throws IOException, InterruptedException {
    String edge = JSON.readTree(state.resolve("state.json").toFile()).at("/urls/edge").asText();
    JsonNode demo = JSON.readTree(state.resolve("demo.json").toFile());
    JsonNode login = post(edge + "/v1/auth:login", demo.get("customer").toString(), Map.of());
    String bearer = "Bearer " + login.get("accessToken").asText();
    String order =
        """
        {"items":[{"productId":"%s","quantity":1}],"paymentMethod":"card_ok","shippingAddress":
        {"name":"Ada","line1":"Loom Street 1","city":"Ghent","postalCode":"9000","countryCode":"BE"}}
        """
            .formatted(demo.at("/products/0/productId").asText());
    JsonNode placed =
        post(
            edge + "/v1/orders",
            order,
            Map.of("authorization", bearer, "idempotency-key", "warm-start-" + Instant.now()));
    String url = edge + "/v1/orders/" + placed.get("orderId").asText();
    long end = System.nanoTime() + ORDER_LIMIT.toNanos();
    String last;
    do {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
      last =
          send(HttpRequest.newBuilder(URI.create(url)).header("authorization", bearer).build())
              .get("state")
              .asText();
      if (System.nanoTime() > end) {
        throw new IllegalStateException("the order is still " + last);
      }
    } while (!last.equals("STATE_CONFIRMED"));
  }

  private JsonNode post(String url, String json, Map<String, String> headers)
      throws IOException, InterruptedException {
    var request =
        HttpRequest.newBuilder(URI.create(url))
            .header("content-type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(json));
    headers.forEach(request::header);
    return send(request.build());
  }

  private JsonNode send(HttpRequest request) throws IOException, InterruptedException {
    var answer = http.send(request, BodyHandlers.ofString());
    if (answer.statusCode() / 100 != 2) {
      throw new IllegalStateException(
          request.uri() + " answered " + answer.statusCode() + ": " + answer.body());
    }
    return JSON.readTree(answer.body());
  }

  // The supervisor and everything below it: PostgreSQL has a process per connection.
  private List<Memory> memory() throws IOException {
    JsonNode root = JSON.readTree(state.resolve("state.json").toFile());
    long supervisor = root.at("/supervisor/pid").asLong();
    Map<Long, String> names = new TreeMap<>();
    names.put(supervisor, "supervisor");
    for (JsonNode process : root.get("processes")) {
      names.put(process.get("pid").asLong(), process.get("name").asText());
    }
    ProcessHandle handle = ProcessHandle.of(supervisor).orElseThrow();
    Map<String, Memory> byName = new TreeMap<>();
    try (Stream<ProcessHandle> all = Stream.concat(Stream.of(handle), handle.descendants())) {
      for (ProcessHandle process : all.toList()) {
        String name = names.getOrDefault(process.pid(), nameOf(process, names));
        Memory memory = memory(name, process.pid());
        byName.merge(
            name, memory, (a, b) -> new Memory(name, a.rss() + b.rss(), a.pss() + b.pss()));
      }
    }
    for (Memory memory : byName.values()) {
      System.out.printf(
          "     %-14s rss %4d MiB  pss %4d MiB%n",
          memory.name(), memory.rss() / 1024, memory.pss() / 1024);
    }
    return List.copyOf(byName.values());
  }

  private static String nameOf(ProcessHandle process, Map<Long, String> names) {
    return process
        .parent()
        .map(parent -> names.getOrDefault(parent.pid(), "others"))
        .filter(name -> !name.equals("supervisor"))
        .orElse("others");
  }

  private static Memory memory(String name, long pid) throws IOException {
    long rss = 0;
    long pss = 0;
    for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/smaps_rollup"))) {
      if (line.startsWith("Rss:")) {
        rss = kibibytes(line);
      } else if (line.startsWith("Pss:")) {
        pss = kibibytes(line);
      }
    }
    return new Memory(name, rss, pss);
  }

  private static long kibibytes(String line) {
    return Long.parseLong(line.replaceAll("\\D", ""));
  }

  private void weft(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("./weft"));
    command.addAll(Arrays.asList(arguments));
    command.addAll(List.of("--state", state.toString()));
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(state.resolveSibling("warm-start.log").toFile())
            .start();
    if (!process.waitFor(COMMAND_MINUTES, TimeUnit.MINUTES) || process.exitValue() != 0) {
      throw new IllegalStateException(
          "./weft "
              + arguments[0]
              + " failed:\n"
              + Files.readString(state.resolveSibling("warm-start.log")));
    }
  }

  private static String load() throws IOException {
    Path file = Path.of("/proc/loadavg");
    return Files.exists(file) ? Files.readString(file).split(" ", 2)[0] : "unknown";
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) / 1e9;
  }
}
