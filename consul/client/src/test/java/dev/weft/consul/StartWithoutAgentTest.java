package dev.weft.consul;

import static dev.weft.consul.Bodies.instance;
import static dev.weft.consul.Bodies.list;
import static dev.weft.consul.Bodies.passing;
import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.consul.FakeAgent.Reply;
import dev.weft.consul.Intention.Action;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A process that starts while the agent is away, or shows it nothing, after one that knew. */
class StartWithoutAgentTest {
  private static final String WEB = "/v1/health/service/web";
  private static final String NODES = "/v1/catalog/nodes";
  private static final String ROOTS = "/v1/agent/connect/ca/roots";
  private static final String LEAF = "/v1/agent/connect/ca/leaf/web";
  private static final String MATCH = "/v1/connect/intentions/match";
  private static final String CHECK = "/v1/connect/intentions/check";

  @TempDir Path temporary;
  private final List<Consul> clients = new ArrayList<>();
  private FakeAgent agent = FakeAgent.start();

  @AfterEach
  void stop() {
    clients.forEach(Consul::close);
    agent.close();
  }

  private Consul process() {
    Consul consul =
        Consul.connect(agent.config().withSnapshots(Optional.of(temporary.resolve("known"))));
    clients.add(consul);
    return consul;
  }

  private ServiceSnapshot serviceOfANewProcess() {
    Seen<ServiceSnapshot> seen = new Seen<>();
    process().watchService("web", seen);
    return seen.await(_ -> true);
  }

  /** One process hears of two instances, of which one can be called, and of a change. */
  private void oneProcessKnows() {
    Seen<ServiceSnapshot> seen = new Seen<>();
    agent.reply(WEB, Reply.indexed(5, list(passing("a", 1))));
    agent.reply(
        WEB,
        Reply.indexed(
            6, list(passing("a", 1), passing("b", 2), instance("c", 3, "critical", "x"))));
    process().watchService("web", seen);
    seen.await(now -> now.instances().size() == 3);
    // It is kept before the next poll.
    agent.request(WEB, 3);
  }

  @Test
  void callsTheInstancesThatWereThereLast() {
    oneProcessKnows();
    agent.close();

    ServiceSnapshot known = serviceOfANewProcess();

    assertThat(known.stale()).isTrue();
    assertThat(known.instances()).extracting(ServiceInstance::id).containsExactly("a", "b");
    assertThat(known.passing()).hasSize(2);
    assertThat(known.passing().getFirst().host()).isEqualTo("10.0.0.1");
    assertThat(known.passing().getFirst().weights()).isEqualTo(new Weights(2, 1));
  }

  @Test
  void anAnswerOfTheAgentCountsInTheirPlace() {
    oneProcessKnows();
    agent.answer(WEB, _ -> Reply.indexed(9, list(passing("b", 2))));
    assertThat(serviceOfANewProcess().instances())
        .extracting(ServiceInstance::id)
        .containsExactly("b");
    agent.answer(NODES, _ -> Reply.ok("[{\"Node\":\"n1\"}]"));
    agent.mayRead("web", true);
    agent.answer(WEB, _ -> Reply.indexed(9, "[]"));

    ServiceSnapshot none = serviceOfANewProcess();

    assertThat(none.stale()).isFalse();
    assertThat(none.instances()).isEmpty();
  }

  @Test
  void anAgentThatLostItsMemoryLeavesThemInPlaceUntilTheyAreThereAgain() {
    oneProcessKnows();
    agent.answer(NODES, _ -> Reply.ok("[{\"Node\":\"n1\"}]"));
    agent.mayRead("web", true);
    agent.answer(WEB, _ -> Reply.indexed(2, "[]"));
    Seen<ServiceSnapshot> seen = new Seen<>();

    process().watchService("web", seen);

    assertThat(seen.await(_ -> true).stale()).isTrue();
    assertThat(seen.last().passing()).hasSize(2);
    agent.answer(WEB, _ -> Reply.indexed(3, list(passing("a", 1), passing("b", 2))));
    seen.await(now -> !now.stale());
    assertThat(seen.all()).allMatch(now -> now.passing().size() == 2);
  }

