package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.consul.DiscoveryChain;
import dev.weft.consul.DiscoveryChain.Match;
import dev.weft.consul.DiscoveryChain.Node;
import dev.weft.consul.DiscoveryChain.Resolver;
import dev.weft.consul.DiscoveryChain.Retries;
import dev.weft.consul.DiscoveryChain.Route;
import dev.weft.consul.DiscoveryChain.Router;
import dev.weft.consul.DiscoveryChain.Split;
import dev.weft.consul.DiscoveryChain.Splitter;
import dev.weft.consul.DiscoveryChain.Target;
import dev.weft.consul.Intention.HeaderMatch;
import dev.weft.consul.Intention.PathMatch;
import dev.weft.mesh.Choice.Outlet;
import dev.weft.mesh.Choice.Place;
import dev.weft.mesh.Choice.Repeat;
import dev.weft.mesh.Pool.Subset;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.inprocess.InProcessChannelBuilder;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a discovery chain makes of a call. */
class RouteTableTest {
  private static final String PATH = "/weft.test.v1.EchoService/Read";
  private static final HeaderMatch.Kind EXACT = HeaderMatch.Kind.EXACT;

  private final Consul consul =
      Consul.connect(ConsulConfig.of("http://127.0.0.1:1", Optional.empty()));
  private final ManagedChannel nowhere = InProcessChannelBuilder.forName("nowhere").build();
  private final RandomGenerator random = new Random(3);
  private final Map<String, Target> targets = new HashMap<>();

  @AfterEach
  void close() {
    nowhere.shutdownNow();
    consul.close();
  }

  private Place place(Target target) {
    Pool pool = new Pool(consul, target.service(), "", "", Optional.empty());
    return new Place(
        new Outlet(pool, nowhere, nowhere), new Subset(target.subset(), target.onlyPassing()));
  }

  private RouteTable table(String start, Map<String, Node> nodes) {
    return RouteTable.of(
        new DiscoveryChain("echo-svc", "dc1", "grpc", start, nodes, targets), this::place);
  }

  /** A resolver to a subset of its name. */
  private Node to(String subset, String... failover) {
    targets.put(subset, new Target("echo-svc", subset, "dc1", "", "", false));
    return new Resolver(subset, List.of(failover));
  }

  private Map<String, Node> ab(Node first) {
    return Map.of("first", first, "a", to("a"), "b", to("b"));
  }

  private static Match path(PathMatch.Kind kind, String value) {
    return new Match(new PathMatch(kind, value), false, List.of(), List.of(), false);
  }

  private static Match header(HeaderMatch.Kind kind, String value, boolean invert) {
    return new Match(
        Match.ALL.path(),
        false,
        List.of(new HeaderMatch("x-h", kind, value, false, invert)),
        List.of(),
        false);
  }

  private static Route route(Match match, String next) {
    return new Route(match, Optional.empty(), Retries.UNSAID, "", next);
  }

  private String chosen(RouteTable table, String path, String... header) {
    Metadata headers = new Metadata();
    for (String value : header) {
      headers.put(Metadata.Key.of("x-h", Metadata.ASCII_STRING_MARSHALLER), value);
    }
    return table.choose(path, headers, random).orElseThrow().places().getFirst().subset().filter();
  }

  /** Whether a call is matched, where {@code b} takes the rest. */
  private boolean matches(Match match, String path, String... header) {
    RouteTable table =
        table("first", ab(new Router(List.of(route(match, "a"), route(Match.ALL, "b")))));
    return chosen(table, path, header).equals("a");
  }

  @Test
  void pathsMatch() {
    assertThat(matches(path(PathMatch.Kind.EXACT, PATH), PATH)).isTrue();
    assertThat(matches(path(PathMatch.Kind.EXACT, PATH), PATH + "s")).isFalse();
    assertThat(matches(path(PathMatch.Kind.PREFIX, "/weft.test.v1."), PATH)).isTrue();
    assertThat(matches(path(PathMatch.Kind.PREFIX, "/weft.test.v2."), PATH)).isFalse();
    assertThat(matches(path(PathMatch.Kind.REGEX, "/weft.*/(Read|Put)"), PATH)).isTrue();
    assertThat(matches(path(PathMatch.Kind.REGEX, "weft"), PATH)).as("the whole of it").isFalse();
    for (PathMatch.Kind kind : List.of(PathMatch.Kind.EXACT, PathMatch.Kind.REGEX)) {
      Match any =
          new Match(
              new PathMatch(kind, PATH.toUpperCase(java.util.Locale.ROOT)),
              true,
              List.of(),
              List.of(),
              false);
      assertThat(matches(any, PATH)).as(kind.name()).isTrue();
    }
  }

