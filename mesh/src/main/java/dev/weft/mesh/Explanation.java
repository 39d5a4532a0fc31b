package dev.weft.mesh;

import dev.weft.consul.Health;
import io.grpc.Metadata;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What would become of a call of this process, and why not otherwise: the whole decision at one
 * moment, made by the same code that decides about calls.
 *
 * @param caller this process's service
 * @param service the called one
 * @param method its full name, {@code package.Service/Method}
 * @param known whether the registry has said where the service's calls go. If not, they wait for
 *     it, a second at most, and go to the service itself
 * @param protocol in the service's discovery chain; empty if it has none to be followed
 * @param steps what was asked on the way through the chain, in order
 * @param places where the call may go: the first of which somebody can be called; at least one
 * @param intention empty if the registry could not be asked
 * @param treatment empty before the method was called, and for streams
 * @param circuit empty before the method was called, and for streams, which have none
 * @param obstacles why the call would fail, as far as that is known before it is sent, for people
 */
public record Explanation(
    String caller,
    String service,
    String method,
    boolean known,
    String protocol,
    List<Step> steps,
    List<Place> places,
    Optional<Allowance> intention,
    Optional<Treatment> treatment,
    Optional<CircuitReport> circuit,
    List<String> obstacles) {

  public Explanation {
    steps = List.copyOf(steps);
    places = List.copyOf(places);
    obstacles = List.copyOf(obstacles);
  }

  /**
   * The call that is asked about.
   *
   * @param service by its name in the registry
   * @param method its full name, {@code package.Service/Method}
   * @param headers its metadata
   * @param key what {@link LoadBalancing#HASH_KEY} says, or the field of the request that {@code
   *     weft-lb-hash} names; empty for the header that it names
   * @param draw what every splitter draws, from 0 to less than 100; empty for a random one
   */
  public record Question(
      String service, String method, Metadata headers, String key, OptionalDouble draw) {
    public Question {
      if (method.indexOf('/') < 1) {
        throw new IllegalArgumentException(
            "method: " + method + " (expected: package.Service/Method)");
      }
      if (draw.isPresent() && !(draw.getAsDouble() >= 0 && draw.getAsDouble() < 100)) {
        throw new IllegalArgumentException(
            "draw: " + draw.getAsDouble() + " (expected: 0 to less than 100)");
      }
    }
  }

  /** One step through a discovery chain. */
  public sealed interface Step permits Routes, Shares {}

  /** Routes, of which the first that matches counts. */
  public record Routes(List<Route> tried) implements Step {
    public Routes {
      tried = List.copyOf(tried);
    }
  }

  /**
   * A route.
   *
   * @param condition what it asks of a call, for people
   * @param taken whether it has the call
   * @param whyNot empty if it has
   */
  public record Route(String condition, boolean taken, String whyNot) {}

  /**
   * Shares, of which one is drawn for each call, once for all of its attempts.
   *
   * @param draw from 0 to less than 100
   */
  public record Shares(List<Share> shares, double draw) implements Step {
    public Shares {
      shares = List.copyOf(shares);
    }
  }

  /**
   * A share.
   *
   * @param to its node in the chain
   */
  public record Share(double percent, String to, boolean taken) {}

  /**
   * Some instances of a service.
   *
   * @param datacenter empty for the agent's own
   * @param filter in Consul's language; empty for all
   * @param taken whether the call goes here
   * @param whyNot empty if it does
   * @param stale the registry cannot be asked, and this was true when it last could
   * @param balancing by what an instance is chosen, unless the call says otherwise
   * @param endpoints those first that may have the call; at most 100
   * @param more how many there are besides
   */
  public record Place(
      String service,
      String datacenter,
      String filter,
      boolean onlyPassing,
      boolean taken,
      String whyNot,
      boolean stale,
      LoadBalancing balancing,
      List<Endpoint> endpoints,
      int more) {
    public Place {
      endpoints = List.copyOf(endpoints);
    }
  }

  /**
   * An instance.
   *
   * @param address as {@code host:port}
   * @param version and {@code zone}: empty if it does not say
   * @param weight its share of the calls where {@code balancing} goes by that
   * @param connection of this process to it, in the words of gRPC; empty if there is none
   * @param ejected it is left out for a while because its calls failed
   * @param running calls of this process that it has to answer, where that is counted
   * @param latency what a call takes there, where that is counted
   * @param taken the call goes here, by its key
   * @param whyNot why no call goes here; empty if calls may
   */
  public record Endpoint(
      String id,
      String address,
      String version,
      String zone,
      Health health,
      int weight,
      String connection,
      boolean ejected,
      int running,
      Optional<Duration> latency,
      boolean taken,
      String whyNot) {}

  /**
   * What intentions say about the call, by the headers that were given.
   *
   * @param destination the service that it goes to
   * @param because for people
   * @param counts whether anybody is asked: without TLS nobody is
   */
  public record Allowance(String destination, boolean allowed, String because, boolean counts) {}

  /**
   * How calls of the method are treated.
   *
   * @param timeout of the whole call, unless its caller says less
   * @param timeoutOfRoute whether a route says that, and not the contract
   * @param timeoutOfRegistry whether the registry says it of the whole service
   * @param repeatable whether the contract lets it be repeated
   * @param retries at most
   * @param retriesLeft in the budget of all calls to the service
   * @param hedgeAfter when a second call is sent; mostly never
   * @param hedgesLeft in their budget
   * @param inFlight calls of the method under way, where they are counted
   * @param inFlightMax how many may be, or {@link CallPolicy#UNBOUNDED}
   * @param fallback whether the contract has a reply for when the service cannot be asked
   */
  public record Treatment(
      Duration timeout,
      boolean timeoutOfRoute,
      boolean timeoutOfRegistry,
      boolean repeatable,
      int retries,
      double retriesLeft,
      Optional<Duration> hedgeAfter,
      double hedgesLeft,
      int inFlight,
      int inFlightMax,
      boolean fallback) {}
}
