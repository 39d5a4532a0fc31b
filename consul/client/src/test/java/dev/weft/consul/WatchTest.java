package dev.weft.consul;

import static dev.weft.consul.Bodies.checked;
import static dev.weft.consul.Bodies.instance;
import static dev.weft.consul.Bodies.list;
import static dev.weft.consul.Bodies.newerPassing;
import static dev.weft.consul.Bodies.passing;
import static org.assertj.core.api.Assertions.as;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.weft.consul.FakeAgent.Reply;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;

/** Watches against answers that a test writes itself. */
class WatchTest {
  private static final String WEB = "/v1/health/service/web";
  private static final String NODES = "/v1/catalog/nodes";
  private static final Logger log = (Logger) LoggerFactory.getLogger(Watch.class);

  private FakeAgent agent = FakeAgent.start();
  private final AtomicLong nanos = new AtomicLong();
  private Consul consul = Consul.connect(agent.config(), nanos::get);
  private final Seen<ServiceSnapshot> seen = new Seen<>();

  @BeforeEach
  void showANode() {
    agent.answer(NODES, _ -> Reply.ok("[{\"Node\":\"n1\"}]"));
    agent.mayRead("web", true);
  }

  @AfterEach
  void stop() {
    consul.close();
    agent.close();
  }

  @Test
  void readsEverythingAnInstanceHas() {
    agent.reply(
        WEB,
        Reply.indexed(
            5,
            """
            [{"Node":{"Node":"n1","Address":"10.0.0.1","Datacenter":"dc1"},
              "Service":{"ID":"web-1","Service":"web","Tags":["a","b"],"Address":"10.0.0.9",
                         "Port":9000,"Meta":{"version":"v1"},"Weights":{"Passing":10,"Warning":0},
                         "Connect":{"Native":true}},
              "Checks":[{"CheckID":"c","Name":"n","Status":"warning","Output":"slow","Type":"grpc"}]}]
            """));
    consul.watchService("web", seen);
    ServiceInstance instance = seen.await(now -> true).instances().getFirst();
    assertThat(instance)
        .isEqualTo(
            new ServiceInstance(
                "web-1",
                "web",
                "10.0.0.9",
                9000,
                List.of("a", "b"),
                Map.of("version", "v1"),
                new Weights(10, 0),
                Health.WARNING,
                List.of(new CheckResult("c", "n", Health.WARNING, "slow", "grpc")),
                "n1",
                "dc1",
                true));
    assertThat(seen.last().passing()).isEmpty(); // warns, and its weight for that is 0
  }

  @Test
  void asksForSomeOfTheInstancesOfAnotherDatacenter() {
    agent.reply(WEB, Reply.indexed(5, list(passing("a", 1))));

    consul.watchService("web", "dc2", "Service.Meta.version == v1", seen);

    assertThat(seen.await(now -> true).service()).isEqualTo("web");
    assertThat(agent.request(WEB, 1).query())
        .isEqualTo("dc=dc2&filter=Service.Meta.version%20%3D%3D%20v1");
    assertThat(agent.request(WEB, 2).query())
        .startsWith("dc=dc2&filter=Service.Meta.version%20%3D%3D%20v1&index=5");
  }

  @Test
  void takesTheAddressOfTheNodeWhereTheServiceHasNone() {
    agent.reply(WEB, Reply.indexed(5, list(passing("a", 1))));
    consul.watchService("web", seen);
    assertThat(seen.await(now -> true).passing().getFirst().host()).isEqualTo("10.0.0.1");
  }

  @Test
  void takesTheDefaultPortOfNewerAgents() {
    agent.reply(WEB, Reply.indexed(5, list(newerPassing("a", 8))));
    consul.watchService("web", seen);
    assertThat(seen.await(now -> true).passing())
        .singleElement()
        .isEqualTo(
            new ServiceInstance(
                "a",
                "web",
                "10.0.0.1",
                8,
                List.of("grpc"),
                Map.of("version", "v1"),
                new Weights(2, 1),
                Health.PASSING,
                List.of(
                    new CheckResult(
                        "serfHealth",
                        "Serf Health Status",
                        Health.PASSING,
                        "Agent alive and reachable",
                        "")),
                "n1",
                "dc1",
                true));
  }