  @Test
  void headersMatch() {
    assertThat(matches(header(EXACT, "v", false), PATH, "v")).isTrue();
    assertThat(matches(header(EXACT, "v", false), PATH, "w")).isFalse();
    assertThat(matches(header(EXACT, "v", false), PATH)).isFalse();
    assertThat(matches(header(EXACT, "v,w", false), PATH, "v", "w")).isTrue();
    assertThat(matches(header(EXACT, "v", true), PATH, "w")).isTrue();
    assertThat(matches(header(HeaderMatch.Kind.PREFIX, "v", false), PATH, "vw")).isTrue();
    assertThat(matches(header(HeaderMatch.Kind.SUFFIX, "w", false), PATH, "vw")).isTrue();
    assertThat(matches(header(HeaderMatch.Kind.REGEX, "v+", false), PATH, "vv")).isTrue();
    assertThat(matches(header(HeaderMatch.Kind.REGEX, "v+", false), PATH, "vvw")).isFalse();
    assertThat(matches(header(HeaderMatch.Kind.PRESENT, "", false), PATH, "")).isTrue();
    assertThat(matches(header(HeaderMatch.Kind.PRESENT, "", true), PATH)).isTrue();
    assertThat(matches(header(HeaderMatch.Kind.PRESENT, "", true), PATH, "v")).isFalse();
  }

  @Test
  void methodsArePostAndThereIsNoQuery() {
    PathMatch any = Match.ALL.path();
    assertThat(matches(new Match(any, false, List.of(), List.of("GET", "POST"), false), PATH))
        .isTrue();
    assertThat(matches(new Match(any, false, List.of(), List.of("GET"), false), PATH)).isFalse();
    assertThat(matches(new Match(any, false, List.of(), List.of(), true), PATH)).isFalse();
  }

  @Test
  void sharesAreDrawnThroughSplittersInSplitters() {
    RouteTable table =
        table(
            "first",
            Map.of(
                "first", new Splitter(List.of(new Split(40, "a"), new Split(60, "second"))),
                "second", new Splitter(List.of(new Split(0.5, "b"), new Split(99.5, "c"))),
                "a", to("a"),
                "b", to("b"),
                "c", to("c")));
    Map<String, Integer> drawn = new HashMap<>();
    for (int i = 0; i < 100_000; i++) {
      drawn.merge(chosen(table, PATH), 1, Integer::sum);
    }

    assertThat(drawn.get("a")).isBetween(39_000, 41_000);
    assertThat(drawn.get("b")).isBetween(200, 400);
    assertThat(drawn.get("c")).isBetween(58_500, 61_000);
  }

  @Test
  void explainsWhatItChooses() {
    RouteTable table =
        table(
            "first",
            Map.of(
                "first",
                new Router(
                    List.of(route(header(EXACT, "v", false), "a"), route(Match.ALL, "shares"))),
                "shares",
                new Splitter(List.of(new Split(30, "a"), new Split(70, "b"))),
                "a",
                to("a"),
                "b",
                to("b")));
    for (int i = 0; i < 1_000; i++) {
      Metadata headers = new Metadata();
      if (i % 3 == 0) {
        headers.put(Metadata.Key.of("x-h", Metadata.ASCII_STRING_MARSHALLER), "v");
      }
      long bits = random.nextLong();
      RandomGenerator drawing = () -> bits;

      assertThat(table.explain(PATH, headers, drawing.nextDouble()).choice())
          .isEqualTo(table.choose(PATH, headers, drawing));
    }
  }

  @Test
  void aShareOfNothingIsNeverDrawn() {
    RouteTable table =
        table("first", ab(new Splitter(List.of(new Split(0, "a"), new Split(100, "b")))));

    for (int i = 0; i < 1_000; i++) {
      assertThat(chosen(table, PATH)).isEqualTo("b");
    }
  }

