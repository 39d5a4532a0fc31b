package dev.weft.consul;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.consul.DiscoveryChain.Match;
import dev.weft.consul.DiscoveryChain.Resolver;
import dev.weft.consul.DiscoveryChain.Retries;
import dev.weft.consul.DiscoveryChain.Route;
import dev.weft.consul.DiscoveryChain.Router;
import dev.weft.consul.DiscoveryChain.Split;
import dev.weft.consul.DiscoveryChain.Splitter;
import dev.weft.consul.DiscoveryChain.Target;
import dev.weft.consul.FakeAgent.Reply;
import dev.weft.consul.Intention.HeaderMatch;
import dev.weft.consul.Intention.PathMatch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Discovery chains as the agent tells them. */
class DiscoveryChainsTest {
  private static final String CHAIN = "/v1/discovery-chain/web";
  private static final String RESOLVERS = "/v1/config/service-resolver";

  private final FakeAgent agent = FakeAgent.start();
  private final Consul consul = Consul.connect(agent.config());

  @AfterEach
  void stop() {
    consul.close();
    agent.close();
  }

  /** What Consul 1.8.7 answered, and what newer versions add to it. */
  private static String measured() {
    try (var in = DiscoveryChainsTest.class.getResourceAsStream("discovery-chain.json")) {
      return new String(Objects.requireNonNull(in).readAllBytes(), UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String to(String subset) {
    return """
    {"Chain":{"ServiceName":"web","Datacenter":"dc1","Protocol":"grpc","StartNode":"r",
     "Nodes":{"r":{"Type":"resolver","Resolver":{"Target":"t"}}},
     "Targets":{"t":{"Service":"web","ServiceSubset":"%s","Datacenter":"dc1"}}}}
    """
        .formatted(subset);
  }

  private static String subset(Optional<DiscoveryChain> chain) {
    return Objects.requireNonNull(chain.orElseThrow().targets().get("t")).subset();
  }

  @Test
  void readsWhatConsulSays() {
    agent.answer("/v1/discovery-chain/order-svc", _ -> Reply.indexed(3, measured()));

    DiscoveryChain chain = consul.chains().get("order-svc").orElseThrow();

    assertThat(chain.service()).isEqualTo("order-svc");
    assertThat(chain.datacenter()).isEqualTo("dc1");
    assertThat(chain.protocol()).isEqualTo("grpc");
    assertThat(chain.start()).isEqualTo("router:order-svc.default");
    Router router = (Router) Objects.requireNonNull(chain.nodes().get(chain.start()));
    assertThat(router.routes())
        .containsExactly(
            new Route(
                new Match(
                    new PathMatch(PathMatch.Kind.EXACT, "/order.OrderService/Debug"),
                    false,
                    List.of(
                        new HeaderMatch("x-canary", HeaderMatch.Kind.EXACT, "true", false, false)),
                    List.of(),
                    false),
                Optional.of(Duration.ofSeconds(2)),
                new Retries(3, true, List.of(503, 504), List.of()),
                "",
                "resolver:v2.order-svc.default.dc1"),
            new Route(
                new Match(
                    new PathMatch(PathMatch.Kind.PREFIX, "/order.OrderService/"),
                    false,
                    List.of(
                        new HeaderMatch("x-tenant", HeaderMatch.Kind.REGEX, "^(a|b)$", false, true),
                        new HeaderMatch("x-debug", HeaderMatch.Kind.PRESENT, "", false, false)),
                    List.of("POST"),
                    true),
                Optional.empty(),
                Retries.UNSAID,
                "/x",
                "resolver:order-svc-fallback.default.dc1"),
            new Route(
                new Match(
                    new PathMatch(PathMatch.Kind.PREFIX, "/"), false, List.of(), List.of(), false),
                Optional.empty(),
                Retries.UNSAID,
                "",
                "splitter:order-svc.default"));
    assertThat(chain.nodes())
        .containsEntry(
            "splitter:order-svc.default",
            new Splitter(
                List.of(
                    new Split(80, "resolver:v1.order-svc.default.dc1"),
                    new Split(20, "resolver:v2.order-svc.default.dc1"))))
        .containsEntry(
            "resolver:v1.order-svc.default.dc1",
            new Resolver(
                "v1.order-svc.default.dc1",
                List.of("v1.order-svc.default.dc2", "v1.order-svc.default.dc3")));
    assertThat(chain.targets())
        .hasSize(5)
        .containsEntry(
            "v1.order-svc.default.dc2",
            new Target("order-svc", "v1", "dc2", "", "Service.Meta.version == v1", true))
        .containsEntry(
            "order-svc-fallback.default.dc1",
            new Target("order-svc-fallback", "", "dc1", "", "", false));
  }

  @Test
  void aShareOfNothingIsReadAlthoughConsulDoesNotWriteIt() {
    agent.answer(
        CHAIN,
        _ ->
            Reply.indexed(
                3,
                """
                {"Chain":{"ServiceName":"web","Datacenter":"dc1","Protocol":"grpc","StartNode":"s",
                 "Nodes":{"s":{"Type":"splitter","Splits":[
                  {"NextNode":"resolver:v1"},{"Weight":100,"NextNode":"resolver:v2"}]}},
                 "Targets":{}}}
                """));

    assertThat(consul.chains().get("web").orElseThrow().nodes())
        .containsEntry(
            "s", new Splitter(List.of(new Split(0, "resolver:v1"), new Split(100, "resolver:v2"))));
  }

  @Test
  void followsAChainAndKeepsTheLastOneWhileTheAgentIsAway() {
    Seen<Optional<DiscoveryChain>> seen = new Seen<>();
    agent.reply(CHAIN, Reply.indexed(3, to("v1")));
    consul.chains().watch("web", seen);
    assertThat(subset(seen.await(Optional::isPresent))).isEqualTo("v1");

    agent.reply(CHAIN, Reply.status(500, "No cluster leader"));
    agent.reply(CHAIN, Reply.indexed(3, to("v1")));
    agent.reply(CHAIN, Reply.indexed(4, to("v2")));

    seen.await(now -> subset(now).equals("v2"));
    assertThat(seen.all()).as("nothing was said in between").hasSize(2);
    assertThat(agent.requests(CHAIN).get(1).index()).isEqualTo("3");
  }

  @Test
  void anAgentWithoutConnectHasNoneAndIsAskedAgainWhenTheEntriesChange() {
    for (Reply absent :
        List.of(
            Reply.status(500, "Connect must be enabled in order to use this endpoint"),
            Reply.status(404, ""))) {
      agent.answer(CHAIN, _ -> absent);
      assertThat(consul.chains().get("web")).isEmpty();
    }
    Seen<Optional<DiscoveryChain>> seen = new Seen<>();
    agent.reply(RESOLVERS, Reply.indexed(5, "[]"));
    consul.chains().watch("web", seen);
    assertThat(seen.await(now -> true)).isEmpty();
    assertThat(agent.request(RESOLVERS, 2).index()).as("it blocks there").isEqualTo("5");

    agent.answer(CHAIN, request -> Reply.indexed(6, to("v1")));
    agent.reply(RESOLVERS, Reply.indexed(6, "[]"));

    seen.await(Optional::isPresent);
  }

  @Test
  void aHeaderMayHaveToBeFalseOrNought() {
    String routed =
        """
        {"Chain":{"ServiceName":"web","Datacenter":"dc1","Protocol":"grpc","StartNode":"all",
         "Nodes":{"all":{"Type":"router","Routes":[{"NextNode":"r","Definition":{"Match":{"HTTP":
          {"Header":[{"Name":"x-canary","Exact":"false","Present":false},
                     {"Name":"x-retry","Prefix":"0"}]}}}}]}},
         "Targets":{}}}
        """;
    agent.answer(CHAIN, _ -> Reply.indexed(3, routed));

    DiscoveryChain chain = consul.chains().get("web").orElseThrow();

    Router all = (Router) Objects.requireNonNull(chain.nodes().get("all"));
    assertThat(all.routes().getFirst().match().headers())
        .containsExactly(
            new HeaderMatch("x-canary", HeaderMatch.Kind.EXACT, "false", false, false),
            new HeaderMatch("x-retry", HeaderMatch.Kind.PREFIX, "0", false, false));
  }

  @Test
  void aKindOfNodeThatNobodyKnowsIsNoChain() {
    agent.answer(
        CHAIN,
        _ -> Reply.indexed(3, to("v1").replace("\"Type\":\"resolver\"", "\"Type\":\"sampler\"")));

    assertThatThrownBy(() -> consul.chains().get("web"))
        .isInstanceOf(ConsulException.class)
        .hasMessageContaining("sampler");
  }
}
