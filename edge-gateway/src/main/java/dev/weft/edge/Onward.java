package dev.weft.edge;

import static dev.weft.edge.ApiSchemas.ordered;

import dev.weft.consul.ServiceInstance;
import dev.weft.mesh.Explanation.Allowance;
import dev.weft.mesh.Explanation.Endpoint;
import dev.weft.mesh.Explanation.Place;
import dev.weft.mesh.Explanation.Route;
import dev.weft.mesh.Explanation.Routes;
import dev.weft.mesh.Explanation.Share;
import dev.weft.mesh.Explanation.Shares;
import dev.weft.mesh.Explanation.Step;
import dev.weft.mesh.Explanation.Treatment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What mesh says of a call of the edge, as an explanation shows it: the terms of the call, its way
 * by the registry's routes and shares, and the instances, one of which it would go to.
 *
 * @param view what the edge knows of the service besides
 */
record Onward(dev.weft.mesh.Explanation said, Rpc rpc, SchemaWatch.View view) {
  /** Of a router, the one that has the call besides. */
  private static final int ROUTES_MAX = 20;

  /**
   * How long a unary call has and how often it is sent.
   *
   * @param client how long that waits
   */
  Map<String, Object> terms(Optional<Duration> client) {
    Map<String, Object> terms = new LinkedHashMap<>();
    said.treatment().ifPresent(treatment -> terms(treatment, client, terms));
    said.intention()
        .filter(Allowance::counts)
        .ifPresent(
            intention ->
                terms.put(
                    "intention",
                    (intention.allowed() ? "allowed: " : "denied: ") + intention.because()));
    if (!said.obstacles().isEmpty()) {
      terms.put("obstacles", said.obstacles());
    }
    return terms;
  }

  private static void terms(
      Treatment treatment, Optional<Duration> client, Map<String, Object> terms) {
    Optional<Duration> less = client.filter(t -> t.compareTo(treatment.timeout()) < 0);
    terms.put("deadline", Explanation.seconds(less.orElse(treatment.timeout())));
    terms.put("deadlineFrom", less.isPresent() ? "the client" : whoseTime(treatment));
    terms.put("repeated", repeated(treatment));
    treatment
        .hedgeAfter()
        .ifPresent(after -> terms.put("sentTwiceAfter", Explanation.seconds(after)));
  }

  private static String whoseTime(Treatment treatment) {
    if (treatment.timeoutOfRoute()) {
      return "a route of the registry";
    }
    return treatment.timeoutOfRegistry() ? "the registry, for the service" : "the contract";
  }

  private static String repeated(Treatment treatment) {
    if (!treatment.repeatable()) {
      return "never: it may have effects";
    }
    return switch (treatment.retries()) {
      case 0 -> "never: the registry says so";
      case 1 -> "once, since it has no effects";
      default -> "up to " + treatment.retries() + " times, since it has no effects";
    };
  }

  /** Where the call would go. */
  void show(Map<String, Object> tree) {
    if (!said.steps().isEmpty()) {
      tree.put("way", said.steps().stream().map(Onward::step).toList());
    }
    List<Object> others = new ArrayList<>();
    for (Place place : said.places()) {
      if (place.taken()) {
        Map<String, Object> shown = shown(place);
        shown.put("balancing", place.balancing().name().toLowerCase(Locale.ROOT));
        if (place.stale()) {
          shown.put("stale", true);
        }
        tree.put("place", shown);
        tree.put("instances", instances(place));
      } else {
        Map<String, Object> shown = shown(place);
        shown.put("why", place.whyNot());
        others.add(shown);
      }
    }
    if (!others.isEmpty()) {
      tree.put("otherPlaces", others);
    }
  }