  @Test
  void countsMaintenanceOfTheNodeOrTheInstanceAsMaintenance() {
    String service = passing("a", 1).replace("serfHealth", "_service_maintenance:a");
    String node = passing("b", 1).replace("serfHealth", "_node_maintenance");
    agent.reply(WEB, Reply.indexed(5, list(service, node)));
    consul.watchService("web", seen);
    assertThat(seen.await(now -> true).instances())
        .extracting(ServiceInstance::health)
        .containsOnly(Health.MAINTENANCE);
    assertThat(seen.last().passing()).isEmpty();
  }

  @Test
  void asksAtOnceFirstAndThenBlocksWithTheIndexOfTheLastAnswer() {
    agent.reply(WEB, Reply.indexed(7, "[]"));
    consul.watchService("web", seen);
    assertThat(agent.request(WEB, 1).query()).isEmpty();
    FakeAgent.Request second = agent.request(WEB, 2);
    assertThat(second.index()).isEqualTo("7");
    assertThat(second.parameter("wait")).isEqualTo("55000ms");
  }

  @Test
  void startsOverAtZeroWhenTheIndexWentBackwards() {
    agent.reply(WEB, Reply.indexed(43, "[]"));
    agent.reply(WEB, Reply.indexed(14, "[]"));
    agent.reply(WEB, Reply.indexed(14, "[]"));
    consul.watchService("web", seen);
    assertThat(agent.request(WEB, 2).index()).isEqualTo("43");
    assertThat(agent.request(WEB, 3).index()).isEmpty();
    assertThat(agent.request(WEB, 4).index()).isEqualTo("14");
  }

  @Test
  void usesOneInPlaceOfAnIndexOfZero() {
    agent.reply(WEB, Reply.indexed(0, "[]"));
    consul.watchService("web", seen);
    assertThat(agent.request(WEB, 2).index()).isEqualTo("1");
  }

  @Test
  void handlesIndexesBeyondTheSignedRange() {
    agent.reply(WEB, Reply.indexed(-1, "[]"));
    consul.watchService("web", seen);
    assertThat(agent.request(WEB, 2).index()).isEqualTo("18446744073709551615");
  }

