package dev.weft.mesh;

import dev.weft.consul.Consul;
import dev.weft.consul.ConsulException;
import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceRegistration;
import dev.weft.mesh.Choice.Place;
import dev.weft.mesh.Explanation.Allowance;
import dev.weft.mesh.Explanation.Question;
import dev.weft.mesh.Explanation.Treatment;
import dev.weft.mesh.Pool.Shown;
import io.grpc.ConnectivityState;
import io.grpc.Metadata;
import io.grpc.Status;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Explains what would become of calls, by asking those who decide about them. Sends nothing, opens
 * nothing, and changes nothing; only for the intention it asks the registry, for 5 s at most.
 *
 * <p>Thread-safe. What it tells changes while it is told, so its parts may be some milliseconds
 * apart.
 */
final class Explainer {
  /**
   * Of one place: 32 of them, with some 300 bytes for each instance, are well below the 4 MiB of a
   * reply.
   */
  static final int ENDPOINTS_MAX = 100;

  /** In what gRPC says of an instance that its outlier detection left out. */
  private static final String EJECTED = "ejected by outlier detection";

  private final String caller;
  private final Consul consul;
  private final boolean tls;
  private final LongSupplier nanoTime;

  /**
   * @param caller whose calls
   * @param tls whether they are TLS, without which no intention is asked
   */
  Explainer(String caller, Consul consul, boolean tls, LongSupplier nanoTime) {
    this.caller = caller;
    this.consul = consul;
    this.tls = tls;
    this.nanoTime = nanoTime;
  }

  /**
   * What would become of a call.
   *
   * @param to where calls to its service go
   * @param target what is known of the service from calling it
   * @param contract what the method's contract says, as far as that is known
   */
  Explanation explain(
      Question call,
      Destinations to,
      OutboundStack.Target target,
      Optional<OutboundStack.Contract> contract) {
    RouteTable table = to.table();
    String path = "/" + call.method();
    double drawn = call.draw().orElseGet(() -> ThreadLocalRandom.current().nextDouble(100)) / 100;
    RouteTable.Way way =
        (table == null ? RouteTable.PLAIN : table).explain(path, call.headers(), drawn);
    Place own = to.ownPlace();
    Place taken = way.choice().map(Choice::place).orElse(own);
    List<Explanation.Place> places = new ArrayList<>();
    for (Place place : way.choice().map(Choice::places).orElse(List.of(own))) {
      places.add(place(place, taken, call));
    }
    Optional<Allowance> intention =
        intention(taken.outlet().pool().service(), path, call.headers());
    Optional<Circuit> circuit = target.circuits().find(call.method());
    Optional<Treatment> treatment =
        contract.map(of -> treatment(of, to.terms(), way.choice(), call.method(), target));
    return new Explanation(
        caller,
        call.service(),
        call.method(),
        table != null,
        table == null ? "" : table.protocol(),
        way.steps(),
        places,
        intention,
        treatment,
        circuit.map(one -> report(call.service(), call.method(), one)),
        obstacles(taken, intention, treatment, circuit));
  }

  /** How it stands with a circuit. */
  static CircuitReport report(String service, String method, Circuit circuit) {
    return new CircuitReport(
        service,
        method,
        circuit.state(),
        circuit.failedPercent(),
        circuit.attempts(),
        circuit.openings(),
        circuit.isOpen() ? Optional.of(circuit.refusesFor()) : Optional.empty(),
        circuit.fallbacks());
  }

  private Explanation.Place place(Place place, Place taken, Question call) {
    Pool pool = place.outlet().pool();
    Pool.View view = pool.view();
    boolean isTaken = place.equals(taken);
    List<Explanation.Endpoint> endpoints = endpoints(place, view, call);
    return new Explanation.Place(
        pool.service(),
        pool.datacenter(),
        place.subset().filter(),
        place.subset().onlyPassing(),
        isTaken,
        isTaken ? "" : whyNot(place),
        view.stale(),
        view.balancing().policy(),
        endpoints.stream()
            .sorted(Comparator.comparingInt(Explainer::rank))
            .limit(ENDPOINTS_MAX)
            .toList(),
        Math.max(0, endpoints.size() - ENDPOINTS_MAX));
  }

