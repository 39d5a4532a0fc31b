package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.mesh.Lot.Weighted;
import io.grpc.ClientStreamTracer;
import io.grpc.EquivalentAddressGroup;
import io.grpc.Metadata;
import io.grpc.Status;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Which endpoint is taken. */
class LotTest {
  private final SettableClock clock = new SettableClock();
  private final Random random = new Random(11);

  private Endpoint endpoint(int port) {
    InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    return new Endpoint(
        address,
        new FakeBalancedChannel.Connection(List.of(new EquivalentAddressGroup(address))),
        clock);
  }

  private Lot lot(int... weights) {
    List<Weighted> endpoints = new ArrayList<>();
    for (int i = 0; i < weights.length; i++) {
      endpoints.add(new Weighted(endpoint(i), weights[i]));
    }
    return new Lot(endpoints, new AtomicInteger());
  }

  private static int port(Endpoint endpoint) {
    return ((InetSocketAddress) endpoint.address()).getPort();
  }

  private Map<Integer, Integer> taken(Lot lot, LoadBalancing by, int times) {
    Map<Integer, Integer> taken = new TreeMap<>();
    for (int i = 0; i < times; i++) {
      taken.merge(port(lot.take(by, 0, clock.getAsLong(), random)), 1, Integer::sum);
    }
    return taken;
  }

  private static void answer(Endpoint endpoint, SettableClock clock, Status status, int millis) {
    ClientStreamTracer tracer = begin(endpoint);
    clock.advance(Duration.ofMillis(millis));
    tracer.streamClosed(status);
  }

  private static ClientStreamTracer begin(Endpoint endpoint) {
    return Objects.requireNonNull(endpoint.timed().getStreamTracerFactory())
        .newClientStreamTracer(ClientStreamTracer.StreamInfo.newBuilder().build(), new Metadata());
  }

  @Test
  void weightsAreMetAndSpreadEvenly() {
    Lot lot = lot(5, 1, 2);

    assertThat(taken(lot, LoadBalancing.WEIGHTED, 80)).isEqualTo(Map.of(0, 50, 1, 10, 2, 20));
    for (int i = 0; i < 10; i++) {
      assertThat(taken(lot, LoadBalancing.WEIGHTED, 8).get(0)).isBetween(4, 6);
    }
    assertThat(taken(lot(1, 65_535), LoadBalancing.WEIGHTED, 65_536).get(0)).isBetween(0, 2);
  }

  @Test
  void theTurnsGoOnBeyondTheLargestNumber() {
    AtomicInteger turns = new AtomicInteger(Integer.MAX_VALUE - 1);
    Lot lot = new Lot(List.of(new Weighted(endpoint(0), 1), new Weighted(endpoint(1), 1)), turns);

    assertThat(taken(lot, LoadBalancing.ROUND_ROBIN, 6)).isEqualTo(Map.of(0, 3, 1, 3));
  }

  @Test
  void ofTwoTheOneWithLessToDoIsTaken() {
    Endpoint slow = endpoint(0);
    Endpoint fast = endpoint(1);
    Lot lot = new Lot(List.of(new Weighted(slow, 1), new Weighted(fast, 1)), new AtomicInteger());
    answer(slow, clock, Status.OK, 20);
    answer(fast, clock, Status.OK, 1);
    assertThat(taken(lot, LoadBalancing.LEAST_REQUEST, 10)).isEqualTo(Map.of(1, 10));

    // With thirty calls under way the fast one is no better than the slow one.
    for (int i = 0; i < 30; i++) {
      begin(fast);
    }

    assertThat(taken(lot, LoadBalancing.LEAST_REQUEST, 10)).isEqualTo(Map.of(0, 10));
  }

  @Test
  void anInstanceOfWhichNothingIsKnownGetsOneCallAndNoMore() {
    Endpoint known = endpoint(0);
    Endpoint fresh = endpoint(1);
    Lot lot = new Lot(List.of(new Weighted(known, 1), new Weighted(fresh, 1)), new AtomicInteger());
    answer(known, clock, Status.OK, 1);
    assertThat(taken(lot, LoadBalancing.LEAST_REQUEST, 1)).isEqualTo(Map.of(1, 1));

    begin(fresh);

    assertThat(taken(lot, LoadBalancing.LEAST_REQUEST, 10)).isEqualTo(Map.of(0, 10));
  }

  @Test
  void whoFailsQuicklyIsNotTheBest() {
    Endpoint failing = endpoint(0);
    answer(failing, clock, Status.UNAVAILABLE, 1);
    Endpoint well = endpoint(1);
    answer(well, clock, Status.OK, 50);
    assertThat(failing.load(clock.getAsLong())).isGreaterThan(well.load(clock.getAsLong()));

    Endpoint refusing = endpoint(2);
    answer(refusing, clock, Status.NOT_FOUND, 1);
    assertThat(refusing.load(clock.getAsLong())).isLessThan(well.load(clock.getAsLong()));
  }

  @Test
  void aCallThatWasGivenUpSaysNoMoreThanThatItTookSoLong() {
    Endpoint one = endpoint(0);
    answer(one, clock, Status.OK, 20);
    double before = one.load(clock.getAsLong());
    answer(one, clock, Status.CANCELLED, 1);
    assertThat(one.load(clock.getAsLong()))
        .isCloseTo(before, org.assertj.core.data.Percentage.withPercentage(1));

    answer(one, clock, Status.CANCELLED, 100);

    assertThat(one.load(clock.getAsLong())).isGreaterThan(4 * before);
    assertThat(one.running()).isZero();
  }

  @Test
  void whatWasSlowIsTriedAgainAfterAWhile() {
    Endpoint slow = endpoint(0);
    answer(slow, clock, Status.OK, 1_000);
    Endpoint fast = endpoint(1);

    clock.advance(Duration.ofMinutes(2));
    answer(fast, clock, Status.OK, 1);

    assertThat(slow.load(clock.getAsLong())).isLessThan(fast.load(clock.getAsLong()));
  }

  @Test
  void keysAreSpreadByWeight() {
    Lot lot = lot(1, 3);
    int second = 0;
    for (int i = 0; i < 4_000; i++) {
      second += port(lot.take(LoadBalancing.RING_HASH, Hashes.of("key" + i), 0, random));
    }
    assertThat(second).isBetween(2_900, 3_100);
  }
}
