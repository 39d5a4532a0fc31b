package dev.weft.bench;

import dev.weft.bench.EdgeProcess.Part;
import dev.weft.testkit.TestIdentity;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;

/**
 * What an edge's identity, limits, access log and traces cost a request, in microseconds of the
 * processor time of its process: edges that differ in one of them each, under load in turns, so
 * that whatever else the machine does hits all of them alike. Each begins with both compilers.
 *
 * <p>{@code EdgeCost [rounds] [seconds of each edge in a round] [seconds of its warm-up]}: 5 rounds
 * of 4 s after 12, three and a half minutes in all. One message of 0.2 KB is asked for over 32
 * connections, as fast as the edge answers; the service, the issuer of tokens, the registry and the
 * receiver of traces are this process. It ends with an error if any answer is not a 200, or an edge
 * does not do what it is measured for.
 */
public final class EdgeCost {
  private static final int CONNECTIONS = 32;
  private static final String PATH = "/bench/items/item-000123";

  /** After which each user's token is known, before anything counts. */
  private static final Duration SETTLING = Duration.ofMillis(300);

  private static final int LOG_LINE_BYTES_MIN = 150;
  private static final double BOUND_MICROS = 10;

  private final TestIdentity identity = new TestIdentity();
  private final Path folder = Path.of("bench/target/edge-cost").toAbsolutePath();
  private final List<Edge> edges = new ArrayList<>();

  private EdgeCost() {}

  /** An edge, and what was measured of it. */
  private static final class Edge {
    final EdgeProcess process;
    final List<Double> micros = new ArrayList<>();
    final List<Double> perSecond = new ArrayList<>();

    Edge(EdgeProcess process) {
      this.process = process;
    }
  }

  /** Runs it. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    int[] numbers = {5, 4, 12};
    for (int i = 0; i < Math.min(arguments.length, numbers.length); i++) {
      numbers[i] = Integer.parseInt(arguments[i]);
    }
    System.out.println(RunningShop.machine());
    new EdgeCost().run(numbers[0], Duration.ofSeconds(numbers[1]), Duration.ofSeconds(numbers[2]));
    System.out.println(RunningShop.machine());
  }

  private void run(int rounds, Duration each, Duration warmUp)
      throws IOException, InterruptedException {
    try (LocalMesh mesh = LocalMesh.start();
        ItemBackend _ = ItemBackend.start(mesh, identity);
        TraceReceiver traces = TraceReceiver.start()) {
      try {
        Set<Part> parts = EnumSet.noneOf(Part.class);
        start(mesh.registry(), traces, parts);
        for (Part part : Part.values()) {
          parts.add(part);
          start(mesh.registry(), traces, parts);
        }
        for (Edge edge : edges) {
          measure(edge, warmUp);
          edge.micros.clear();
          edge.perSecond.clear();
        }
        for (int round = 0; round < rounds; round++) {
          for (int i = 0; i < edges.size(); i++) {
            // Each is the first of a round now and then.
            measure(edges.get((round + i) % edges.size()), each);
          }
          System.out.println("round " + (round + 1) + ": load " + RunningShop.load());
        }
        if (traces.received() == 0) {
          throw new IllegalStateException("no traces were received");
        }
      } finally {
        for (Edge edge : edges) {
          edge.process.close();
        }
      }
    }
    print(rounds, each);
  }

  private void start(URI registry, TraceReceiver traces, Set<Part> parts)
      throws IOException, InterruptedException {
    EdgeProcess process = EdgeProcess.start(folder, parts, registry, traces.url());
    edges.add(new Edge(process));
    boolean asksWho = parts.contains(Part.TOKEN);
    expect(process, process.get(PATH, Optional.empty()), asksWho ? 401 : 200);
    HttpResponse<String> answer = process.get(PATH, Optional.of(token(0)));
    expect(process, answer, 200);
    String limits = answer.headers().firstValue("RateLimit").orElse("");
    if (parts.contains(Part.LIMITS)
        != (limits.contains("address") && limits.contains("principal"))) {
      throw new IllegalStateException(process + " tells these limits: '" + limits + "'");
    }
  }

  private static void expect(EdgeProcess process, HttpResponse<String> answer, int status) {
    if (answer.statusCode() != status) {
      throw new IllegalStateException(
          "%s answered %d in place of %d: %s"
              .formatted(process, answer.statusCode(), status, answer.body()));
    }
  }

  private void measure(Edge edge, Duration length) throws IOException {
    List<byte[]> requests = requests(edge.process);
    // Of its own: an edge closes what is idle while others are measured.
    try (Flood flood = new Flood(edge.process.url().toString(), CONNECTIONS)) {
      var _ = load(edge, flood, requests, SETTLING);
      measure(edge, flood, requests, length);
    }
  }

  private static void measure(Edge edge, Flood flood, List<byte[]> requests, Duration length)
      throws IOException {
    long logged = edge.process.logged();
    Duration before = edge.process.processorTime();
    long began = System.nanoTime();
    int answers = load(edge, flood, requests, length);
    double seconds = (System.nanoTime() - began) / 1e9;
    double micros = edge.process.processorTime().minus(before).toNanos() / 1e3;
    boolean writes = edge.process.logged() - logged > (long) answers * LOG_LINE_BYTES_MIN;
    if (writes != edge.process.has(Part.LOG)) {
      throw new IllegalStateException(edge.process + (writes ? " logs" : " does not log") + " all");
    }
    edge.process.forgetLog();
    edge.micros.add(micros / answers);
    edge.perSecond.add(answers / seconds);
  }

  /** Returns how many answers came; throws if one of them is no 200. */
  private static int load(Edge edge, Flood flood, List<byte[]> requests, Duration length)
      throws IOException {
    Flood.Result result =
        flood.send(
            i -> requests.get(i % requests.size()), Flood.AS_MANY_AS_THERE_ARE_CONNECTIONS, length);
    Map<String, Integer> outcomes = result.outcomes();
    if (!outcomes.keySet().equals(Set.of("200"))) {
      throw new IllegalStateException(edge.process + " answered " + outcomes);
    }
    return result.answers().size();
  }

