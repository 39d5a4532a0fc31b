package dev.weft.mesh;

import static io.grpc.ConnectivityState.CONNECTING;
import static io.grpc.ConnectivityState.IDLE;
import static io.grpc.ConnectivityState.READY;
import static io.grpc.ConnectivityState.TRANSIENT_FAILURE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.mesh.Pool.Member;
import dev.weft.mesh.Pool.Members;
import dev.weft.mesh.Pool.Subset;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.EquivalentAddressGroup;
import io.grpc.LoadBalancer.PickResult;
import io.grpc.LoadBalancer.ResolvedAddresses;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.inprocess.InProcessChannelBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How calls are spread over connections that come and go as a test says. */
class BalancerTest {
  private static final Subset NEW = new Subset("Service.Meta.version == v2", false);
  private static final Metadata.Key<String> USER =
      Metadata.Key.of("x-user", Metadata.ASCII_STRING_MARSHALLER);

  private final Consul consul =
      Consul.connect(ConsulConfig.of("http://127.0.0.1:1", Optional.empty()));
  private final ManagedChannel nowhere = InProcessChannelBuilder.forName("nowhere").build();
  private final Pool pool = new Pool(consul, "echo-svc", "", "z1", Optional.empty());
  private final SettableClock clock = new SettableClock();
  private final FakeBalancedChannel helper = new FakeBalancedChannel();
  private final Random random = new Random(7);
  private Balancer balancer = new Balancer(helper, clock, () -> random);

  @AfterEach
  void close() {
    nowhere.shutdownNow();
    consul.close();
  }

  private static Balancing said(String... settings) {
    Map<String, String> map = new HashMap<>();
    for (int i = 0; i < settings.length; i += 2) {
      map.put(settings[i], settings[i + 1]);
    }
    return Balancing.of(new Settings("echo-svc").hear(map));
  }

  private static Member at(int port) {
    return at(port, 1, "");
  }