  @Test
  void aRouteGivesItsTimeAndItsRepetitionsToWhateverItLeadsTo() {
    Retries retries = new Retries(3, true, List.of(), List.of());
    RouteTable table =
        table(
            "first",
            Map.of(
                "first",
                new Router(
                    List.of(
                        new Route(
                            Match.ALL, Optional.of(Duration.ofSeconds(2)), retries, "", "split"))),
                "split",
                new Splitter(List.of(new Split(100, "a"))),
                "a",
                to("a", "b"),
                "b",
                to("b")));

    Choice choice = table.choose(PATH, new Metadata(), random).orElseThrow();

    assertThat(choice.timeout()).contains(Duration.ofSeconds(2));
    assertThat(choice.repeat()).contains(new Repeat(3, false, true));
    assertThat(choice.places())
        .extracting(place -> place.subset().filter())
        .containsExactly("a", "b");
  }

  @Test
  void aChainToTheServiceItselfIsNothingToDecide() {
    targets.put("a", new Target("echo-svc", "", "dc1", "", "", false));
    Map<String, Node> nodes = Map.of("first", new Resolver("a", List.of()));
    assertThat(table("first", nodes).isPlain()).isTrue();
    assertThat(table("first", nodes).choose(PATH, new Metadata(), random)).isEmpty();

    for (Target other :
        List.of(
            new Target("other-svc", "", "dc1", "", "", false),
            new Target("echo-svc", "", "dc2", "", "", false),
            new Target("echo-svc", "", "dc1", "", "Service.Meta.version == v1", false),
            new Target("echo-svc", "", "dc1", "", "", true))) {
      targets.put("a", other);
      assertThat(table("first", nodes).isPlain()).as(other.toString()).isFalse();
    }
  }

  @Test
  void aCallThatNoRouteIsAboutGoesToTheServiceItself() {
    RouteTable table =
        table("first", ab(new Router(List.of(route(path(PathMatch.Kind.EXACT, "/x"), "a")))));

    assertThat(table.choose(PATH, new Metadata(), random)).isEmpty();
  }

  @Test
  void anotherClusterIsPassedByAndNothingToBeginWith() {
    targets.put("east", new Target("echo-svc", "", "dc1", "east", "", false));
    RouteTable table = table("first", Map.of("first", to("a", "east", "b"), "b", to("b")));
    assertThat(table.choose(PATH, new Metadata(), random).orElseThrow().places()).hasSize(2);

    assertThatThrownBy(() -> table("first", Map.of("first", new Resolver("east", List.of()))))
        .hasMessageContaining("east");
  }

  @Test
  void whatLeadsNowhereOrInCirclesIsNoTable() {
    assertThatThrownBy(() -> table("first", Map.of())).hasMessageContaining("first");
    assertThatThrownBy(() -> table("first", Map.of("first", new Resolver("x", List.of()))))
        .hasMessageContaining("target x");
    Node circle = new Splitter(List.of(new Split(100, "first")));
    assertThatThrownBy(() -> table("first", Map.of("first", circle)))
        .hasMessageContaining("circles");
    for (int i = 0; i < 33; i++) {
      targets.put("t" + i, new Target("echo-svc", "", "dc1", "", "", false));
    }
    assertThatThrownBy(() -> table("first", Map.of("first", to("a", "b"), "b", to("b"))))
        .hasMessageContaining("at most 32");
  }

  @Test
  void whatIsRepeatedIsSaidInSeveralWays() {
    assertThat(Repeat.of(Retries.UNSAID)).isEmpty();
    assertThat(Repeat.of(new Retries(2, false, List.of(), List.of())))
        .contains(new Repeat(2, true, true));
    assertThat(Repeat.of(new Retries(0, true, List.of(), List.of())))
        .contains(new Repeat(1, false, true));
    assertThat(Repeat.of(new Retries(99, false, List.of(503), List.of())))
        .contains(new Repeat(4, true, true));
    assertThat(Repeat.of(new Retries(2, false, List.of(404), List.of())))
        .contains(new Repeat(2, false, false));
    assertThat(Repeat.of(new Retries(1, false, List.of(), List.of("connect-failure"))))
        .contains(new Repeat(1, false, true));
    assertThat(Repeat.of(new Retries(1, false, List.of(), List.of("unavailable"))))
        .contains(new Repeat(1, true, true));
  }
}