  /** Who is called comes first, so that it is not left out. */
  private static int rank(Explanation.Endpoint endpoint) {
    return endpoint.taken() ? 0 : endpoint.whyNot().isEmpty() ? 1 : 2;
  }

  private static String whyNot(Place place) {
    if (place.usable()) {
      return "a place before it has the call";
    }
    return nobody(place);
  }

  private static String nobody(Place place) {
    Pool.Members members =
        place.outlet().pool().view().subsets().getOrDefault(place.subset(), Pool.Members.UNKNOWN);
    return members.list().isEmpty()
        ? "the registry has none of its instances to call"
        : "there is no connection to any of its instances";
  }

  /** What a call of a pool's subset may go to. */
  private final class Candidates {
    private final Pool.View view;
    private final Map<SocketAddress, Endpoint> connected = new HashMap<>();
    private final Set<SocketAddress> near = new HashSet<>();
    private final List<Lot.Weighted> nearby = new ArrayList<>();
    private final List<Lot.Weighted> far = new ArrayList<>();
    private final double nearShare;

    Candidates(Place place, Pool.View view, List<Shown> all) {
      this.view = view;
      place.outlet().pool().endpoints().forEach(one -> connected.put(one.address(), one));
      Set<SocketAddress> seen = new HashSet<>();
      for (Shown one : all) {
        Endpoint endpoint = connected.get(one.address());
        if (isNear(one.instance())) {
          near.add(one.address());
        }
        if (one.whyNot().isEmpty()
            && endpoint != null
            && endpoint.isReady()
            && seen.add(one.address())) {
          (near.contains(one.address()) ? nearby : far)
              .add(new Lot.Weighted(endpoint, one.weight()));
        }
      }
      int here = view.subsets().getOrDefault(place.subset(), Pool.Members.UNKNOWN).here();
      nearShare = Balancer.nearShare(nearby.size(), far.size(), here);
    }

    private boolean isNear(ServiceInstance instance) {
      return !view.balancing().ownZoneFirst()
          || view.zone().equals(instance.meta().getOrDefault(Pool.ZONE, ""));
    }

    /** Where a call with this key goes; null if that is not decided by a key alone. */
    @Nullable SocketAddress byKey(Question call) {
      String key = key(call);
      boolean drawn = nearShare > 0 && nearShare < 1;
      if (view.balancing().policy() != LoadBalancing.RING_HASH || key.isEmpty() || drawn) {
        return null;
      }
      List<Lot.Weighted> lot = nearShare > 0 ? nearby : far;
      return lot.isEmpty()
          ? null
          : new Lot(lot, new AtomicInteger())
              .take(
                  LoadBalancing.RING_HASH,
                  Hashes.of(key),
                  nanoTime.getAsLong(),
                  ThreadLocalRandom.current())
              .address();
    }

    private String key(Question call) {
      Metadata.Key<String> header = view.balancing().hashHeader();
      if (!call.key().isEmpty() || header == null) {
        return call.key();
      }
      String value = call.headers().get(header);
      return value == null ? "" : value;
    }

    String whyNot(Shown one) {
      if (!one.whyNot().isEmpty()) {
        return one.whyNot();
      }
      Endpoint endpoint = connected.get(one.address());
      if (endpoint == null) {
        // Where there are none at all, as before the first call, the next one has them made.
        return connected.isEmpty() ? "" : "no connection was begun yet";
      }
      if (isEjected(endpoint)) {
        return "it is left out for a while, because its calls failed";
      }
      if (endpoint.state() == ConnectivityState.TRANSIENT_FAILURE) {
        return "no connection: " + why(endpoint.failure());
      }
      if (!endpoint.isReady()) {
        return "its connection is not there yet";
      }
      return nearShare >= 1 && !near.contains(one.address())
          ? "it is in another zone, and there are enough in this one"
          : "";
    }
  }