  private static Member at(int port, int weight, String zone) {
    return new Member(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), weight, zone);
  }

  private static Members of(Member... members) {
    int here = (int) Stream.of(members).filter(one -> one.zone().equals("z1")).count();
    return new Members(List.of(members), true, here);
  }

  private void accept(Balancing balancing, Map<Subset, Members> subsets) {
    Pool.View view = new Pool.View(pool, subsets, balancing, "z1", false);
    Status accepted =
        balancer.acceptResolvedAddresses(
            ResolvedAddresses.newBuilder()
                .setAddresses(view.addresses().stream().map(EquivalentAddressGroup::new).toList())
                .setAttributes(Attributes.newBuilder().set(Pool.View.KEY, view).build())
                .build());
    assertThat(accepted.isOk()).isTrue();
  }

  private void all(Balancing balancing, Member... members) {
    accept(balancing, Map.of(Subset.ALL, of(members)));
  }

  private void ready(int... ports) {
    for (int port : ports) {
      helper.to(port).is(READY);
    }
  }

  private PickResult pick(CallOptions options) {
    return pick(options, new Metadata());
  }

  private PickResult pick(CallOptions options, Metadata headers) {
    return helper.pick(
        new FakeBalancedChannel.Call(EchoServiceGrpc.getReadMethod(), options, headers));
  }

  private static int port(PickResult result) {
    assertThat(result.getStatus().isOk()).as(result.toString()).isTrue();
    assertThat(result.getSubchannel()).as("somebody to call").isNotNull();
    return ((FakeBalancedChannel.Connection) result.getSubchannel()).port();
  }

  /** Where so many calls go. */
  private Map<Integer, Integer> calls(int times, CallOptions options) {
    Map<Integer, Integer> calls = new TreeMap<>();
    for (int i = 0; i < times; i++) {
      calls.merge(port(pick(options)), 1, Integer::sum);
    }
    return calls;
  }

  private CallOptions to(Subset... subsets) {
    List<Choice.Place> places =
        Stream.of(subsets)
            .map(subset -> new Choice.Place(new Choice.Outlet(pool, nowhere, nowhere), subset))
            .toList();
    return CallOptions.DEFAULT.withOption(
        Choice.KEY, new Choice(places, Optional.empty(), Optional.empty()));
  }

  @Test
  void goesAroundThoseThatAreConnectedAndWaitsForTheFirst() {
    all(Balancing.DEFAULT, at(1), at(2), at(3));
    assertThat(helper.state()).isEqualTo(CONNECTING);
    assertThat(pick(CallOptions.DEFAULT)).isEqualTo(PickResult.withNoResult());

    ready(1, 3);

    assertThat(helper.state()).isEqualTo(READY);
    assertThat(calls(10, CallOptions.DEFAULT)).isEqualTo(Map.of(1, 5, 3, 5));
  }

  @Test
  void aConnectionThatFailedCountsAsFailedUntilThereIsOne() {
    all(Balancing.DEFAULT, at(1), at(2));
    helper.to(1).fails("refused");
    helper.to(2).fails("refused");
    assertThat(helper.state()).isEqualTo(TRANSIENT_FAILURE);
    helper.to(1).is(CONNECTING);

    assertThat(pick(CallOptions.DEFAULT).getStatus().getDescription()).isEqualTo("refused");
    ready(1);
    assertThat(calls(4, CallOptions.DEFAULT)).isEqualTo(Map.of(1, 4));
  }

  @Test
  void connectsAgainBeforeACallHasToWait() {
    all(Balancing.DEFAULT, at(1));
    ready(1);

    helper.to(1).is(IDLE);

    assertThat(helper.to(1).asked).isEqualTo(2);
  }

  @Test
  void keepsTheConnectionsOfThoseThatStay() {
    all(Balancing.DEFAULT, at(1), at(2));
    ready(1, 2);

    accept(
        said("weft-lb", "weighted"), Map.of(Subset.ALL, of(at(2, 5, "z2"), at(3)), NEW, of(at(3))));

    assertThat(helper.made)
        .extracting(FakeBalancedChannel.Connection::port)
        .containsExactly(1, 2, 3);
    assertThat(helper.made).extracting(c -> c.closed).containsExactly(true, false, false);
  }

  @Test
  void nobodyToCallIsSaidAtOnce() {
    all(Balancing.DEFAULT);

    Status status = pick(CallOptions.DEFAULT).getStatus();

    assertThat(status.getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(status.getDescription()).contains("no instance of echo-svc");
  }

  @Test
  void aCallGoesToTheSubsetItWasRoutedTo() {
    accept(Balancing.DEFAULT, Map.of(Subset.ALL, of(at(1), at(2), at(3)), NEW, of(at(2), at(3))));
    ready(1, 2, 3);

    assertThat(calls(10, to(NEW))).isEqualTo(Map.of(2, 5, 3, 5));
    assertThat(calls(9, to(Subset.ALL))).isEqualTo(Map.of(1, 3, 2, 3, 3, 3));
  }

  @Test
  void aSubsetThatIsNotKnownYetIsWaitedForAndOneThatIsNoMoreIsAllWhereNothingIsRouted() {
    accept(Balancing.DEFAULT, Map.of(Subset.ALL, of(at(1)), NEW, Members.UNKNOWN));
    ready(1);
    assertThat(pick(to(NEW))).isEqualTo(PickResult.withNoResult());

    all(Balancing.DEFAULT, at(1));

    assertThat(calls(1, to(NEW))).isEqualTo(Map.of(1, 1));
  }

  /** Some may be for no calls at all, and none of them is where this one was to go. */
  @Test
  void whereCallsAreRoutedOneForASubsetThatIsNoMoreDoesNotGoToAnybody() {
    Subset old = new Subset("Service.Meta.version == v1", false);
    accept(Balancing.DEFAULT, Map.of(Subset.ALL, of(at(1), at(2)), NEW, of(at(2))));
    ready(1, 2);

    PickResult picked = pick(to(old));
    assertThat(picked.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(picked.getStatus().getDescription()).startsWith("no route leads any more");
    assertThat(calls(4, to(old, NEW))).isEqualTo(Map.of(2, 4));
  }

  /** The chain counts from the next call on, whenever the channel hears of its instances. */
  @Test
  void aSubsetThatHasJustComeIsNotTakenForOneThatIsNoMore() {
    all(Balancing.DEFAULT, at(1), at(2));
    ready(1, 2);

    pool.want(Set.of(NEW));
    assertThat(pick(to(NEW))).isEqualTo(PickResult.withNoResult());

    accept(Balancing.DEFAULT, Map.of(Subset.ALL, of(at(1), at(2)), NEW, of(at(2))));
    assertThat(calls(4, to(NEW))).isEqualTo(Map.of(2, 4));
  }

  @Test
  void aSubsetWithoutAnybodyGivesItsCallsToTheNext() {
    accept(Balancing.DEFAULT, Map.of(Subset.ALL, of(at(1), at(2)), NEW, of(at(2))));
    ready(1);
    assertThat(pick(to(NEW, Subset.ALL))).as("it connects").isEqualTo(PickResult.withNoResult());

    helper.to(2).fails("refused");

    assertThat(calls(3, to(NEW, Subset.ALL))).isEqualTo(Map.of(1, 3));
    ready(2);
    assertThat(calls(3, to(NEW, Subset.ALL))).isEqualTo(Map.of(2, 3));
  }

  @Test
  void tellsWhichSubsetsCannotBeCalled() {
    all(Balancing.DEFAULT, at(1));
    assertThat(pool.downNow()).isEmpty();

    helper.to(1).fails("refused");
    assertThat(pool.downNow()).containsExactly(Subset.ALL);

    balancer.shutdown();
    assertThat(pool.downNow()).as("nobody goes by it").isEmpty();
  }

  /** As long as routes go by it: else calls would come back to nobody whenever a channel sleeps. */
  @Test
  void whatIsDownStaysSoWhileItsChannelSleepsUntilThereIsAConnection() {
    AtomicInteger woken = new AtomicInteger();
    pool.onAsleep(woken::incrementAndGet);
    pool.use();
    all(Balancing.DEFAULT, at(1));
    helper.to(1).fails("refused");

    balancer.shutdown();
    assertThat(pool.downNow()).containsExactly(Subset.ALL);
    assertThat(woken).hasValue(1);

    balancer = new Balancer(helper, clock, () -> random);
    all(Balancing.DEFAULT, at(1));
    assertThat(pool.downNow()).as("it connects").containsExactly(Subset.ALL);
    ready(1);
    assertThat(pool.downNow()).isEmpty();
    balancer.shutdown();
    assertThat(woken).as("nothing was down").hasValue(1);
    pool.leave();
  }

  @Test
  void theRegistrySaysByWhatAndACallMaySayOtherwise() {
    all(said("weft-lb", "weighted"), at(1, 3, ""), at(2, 1, ""));
    ready(1, 2);

    assertThat(calls(400, CallOptions.DEFAULT)).isEqualTo(Map.of(1, 300, 2, 100));
    CallOptions around =
        CallOptions.DEFAULT.withOption(LoadBalancing.KEY, LoadBalancing.ROUND_ROBIN);
    assertThat(calls(400, around)).isEqualTo(Map.of(1, 200, 2, 200));
    CallOptions any = CallOptions.DEFAULT.withOption(LoadBalancing.KEY, LoadBalancing.RANDOM);
    assertThat(calls(400, any).get(1)).isBetween(150, 250);
  }

  @Test
  void theSameKeyGoesToTheSameInstance() {
    all(said("weft-lb", "ring_hash", "weft-lb-hash", "header:x-user"), at(1), at(2), at(3));
    ready(1, 2, 3);
    Map<String, Integer> before = new HashMap<>();
    for (int user = 0; user < 60; user++) {
      Metadata headers = new Metadata();
      headers.put(USER, "user" + user);
      int port = port(pick(CallOptions.DEFAULT, headers));
      assertThat(port(pick(CallOptions.DEFAULT, headers))).isEqualTo(port);
      CallOptions said = CallOptions.DEFAULT.withOption(LoadBalancing.HASH_KEY, "user" + user);
      assertThat(port(pick(said))).as("said by the caller").isEqualTo(port);
      before.put("user" + user, port);
    }
    assertThat(before).containsValues(1, 2, 3);

    helper.to(3).fails("refused");

    before.forEach(
        (user, port) -> {
          int now = port(pick(CallOptions.DEFAULT.withOption(LoadBalancing.HASH_KEY, user)));
          assertThat(now).isNotEqualTo(3);
          if (port != 3) {
            assertThat(now).as("nobody else moves").isEqualTo(port);
          }
        });
    assertThat(calls(10, CallOptions.DEFAULT)).as("without a key").isEqualTo(Map.of(1, 5, 2, 5));
  }

  @Test
  void ownZoneComesFirstAndSpillsOverWhenItIsShort() {
    Balancing first = said("weft-lb-zone", "first");
    all(first, at(1, 1, "z1"), at(2, 1, "z1"), at(3, 1, "z2"));
    ready(1, 2, 3);
    assertThat(calls(100, CallOptions.DEFAULT)).isEqualTo(Map.of(1, 50, 2, 50));

    helper.to(2).fails("refused");
    // Half of the zone is left, and it takes 1.4 times as much as it should.
    Map<Integer, Integer> short1 = calls(1_000, CallOptions.DEFAULT);
    assertThat(short1.keySet()).containsExactly(1, 3);
    assertThat(short1.get(1)).isBetween(650, 750);

    helper.to(1).fails("refused");
    assertThat(calls(10, CallOptions.DEFAULT)).isEqualTo(Map.of(3, 10));
  }

  @Test
  void aNewInstanceGetsItsShareByAndBy() {
    all(said("weft-lb-slow-start", "100s"), at(1), at(2));
    ready(1);
    clock.advance(Duration.ofSeconds(200));
    ready(2);

    int cold = calls(1_000, CallOptions.DEFAULT).getOrDefault(2, 0);
    clock.advance(Duration.ofSeconds(50));
    int warmer = calls(1_000, CallOptions.DEFAULT).getOrDefault(2, 0);
    clock.advance(Duration.ofSeconds(50));
    int warm = calls(1_000, CallOptions.DEFAULT).getOrDefault(2, 0);

    assertThat(cold).isBetween(30, 130);
    assertThat(warmer).isBetween(cold + 100, 420);
    assertThat(warm).isEqualTo(500);
  }

  @Test
  void leastRequestGoesByWhatCallsTake() {
    all(said("weft-lb", "least_request"), at(1), at(2));
    ready(1, 2);
    assertThat(pick(CallOptions.DEFAULT).getStreamTracerFactory()).isNotNull();

    for (int i = 0; i < 2; i++) {
      PickResult result = pick(CallOptions.DEFAULT);
      answer(result, port(result) == 1 ? 1 : 20);
    }

    assertThat(calls(20, CallOptions.DEFAULT)).isEqualTo(Map.of(1, 20));
  }

  private void answer(PickResult result, int millis) {
    var tracer =
        java.util.Objects.requireNonNull(result.getStreamTracerFactory())
            .newClientStreamTracer(
                io.grpc.ClientStreamTracer.StreamInfo.newBuilder().build(), new Metadata());
    clock.advance(Duration.ofMillis(millis));
    tracer.streamClosed(Status.OK);
  }

  @Test
  void roundRobinMakesNothingForACall() {
    all(Balancing.DEFAULT, at(1));
    ready(1);

    assertThat(pick(CallOptions.DEFAULT)).isSameAs(pick(CallOptions.DEFAULT));
    assertThat(pick(CallOptions.DEFAULT).getStreamTracerFactory()).isNull();
  }
}