  private static Map<String, Object> step(Step step) {
    return switch (step) {
      case Routes(List<Route> tried) -> {
        List<Object> routes = new ArrayList<>();
        for (int i = 0; i < tried.size(); i++) {
          if (i < ROUTES_MAX || tried.get(i).taken()) {
            routes.add(shown(tried.get(i)));
          }
        }
        if (routes.size() < tried.size()) {
          routes.add(ordered("more", tried.size() - routes.size()));
        }
        yield ordered("routes", routes);
      }
      case Shares(List<Share> shares, double draw) ->
          ordered(
              "shares",
              shares.stream()
                  .map(
                      share ->
                          ordered(
                              "to", share.to(),
                              "percent", tenths(share.percent()),
                              "taken", share.taken()))
                  .toList(),
              "drawn",
              tenths(draw));
    };
  }

  private static Map<String, Object> shown(Route route) {
    Map<String, Object> shown = ordered("if", route.condition(), "taken", route.taken());
    if (!route.taken()) {
      shown.put("why", route.whyNot());
    }
    return shown;
  }

  private static double tenths(double number) {
    return Math.round(number * 10) / 10.0;
  }

  private static Map<String, Object> shown(Place place) {
    Map<String, Object> shown = ordered("service", place.service());
    if (!place.datacenter().isEmpty()) {
      shown.put("datacenter", place.datacenter());
    }
    if (!place.filter().isEmpty()) {
      shown.put("filter", place.filter());
    }
    if (place.onlyPassing()) {
      shown.put("onlyPassing", true);
    }
    return shown;
  }

  private List<Object> instances(Place place) {
    boolean byKey = place.endpoints().stream().anyMatch(Endpoint::taken);
    List<Object> instances = new ArrayList<>();
    for (Endpoint endpoint : place.endpoints()) {
      Optional<ServiceInstance> instance = instance(place, endpoint);
      String why = whyNot(endpoint, instance);
      if (why.isEmpty() && byKey && !endpoint.taken()) {
        why = "the key of the call leads to another";
      }
      Map<String, Object> shown =
          ordered(
              "id",
              endpoint.id(),
              "at",
              endpoint.address(),
              "called",
              why.isEmpty() ? called(place, endpoint) : "no");
      if (!why.isEmpty()) {
        shown.put("why", why);
      }
      if (!endpoint.version().isEmpty()) {
        shown.put("version", endpoint.version());
      }
      if (!endpoint.zone().isEmpty()) {
        shown.put("zone", endpoint.zone());
      }
      instance
          .flatMap(one -> Optional.ofNullable(view.contracts().get(one.key())))
          .map(SchemaWatch.InstanceSchema::problem)
          .filter(problem -> !problem.isEmpty())
          .ifPresent(problem -> shown.put("problem", problem));
      instances.add(shown);
    }
    if (place.more() > 0) {
      instances.add(ordered("more", place.more()));
    }
    return instances;
  }

  private String whyNot(Endpoint endpoint, Optional<ServiceInstance> instance) {
    boolean has =
        rpc.at().isEmpty()
            || instance.isEmpty()
            || rpc.at().get().keys().contains(instance.get().key());
    return has ? endpoint.whyNot() : "its contract does not have this RPC";
  }

  /** The same as the edge knows it, if it is one of the service itself. */
  private Optional<ServiceInstance> instance(Place place, Endpoint endpoint) {
    return place.service().equals(rpc.service()) && place.datacenter().isEmpty()
        ? view.snapshot().instances().stream()
            .filter(
                one ->
                    one.id().equals(endpoint.id())
                        && endpoint.address().equals(one.host() + ":" + one.port()))
            .findFirst()
        : Optional.empty();
  }

  private static String called(Place place, Endpoint endpoint) {
    if (endpoint.taken()) {
      return "yes, by its key";
    }
    return switch (place.balancing()) {
      case ROUND_ROBIN -> "in turn";
      case WEIGHTED -> "in turn, with the weight " + endpoint.weight();
      case RANDOM -> "by chance";
      case LEAST_REQUEST -> "when it is the less busy one of two";
      case RING_HASH -> "in turn, since it has no key";
    };
  }
}