  @ParameterizedTest
  @CsvSource({"true, false", "false, true"})
  void aFirstAnswerThatOurRightsEmptiedLeavesThemInPlace(boolean service, boolean nodes) {
    oneProcessKnows();
    agent.mayRead("web", service);
    agent.answer(NODES, _ -> Reply.ok(nodes ? "[{\"Node\":\"n1\"}]" : "[]"));
    agent.answer(WEB, _ -> Reply.indexed(9, "[]"));

    ServiceSnapshot known = serviceOfANewProcess();

    assertThat(known.stale()).isTrue();
    assertThat(known.passing()).hasSize(2);
    // They are there for the next process, too.
    assertThat(serviceOfANewProcess()).isEqualTo(known);
  }

  @Test
  void aFirstAnswerOfAnAgentThatSaysItHidesSomethingLeavesThemInPlace() {
    oneProcessKnows();
    agent.answer(NODES, _ -> Reply.ok("[{\"Node\":\"n1\"}]"));
    agent.answer(
        WEB, _ -> Reply.indexed(9, "[]").with("X-Consul-Results-Filtered-By-ACLs", "true"));

    assertThat(serviceOfANewProcess().passing()).hasSize(2);
  }

  @Test
  void knowsWhichServicesThereAre() {
    Map<String, List<String>> all = Map.of("web", List.of("grpc"), "api", List.of());
    agent.answer("/v1/catalog/services", _ -> Reply.indexed(3, "{\"web\":[\"grpc\"],\"api\":[]}"));
    process().watchServices(new Seen<>());
    agent.request("/v1/catalog/services", 2);
    agent.close();
    Seen<Map<String, List<String>>> later = new Seen<>();

    process().watchServices(later);

    assertThat(later.await(_ -> true)).isEqualTo(all);
  }

  @Test
  void knowsWhomToTrustAndWhoItIs() throws Exception {
    Seen<CaRoots> roots = new Seen<>();
    Seen<Leaf> leafs = new Seen<>();
    agent.answer(ROOTS, _ -> Reply.indexed(7, ConnectCaTest.rotated()));
    String leaf = ConnectCaTest.leaf();
    agent.answer(LEAF, _ -> Reply.indexed(8, leaf));
    Consul first = process();
    first.ca().watchRoots(roots);
    first.ca().watchLeaf("web", leafs);
    agent.request(ROOTS, 2);
    agent.request(LEAF, 2);
    agent.close();
    Seen<CaRoots> rootsLater = new Seen<>();
    Seen<Leaf> leafsLater = new Seen<>();

    Consul second = process();
    second.ca().watchRoots(rootsLater);
    second.ca().watchLeaf("web", leafsLater);

    assertThat(rootsLater.await(_ -> true)).isEqualTo(roots.last());
    assertThat(rootsLater.last().roots()).hasSize(2);
    assertThat(leafsLater.await(_ -> true)).isEqualTo(leafs.last());
  }

  @Test
  void knowsWhoMayCall() {
    agent.answer(CHECK, _ -> Reply.ok("{\"Allowed\":false}"));
    agent.answer("/v1/agent/self", _ -> Reply.status(403, "Permission denied"));
    agent.answer(MATCH, _ -> Reply.indexed(3, IntentionsTest.everything()));
    Seen<IntentionMatch> seen = new Seen<>();
    process().intentions().watch("shop", seen);
    agent.request(MATCH, 2);
    agent.close();
    Seen<IntentionMatch> later = new Seen<>();

    process().intentions().watch("shop", later);

    IntentionMatch known = later.await(_ -> true);
    assertThat(known).isEqualTo(seen.await(_ -> true).withStale(true));
    assertThat(known.defaultAction()).isEqualTo(Action.DENY);
    assertThat(known.intentions()).hasSize(2).anyMatch(intention -> !intention.understood());
  }
}