  @Test
  void tellsListenersOnlyOfChangesOfContent() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1), passing("b", 2))));
    agent.reply(WEB, Reply.indexed(8, list(passing("b", 2), passing("a", 1))));
    agent.reply(WEB, Reply.indexed(9, list(passing("a", 1))));
    consul.watchService("web", seen);
    seen.await(now -> now.instances().size() == 1);
    assertThat(seen.all()).hasSize(2);
  }

  @Test
  void becomesEmptyAtOnceWhenTheLastInstanceLeaves() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    agent.reply(WEB, Reply.indexed(8, "[]"));
    consul.watchService("web", seen);
    ServiceSnapshot last = seen.await(Duration.ofSeconds(1), now -> now.instances().isEmpty());
    assertThat(last.stale()).isFalse();
  }

  @Test
  void becomesUncallableAtOnceWhenACheckFails() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    agent.reply(WEB, Reply.indexed(8, list(instance("a", 1, "critical", "refused"))));
    consul.watchService("web", seen);
    ServiceSnapshot last = seen.await(Duration.ofSeconds(1), now -> now.passing().isEmpty());
    assertThat(last.stale()).isFalse();
    assertThat(last.instances()).hasSize(1);
  }

  @Test
  void keepsAnInstanceWhoseChecksHaveNotRunSinceTheAgentRestarted() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    agent.reply(WEB, Reply.indexed(8, list(instance("a", 1, "critical", ""))));
    agent.reply(WEB, Reply.indexed(9, list(instance("a", 1, "critical", "refused"))));
    consul.watchService("web", seen);
    seen.await(now -> now.passing().isEmpty());
    assertThat(seen.all()).extracting(now -> now.passing().size()).containsExactly(1, 1, 0);
    assertThat(seen.all()).extracting(ServiceSnapshot::stale).containsExactly(false, true, false);
  }

  @ParameterizedTest
  @CsvSource({"a:c, ttl", "a:new, grpc"})
  void believesACheckThatNobodyExplains(String check, String type) {
    agent.reply(WEB, Reply.indexed(7, list(checked("a", 1, "a:c", type, "passing", ""))));
    agent.reply(WEB, Reply.indexed(8, list(checked("a", 1, check, type, "critical", ""))));
    consul.watchService("web", seen);
    ServiceSnapshot last = seen.await(Duration.ofSeconds(1), now -> now.passing().isEmpty());
    assertThat(last.stale()).isFalse();
  }

  @Test
  void keepsTheLastKnownWhileTheAgentFailsAndThenAsksWithoutAnIndex() {
    agent.reply(WEB, Reply.indexed(43, list(passing("a", 1))));
    agent.reply(WEB, Reply.status(500, "No cluster leader"));
    agent.reply(WEB, Reply.indexed(50, list(passing("a", 1), passing("b", 2))));
    consul.watchService("web", seen);
    seen.await(now -> now.instances().size() == 2);
    assertThat(seen.all()).extracting(ServiceSnapshot::stale).containsExactly(false, true, false);
    assertThat(seen.all().get(1).instances()).hasSize(1);
    // The agent may have restarted: with an old, higher index it would not wake us.
    assertThat(agent.request(WEB, 3).index()).isEmpty();
  }

  @Test
  void keepsTheLastKnownWhenARestartedAgentHasAnEmptyCatalog() {
    agent.reply(WEB, Reply.indexed(43, list(passing("a", 1))));
    consul.watchService("web", seen);
    seen.await(now -> now.passing().size() == 1);
    int port = agent.port();
    agent.close();
    seen.await(ServiceSnapshot::stale);
    agent = FakeAgent.startAt(port);
    showANode();
    agent.reply(WEB, Reply.indexed(50, "[]"));
    agent.request(WEB, 2);
    assertThat(seen.last().passing()).hasSize(1);
    assertThat(seen.last().stale()).isTrue();
    agent.reply(WEB, Reply.indexed(51, list(passing("a", 1))));
    seen.await(now -> !now.stale());
    assertThat(seen.all()).allMatch(now -> now.passing().size() == 1);
  }

  @Test
  void keepsTheLastKnownWhenAnAnswerIsEmptyForWantOfALeaderOrOfRights() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    agent.reply(WEB, Reply.indexed(8, "[]").with("X-Consul-Knownleader", "false"));
    agent.reply(WEB, Reply.indexed(9, list(passing("a", 1))));
    agent.reply(WEB, Reply.indexed(10, "[]").with("X-Consul-Results-Filtered-By-ACLs", "true"));
    agent.reply(WEB, Reply.indexed(11, list(passing("a", 1))));
    consul.watchService("web", seen);
    agent.request(WEB, 6);
    agent.answer(NODES, _ -> Reply.ok("[]"));
    agent.reply(WEB, Reply.indexed(12, "[]"));
    agent.request(WEB, 7);
    seen.await(ServiceSnapshot::stale);
    assertThat(seen.all()).allMatch(now -> now.passing().size() == 1);
    assertThat(seen.all())
        .extracting(ServiceSnapshot::stale)
        .containsExactly(false, true, false, true, false, true);
  }

  /** As of an agent that says nothing of its own, and of one whose header says it. */
  @ParameterizedTest
  @CsvSource({
    "false, true, false",
    "true, false, false",
    "false, false, false",
    "true, true, true"
  })
  void keepsTheLastKnownForAsLongAsItHasNoRights(boolean service, boolean nodes, boolean said) {
    Reply empty = Reply.indexed(8, "[]");
    Reply hidden = said ? empty.with("X-Consul-Results-Filtered-By-ACLs", "true") : empty;
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    consul.watchService("web", seen);
    seen.await(now -> now.passing().size() == 1);
    agent.mayRead("web", service);
    agent.answer(NODES, _ -> Reply.ok(nodes ? "[{\"Node\":\"n1\"}]" : "[]"));
    agent.answer(WEB, _ -> hidden);
    agent.reply(WEB, hidden); // for the query that waits
    seen.await(ServiceSnapshot::stale);
    nanos.addAndGet(Duration.ofHours(2).toNanos());
    int before = agent.requests(WEB).size();
    // The one that is under way, and one that began and ended later.
    FakeAgent.Request later = agent.request(WEB, before + 3);

    assertThat(later.index()).isEmpty();
    assertThat(seen.all()).allMatch(now -> now.passing().size() == 1);

    agent.mayRead("web", true);
    agent.answer(NODES, _ -> Reply.ok("[{\"Node\":\"n1\"}]"));
    agent.answer(WEB, _ -> Reply.indexed(9, list(passing("a", 1))));
    seen.await(now -> !now.stale());
    agent.answer(WEB, _ -> Reply.indexed(10, "[]"));
    seen.await(now -> now.instances().isEmpty());
    assertThat(seen.last().stale()).isFalse();
    assertThat(seen.all())
        .extracting(ServiceSnapshot::stale)
        .containsExactly(false, true, false, false);
  }

  @Test
  void warnsOnceThatItHasNoRights() {
    String path = "/v1/health/service/warned";
    ListAppender<ILoggingEvent> logged = new ListAppender<>();
    logged.start();
    log.addAppender(logged);
    agent.reply(path, Reply.indexed(7, list(passing("a", 1))));
    agent.mayRead("warned", false);
    IntStream.range(8, 12).forEach(index -> agent.reply(path, Reply.indexed(index, "[]")));
    consul.watchService("warned", seen);
    agent.request(path, 6);
    log.detachAppender(logged);
    assertThat(logged.list)
        .extracting(ILoggingEvent::getFormattedMessage)
        .filteredOn(text -> text.startsWith("service warned"))
        .singleElement(as(InstanceOfAssertFactories.STRING))
        .contains(
            "what is known stays in use",
            "hides",
            "GET /v1/config/service-resolver/warned",
            "CONSUL_HTTP_TOKEN");
  }

  @Test
  void asksForItsRightsWhereTheInstancesAre() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    agent.reply(WEB, Reply.indexed(8, "[]"));
    consul.watchService("web", "dc2", "Service.Meta.version == v1", seen);
    seen.await(now -> now.instances().isEmpty());
    assertThat(agent.request("/v1/config/service-resolver/web", 1).query()).isEqualTo("dc=dc2");
    assertThat(agent.request(NODES, 1).query()).isEqualTo("dc=dc2");
  }

  @Test
  void believesThatNoneOfSomeInstancesIsThereThoughOthersAreHidden() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    agent.reply(WEB, Reply.indexed(8, "[]").with("X-Consul-Results-Filtered-By-ACLs", "true"));
    consul.watchService("web", "", "Service.Meta.version == v1", seen);
    seen.await(ServiceSnapshot::stale);
    assertThat(seen.last().passing()).hasSize(1);
    nanos.addAndGet(LastKnown.RETENTION.toNanos());
    agent.reply(WEB, Reply.indexed(9, "[]").with("X-Consul-Results-Filtered-By-ACLs", "true"));
    seen.await(now -> now.instances().isEmpty());
    assertThat(seen.last().stale()).isFalse();
  }

  @Test
  void keepsTheNamesOfServicesThatItMayNoLongerRead() {
    String catalog = "/v1/catalog/services";
    Seen<Map<String, List<String>>> names = new Seen<>();
    agent.mayRead("api", false);
    agent.reply(catalog, Reply.indexed(7, "{\"api\":[],\"consul\":[],\"web\":[]}"));
    agent.reply(catalog, Reply.indexed(8, "{}"));
    consul.watchServices(names);
    names.await(now -> now.size() == 3);
    agent.request(catalog, 3);
    nanos.addAndGet(Duration.ofHours(2).toNanos());
    agent.reply(catalog, Reply.indexed(8, "{}"));
    agent.request(catalog, 4);
    agent.mayRead("api", true);
    agent.reply(catalog, Reply.indexed(9, "{\"api\":[],\"consul\":[]}"));
    agent.request(catalog, 5);
    assertThat(names.all()).hasSize(1);
    nanos.addAndGet(LastKnown.RETENTION.toNanos());
    agent.reply(catalog, Reply.indexed(10, "{}"));
    names.await(Map::isEmpty);
  }

  @Test
  void takesAnAnswerThatIsNotConsulsForAFailure() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    consul.watchService("web", seen);
    seen.await(now -> !now.stale());
    agent.reply(WEB, Reply.ok("[]")); // no index
    agent.reply(WEB, Reply.indexed(8, "<html>"));
    agent.reply(WEB, Reply.indexed(8, "[{}]"));
    agent.reply(WEB, Reply.indexed(8, "[7]"));
    agent.reply(WEB, Reply.ok("[]").with("X-Consul-Index", "many"));
    seen.await(ServiceSnapshot::stale);
    agent.reply(WEB, Reply.indexed(9, list(passing("a", 1))));
    agent.request(WEB, 8);
    seen.await(now -> !now.stale());
    assertThat(seen.all()).allMatch(now -> now.passing().size() == 1);
    assertThat(seen.all()).hasSize(3);
  }

  @Test
  void withoutASlotReadsAtATurnOfSomethingElseOnlyIfItsIndexHasMoved() throws Exception {
    BlockingQueue<Watch.Act> turns = new LinkedBlockingQueue<>();
    BlockingQueue<String> asked = new LinkedBlockingQueue<>();
    AtomicLong index = new AtomicLong(7);
    AtomicBoolean retired = new AtomicBoolean();
    new Watch<>(
            "numbers",
            new Watch.Query<Long>() {
              @Override
              public LastKnown.Page<Long> poll(long since, Duration wait) {
                long now = index.get();
                asked.add("read");
                return new LastKnown.Page<>(Map.of("n", now), now, false);
              }

              @Override
              public boolean moved(long since) {
                boolean moved = index.get() != since;
                asked.add("looked from " + since);
                return moved;
              }
            },
            new LastKnown<>((_, _) -> false, LastKnown.Sight.FULL, nanos::get),
            LastKnown.View::entries,
            new Semaphore(0),
            DiskSnapshot.none(),
            new Watch.Turns() {
              @Override
              public Watch.Turn now() {
                return new Watch.Turn(0, 0);
              }

              @Override
              public Watch.Act await(Watch.Turn since, Duration atMost)
                  throws InterruptedException {
                return turns.take();
              }
            })
        .start(retired::get);
    assertThat(asked.take()).isEqualTo("read");

    turns.add(Watch.Act.LOOK);
    assertThat(asked.take()).isEqualTo("looked from 7");
    turns.add(Watch.Act.READ);
    assertThat(asked.take()).isEqualTo("read");
    index.set(8);
    turns.add(Watch.Act.LOOK);
    assertThat(asked.take()).isEqualTo("looked from 7");
    assertThat(asked.take()).isEqualTo("read");
    turns.add(Watch.Act.LOOK);
    assertThat(asked.take()).isEqualTo("looked from 8");
    retired.set(true);
    turns.add(Watch.Act.READ);
  }

  @Test
  void tellsAtOnceThatNothingIsKnownWhenTheAgentCannotBeReached() {
    agent.close();
    consul.watchService("web", seen);
    assertThat(seen.await(now -> true)).isEqualTo(new ServiceSnapshot("web", List.of(), true));
  }

  @Test
  void doesNotReportACatalogItNeverSaw() {
    Seen<Map<String, List<String>>> names = new Seen<>();
    agent.reply("/v1/catalog/services", Reply.status(500, "No cluster leader"));
    agent.reply("/v1/catalog/services", Reply.indexed(3, "{\"web\":[\"a\"],\"consul\":null}"));
    consul.watchServices(names);
    names.await(now -> true);
    assertThat(names.all()).containsExactly(Map.of("web", List.of("a"), "consul", List.of()));
  }

  @Test
  void keepsTheNamesThatARestartedAgentForgot() {
    Seen<Map<String, List<String>>> names = new Seen<>();
    agent.reply("/v1/catalog/services", Reply.indexed(43, "{\"web\":[],\"consul\":[]}"));
    agent.reply("/v1/catalog/services", Reply.status(500, ""));
    agent.reply("/v1/catalog/services", Reply.indexed(14, "{\"consul\":[]}"));
    agent.reply("/v1/catalog/services", Reply.indexed(15, "{\"new\":[],\"consul\":[]}"));
    consul.watchServices(names);
    names.await(now -> now.containsKey("new"));
    assertThat(names.all()).allMatch(now -> now.containsKey("web"));
  }

  @Test
  void sharesOneQueryAmongAllListenersOfAService() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    consul.watchService("web", seen);
    seen.await(now -> now.passing().size() == 1);
    Seen<ServiceSnapshot> second = new Seen<>();
    consul.watchService("web", second);
    second.await(Duration.ofSeconds(1), now -> now.passing().size() == 1);
    agent.reply(WEB, Reply.indexed(8, "[]"));
    second.await(now -> now.instances().isEmpty());
    seen.await(now -> now.instances().isEmpty());
    agent.request(WEB, 3);
    assertThat(agent.requests(WEB)).hasSize(3);
  }

  @Test
  void letsThePollInFlightRunOutAndHandsItToTheNextListener() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    Subscription first = consul.watchService("web", seen);
    agent.request(WEB, 2);
    first.close();
    Seen<ServiceSnapshot> second = new Seen<>();
    consul.watchService("web", second);
    second.await(Duration.ofSeconds(1), now -> now.passing().size() == 1);
    assertThat(agent.requests(WEB)).hasSize(2);
    agent.reply(WEB, Reply.indexed(8, "[]"));
    second.await(now -> now.instances().isEmpty());
    assertThat(seen.all()).hasSize(1);
  }

  @Test
  void endsWithoutListenersOnceThePollHasRunOutAndStartsAfresh() {
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    Subscription first = consul.watchService("web", seen);
    agent.request(WEB, 2);
    first.close();
    agent.reply(WEB, Reply.indexed(8, "[]"));
    // The old watch ends; whichever request comes next is a new watch's first.
    await()
        .until(
            () -> {
              Seen<ServiceSnapshot> probe = new Seen<>();
              try (Subscription _ = consul.watchService("web", probe)) {
                return agent.requests(WEB).size() > 2;
              }
            });
    assertThat(agent.requests(WEB).get(2).index()).isIn("", "8");
  }

  @Test
  void bringsASlowListenerTheNewestState() throws InterruptedException {
    CountDownLatch busy = new CountDownLatch(1);
    CountDownLatch mayGoOn = new CountDownLatch(1);
    consul.watchService(
        "web",
        now -> {
          seen.accept(now);
          busy.countDown();
          try {
            mayGoOn.await();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    busy.await();
    agent.reply(WEB, Reply.indexed(8, list(passing("a", 2))));
    agent.reply(WEB, Reply.indexed(9, list(passing("a", 3))));
    agent.request(WEB, 4);
    mayGoOn.countDown();
    seen.await(now -> now.passing().getFirst().port() == 3);
    assertThat(seen.all()).hasSize(2);
  }

  @Test
  void goesOnAfterAListenerThrew() {
    consul.watchService(
        "web",
        now -> {
          seen.accept(now);
          throw new IllegalStateException("a listener's own fault, as this test wants it");
        });
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    seen.await(now -> now.passing().size() == 1);
    agent.reply(WEB, Reply.indexed(8, "[]"));
    seen.await(now -> now.passing().isEmpty());
  }

  @Test
  void deliversNothingAfterClose() {
    Subscription subscription = consul.watchService("web", seen);
    agent.request(WEB, 1);
    subscription.close();
    subscription.close();
    Seen<ServiceSnapshot> other = new Seen<>();
    consul.watchService("web", other);
    agent.reply(WEB, Reply.indexed(7, list(passing("a", 1))));
    other.await(now -> now.passing().size() == 1);
    assertThat(seen.all()).isEmpty();
  }

  @Test
  void boundsThePaceWhenTheAgentWakesItForNothing() {
    long start = System.nanoTime();
    agent.answer(
        WEB, _ -> Reply.indexed(1 + (System.nanoTime() - start) / 1000, list(passing("a", 1))));
    consul.watchService("web", seen);
    agent.request(WEB, 6);
    // A burst of two, then one per 250 ms.
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(950));
    assertThat(seen.all()).hasSize(1);
  }

  /** 48 connections wait, three of which say what changed to all that have none. */
  @Test
  void readsWhatChangedWhenTooManyPollsBlockAlready() {
    List<String> paths = IntStream.range(0, 50).mapToObj(i -> "/v1/health/service/s" + i).toList();
    CountDownLatch blocked = new CountDownLatch(1);
    for (String path : paths) {
      agent.answer(
          path,
          request -> {
            if (!request.index().isEmpty()) {
              try {
                blocked.await();
              } catch (InterruptedException e) {
                return Reply.status(500, "");
              }
            }
            return Reply.indexed(7, "[]");
          });
    }
    String catalog = "/v1/catalog/services";
    String critical = "/v1/health/state/critical";
    String warning = "/v1/health/state/warning";
    agent.reply(catalog, Reply.indexed(7, "{}"));
    agent.reply(critical, Reply.indexed(7, "[]"));
    agent.reply(warning, Reply.indexed(7, "[]"));
    IntStream.range(0, 50).forEach(i -> consul.watchService("s" + i, seen));
    await().atMost(Duration.ofSeconds(20)).until(() -> blocking(paths).size() == 45);
    List<String> others = new ArrayList<>(paths);
    others.removeAll(blocking(paths));
    String one = others.removeFirst();
    for (String path : List.of(catalog, critical, warning)) {
      agent.request(path, 2);
    }

    String check =
        "[{\"Node\":\"n\",\"CheckID\":\"c\",\"Status\":\"\",\"ServiceName\":\""
            + one.substring(one.lastIndexOf('/') + 1)
            + "\"}]";
    for (int change = 0; change < 6; change++) {
      int reads = agent.requests(one).size();
      agent.reply(critical, Reply.indexed(8 + change, change % 2 == 0 ? check : "[]"));
      agent.request(one, reads + 1);
    }

    // At first, and once for the first answer of each query.
    assertThat(others).allMatch(path -> agent.requests(path).size() <= 4);
    assertThat(blocking(paths)).hasSize(45);

    Map<String, Integer> reads = new HashMap<>();
    others.forEach(path -> reads.put(path, agent.requests(path).size()));
    agent.reply(catalog, Reply.indexed(20, "{}"));
    reads.forEach((path, before) -> agent.request(path, before + 1));
    agent.reply(warning, Reply.status(500, "no leader"));
    reads.forEach((path, before) -> agent.request(path, before + 2));
    blocked.countDown();
  }

  private List<String> blocking(List<String> paths) {
    return paths.stream()
        .filter(path -> agent.requests(path).stream().anyMatch(r -> !r.index().isEmpty()))
        .toList();
  }

  @Test
  void sendsTheTokenInItsHeaderOnly() {
    try (Consul withToken =
        Consul.connect(ConsulConfig.of("127.0.0.1:" + agent.port(), Optional.of("s3cret")))) {
      withToken.watchService("web", seen);
      agent.reply(WEB, Reply.indexed(7, "[]"));
      agent.answer("/v1/catalog/services", _ -> Reply.ok("{}"));
      agent.answer("/v1/kv/k", _ -> Reply.ok("true"));
      agent.answer("/v1/agent/service/deregister/x", _ -> Reply.ok(""));
      withToken.services();
      withToken.kv().put("k", "v");
      withToken.kv().delete("k");
      withToken.agent().deregister("x");
      agent.request(WEB, 2);
      for (String path :
          List.of(WEB, "/v1/catalog/services", "/v1/kv/k", "/v1/agent/service/deregister/x")) {
        assertThat(agent.requests(path))
            .isNotEmpty()
            .allSatisfy(
                request -> {
                  assertThat(request.token()).contains("s3cret");
                  assertThat(request.query()).doesNotContain("s3cret");
                });
      }
    }
  }
}
