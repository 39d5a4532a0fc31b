package dev.weft.mesh;

import dev.weft.consul.DiscoveryChain;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What the registry decided about one call. It is in the call's options, so that every attempt at
 * the call goes by the same decision.
 *
 * @param places the first of which somebody can be called counts; at least one
 * @param timeout of the whole call
 * @param repeat empty where the route says nothing of that
 */
record Choice(List<Place> places, Optional<Duration> timeout, Optional<Repeat> repeat) {
  static final CallOptions.Key<Choice> KEY = CallOptions.Key.create("weft-choice");

  Choice {
    places = List.copyOf(places);
  }

  /**
   * The way to the instances of one service in one datacenter.
   *
   * @param way over the channel, with a proof of this process's name
   */
  record Outlet(Pool pool, ManagedChannel channel, Channel way) {}

  /** Where a call may go. */
  record Place(Outlet outlet, Pool.Subset subset) {
    boolean usable() {
      return outlet.pool().usable(subset);
    }
  }

  /** The first place of which somebody can be called; the first of all if that is true of none. */
  Place place() {
    for (Place place : places) {
      if (place.usable()) {
        return place;
      }
    }
    return places.getFirst();
  }

  /** Whether it says more of a call than where it goes. */
  boolean saysHow() {
    return timeout.isPresent() || repeat.isPresent();
  }

  /** Whether an error of this domain comes from one of those the call is for. */
  boolean isFor(String domain) {
    for (Place place : places) {
      if (ErrorDetails.domain(place.outlet.pool().service()).equals(domain)) {
        return true;
      }
    }
    return false;
  }

  /**
   * When a call is made once more, if its contract allows that at all.
   *
   * @param times 0 to {@value #TIMES_MAX}
   * @param onUnavailable when it failed with UNAVAILABLE, wherever
   * @param onNoConnection when it failed so before it was sent
   */
  record Repeat(int times, boolean onUnavailable, boolean onNoConnection) {
    /** As gRPC has it: five attempts. */
    static final int TIMES_MAX = 4;

    /** Where nobody says anything: once, on every UNAVAILABLE. */
    static final Repeat DEFAULT = new Repeat(1, true, true);

    /** What is decided for a call; {@link #DEFAULT} where it is not there. */
    static final CallOptions.Key<Repeat> KEY = CallOptions.Key.create("weft-repeat");

    /** What gRPC says as UNAVAILABLE and proxies in these numbers. */
    private static final Set<Integer> UNAVAILABLE = Set.of(429, 502, 503, 504);

    /** What Envoy calls so. */
    private static final Set<String> UNAVAILABLE_WORDS =
        Set.of("unavailable", "5xx", "gateway-error", "reset", "refused-stream");

    private static final String CONNECT = "connect-failure";

    /** What a route says; empty if it says nothing. */
    static Optional<Repeat> of(DiscoveryChain.Retries said) {
      if (said.equals(DiscoveryChain.Retries.UNSAID)) {
        return Optional.empty();
      }
      int times = Math.clamp(said.times(), 1, TIMES_MAX);
      boolean nothingNamed =
          !said.onConnectFailure() && said.onStatus().isEmpty() && said.on().isEmpty();
      boolean unavailable =
          nothingNamed
              || said.onStatus().stream().anyMatch(UNAVAILABLE::contains)
              || said.on().stream().anyMatch(UNAVAILABLE_WORDS::contains);
      return Optional.of(
          new Repeat(
              times,
              unavailable,
              unavailable || said.onConnectFailure() || said.on().contains(CONNECT)));
    }

    /** Whether a call that failed with UNAVAILABLE is repeated. */
    boolean after(boolean sent) {
      return sent ? onUnavailable : onNoConnection;
    }
  }
}