  private static String why(Status failure) {
    String said = failure.getDescription();
    return said == null ? failure.getCode().name() : said;
  }

  private List<Explanation.Endpoint> endpoints(Place place, Pool.View view, Question call) {
    List<Shown> all = place.outlet().pool().shown(place.subset());
    Candidates candidates = new Candidates(place, view, all);
    SocketAddress byKey = candidates.byKey(call);
    List<Explanation.Endpoint> endpoints = new ArrayList<>();
    for (Shown one : all) {
      ServiceInstance instance = one.instance();
      Optional<Endpoint> connected = Optional.ofNullable(candidates.connected.get(one.address()));
      endpoints.add(
          new Explanation.Endpoint(
              instance.id(),
              instance.host() + ":" + instance.port(),
              instance.meta().getOrDefault(ServiceRegistration.META_VERSION, ""),
              instance.meta().getOrDefault(Pool.ZONE, ""),
              instance.health(),
              one.weight(),
              connected.map(c -> c.state().name().toLowerCase(Locale.ROOT)).orElse(""),
              connected.filter(Explainer::isEjected).isPresent(),
              connected.map(Endpoint::running).orElse(0),
              connected.flatMap(c -> c.latency(nanoTime.getAsLong())),
              one.address().equals(byKey),
              candidates.whyNot(one)));
    }
    return endpoints;
  }

  private static boolean isEjected(Endpoint endpoint) {
    return endpoint.state() == ConnectivityState.TRANSIENT_FAILURE
        && why(endpoint.failure()).contains(EJECTED);
  }

  private Optional<Allowance> intention(String destination, String path, Metadata headers) {
    try {
      IntentionRules.Verdict verdict =
          new IntentionRules(consul.intentions().match(destination)).verdict(caller, path, headers);
      return Optional.of(new Allowance(destination, verdict.allowed(), verdict.because(), tls));
    } catch (ConsulException e) {
      return Optional.empty();
    }
  }

  private static Treatment treatment(
      OutboundStack.Contract contract,
      Terms terms,
      Optional<Choice> choice,
      String method,
      OutboundStack.Target of) {
    CallPolicy policy = terms.over(contract.policy(), contract.safe());
    Optional<Duration> ofRoute = choice.flatMap(Choice::timeout);
    return new Treatment(
        ofRoute.orElse(policy.timeout()),
        ofRoute.isPresent(),
        ofRoute.isEmpty() && terms.timeout().isPresent(),
        policy.repeatable(),
        policy.repeatable() ? terms.repeat(choice).times() : 0,
        of.budget().left(),
        policy.hedgeAfter(),
        of.hedges().left(),
        of.bulkhead().inFlight(method),
        policy.inFlightMax(),
        policy.fallback().isPresent());
  }

  private static List<String> obstacles(
      Place taken,
      Optional<Allowance> intention,
      Optional<Treatment> treatment,
      Optional<Circuit> circuit) {
    List<String> obstacles = new ArrayList<>();
    if (!taken.usable()) {
      obstacles.add(nobody(taken));
    }
    if (intention.isPresent() && intention.get().counts() && !intention.get().allowed()) {
      obstacles.add("no intention allows it: " + intention.get().because());
    }
    if (circuit.isPresent() && circuit.get().isOpen()) {
      obstacles.add(
          "the circuit is open, and refuses calls for %d ms"
              .formatted(circuit.get().refusesFor().toMillis()));
    }
    if (treatment.isPresent() && treatment.get().inFlight() >= treatment.get().inFlightMax()) {
      obstacles.add(
          "as many calls of the method are under way as may be: " + treatment.get().inFlight());
    }
    return obstacles;
  }
}