  /** Of as many users as there are connections; of nobody if the edge does not ask who it is. */
  private List<byte[]> requests(EdgeProcess process) {
    return IntStream.range(0, CONNECTIONS)
        .mapToObj(
            user ->
                "GET "
                    + PATH
                    + " HTTP/1.1\r\nHost: "
                    + process.url().getAuthority()
                    + "\r\nAccept: application/json\r\n"
                    + (process.has(Part.TOKEN)
                        ? "Authorization: Bearer " + token(user) + "\r\n"
                        : "")
                    + "\r\n")
        .map(text -> text.getBytes(StandardCharsets.US_ASCII))
        .toList();
  }

  private String token(int user) {
    return identity.token(new UUID(7, user).toString(), Instant.now(), "customer");
  }

  private void print(int rounds, Duration each) throws IOException {
    System.out.printf(
        Locale.ROOT,
        "µs of the edge's processor for a request, medians of %d rounds of %d s, in turns; load"
            + " %s%n",
        rounds,
        each.toSeconds(),
        RunningShop.load());
    Edge bare = edges.getFirst();
    Edge before = bare;
    for (Edge edge : edges) {
      System.out.printf(
          Locale.ROOT,
          "  %-36s %s; more than the one before %s, than the first %s; %.0f/s%n",
          edge.process,
          Spread.of(edge.micros),
          Spread.of(more(edge, before)),
          Spread.of(more(edge, bare)),
          Spread.of(edge.perSecond).median());
      before = edge;
    }
    // The last passes tokens on besides, which the bound is not about.
    Edge all = edges.get(edges.size() - 2);
    System.out.printf(
        Locale.ROOT,
        "all but a token that is passed on: %.1f µs more by the medians, %.1f by the least (bound"
            + " %.0f)%n",
        Spread.of(all.micros).median() - Spread.of(bare.micros).median(),
        Spread.of(all.micros).least() - Spread.of(bare.micros).least(),
        BOUND_MICROS);
  }

  /** In each round. */
  private static List<Double> more(Edge edge, Edge than) {
    return IntStream.range(0, edge.micros.size())
        .mapToObj(round -> edge.micros.get(round) - than.micros.get(round))
        .toList();
  }
}
