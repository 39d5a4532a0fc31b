package dev.weft.edge;

import static dev.weft.edge.ApiSchemas.ordered;

import dev.weft.mesh.Caller;
import dev.weft.mesh.CircuitState;
import io.grpc.Metadata;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What would become of one request. Told what is found on the way of it, on its event loop, and
 * written when all is told, which may take long. Not thread-safe.
 */
final class Explanation {
  /** Rules that are shown, the nearest first. */
  private static final int RULES_MAX = 10;

  private static final int NOT_SERVED_MAX = 5;

  private final Explain.Edge edge;
  private final Explain.Asker asker;
  private final String httpMethod;
  private final List<Problem> refusals = new ArrayList<>();
  private @Nullable Way way;
  private @Nullable Asked asked;
  private Supplier<byte[]> message = () -> new byte[0];
  private Metadata metadata = new Metadata();

  /** A rule and how near it is, as it is shown. */
  private record Tried(RuleTrial trial, boolean met, Map<String, Object> shown) {}

  Explanation(Explain.Edge edge, Explain.Asker asker, String httpMethod) {
    this.edge = edge;
    this.asker = asker;
    this.httpMethod = httpMethod;
  }

  /** The edge would answer with this; the first that is told counts. */
  void refused(Problem problem) {
    refusals.add(problem);
  }

  /** Where it leads. */
  void way(Way to) {
    way = to;
    switch (to.match()) {
      case RouteTable.Found _ -> {
        // What else may be wrong shows later.
      }
      case RouteTable.WrongMethod _ -> refused(Problems.wrongMethod());
      case RouteTable.Unknown() -> {
        if (to.kind() == Way.Kind.NOWHERE) {
          refused(edge.caughtUp().getAsBoolean() ? Problems.noRoute() : Problems.starting());
        } else if (to.kind() == Way.Kind.PROXY) {
          to.mount().flatMap(mount -> denied(mount.access())).ifPresent(this::refused);
          if (!Proxy.METHODS.contains(httpMethod) || httpMethod.equals("OPTIONS")) {
            refused(Problems.wrongMethod());
          }
        }
      }
    }
  }

  /** Why the caller may not; empty if they may. */
  Optional<Problem> denied(Access access) {
    if (!(access instanceof Access.Authenticated(Set<String> roles))) {
      return Optional.empty();
    }
    if (asker.user().isEmpty()) {
      return asker.refusal();
    }
    boolean has = roles.isEmpty() || roles.stream().anyMatch(asker.user().get().roles()::contains);
    return has ? Optional.empty() : Optional.of(Problems.roleRequired());
  }

  /**
   * What the service would get.
   *
   * @param bytes of the request message; throws {@link Refused} with what is wrong
   */
  void message(Asked request, Supplier<byte[]> bytes) {
    asked = request;
    message = bytes;
  }

  /** What the call would say beside its message. */
  void metadata(Metadata ofCall) {
    metadata = ofCall;
  }

  /** All of it, as JSON that is pleasant to read. */
  String text() {
    Map<String, Object> after = new LinkedHashMap<>();
    Way to = way;
    if (to != null) {
      after.put("rules", rules(to));
      if (!refusals.isEmpty()) {
        notServed(after);
      }
      bindings(after);
      to.found().ifPresent(found -> route(found.route().rpc(), after));
      if (to.kind() == Way.Kind.PROXY) {
        proxy(to.mount().orElseThrow(), after);
      }
    }
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("request", request(to));
    tree.put("answer", answer(to));
    if (!refusals.isEmpty()) {
      tree.put("refusals", refusals.stream().map(Explanation::refusal).toList());
    }
    tree.putAll(after);
    return ReadableJson.text(tree);
  }

  private Map<String, Object> request(@Nullable Way to) {
    Map<String, Object> request = ordered("method", httpMethod);
    if (to != null) {
      request.put("path", Shown.text(to.target().path()));
      List<String> names =
          to.target().query().stream().map(one -> Shown.text(one.name())).distinct().toList();
      if (!names.isEmpty()) {
        request.put("query", names);
      }
      to.mount().ifPresent(mount -> request.put("mount", mount.template()));
    }
    return request;
  }

  /** What comes of it, in a line. */
  private String answer(@Nullable Way to) {
    if (!refusals.isEmpty()) {
      Problem first = refusals.getFirst();
      return first.status() + " " + first.reason() + ": " + Shown.text(first.message());
    }
    if (to == null) {
      return "";
    }
    String place = to.found().map(found -> "calls " + name(found.route())).orElse("");
    return switch (to.kind()) {
      case PAGE -> "the edge answers it itself";
      case PROXY -> "is passed on to " + to.mount().orElseThrow().service();
      case WEBSOCKET -> "a WebSocket that " + place;
      case RULE, NAME, NOWHERE -> place;
    };
  }

  private static String name(Route route) {
    return route.rpc().name() + " of " + route.rpc().service();
  }

  private static Map<String, Object> refusal(Problem problem) {
    Map<String, Object> refusal =
        ordered(
            "status", problem.status(),
            "reason", problem.reason(),
            "detail", Shown.text(problem.message()));
    if (!problem.violations().isEmpty()) {
      refusal.put(
          "errors",
          problem.violations().stream()
              .map(
                  one ->
                      ordered(
                          "pointer", Shown.text(one.pointer()),
                          "detail", Shown.text(one.detail())))
              .toList());
    }
    return refusal;
  }

  // Rules.

  private List<Object> rules(Way to) {
    List<Tried> tried = new ArrayList<>();
    if (to.kind() == Way.Kind.PAGE) {
      return List.of();
    }
    if (to.kind() == Way.Kind.NAME) {
      return List.of(
          ordered(
              "rule", "the name of an RPC",
              "verdict", to.found().isPresent() ? "matches" : "method differs",
              "protocols", "gRPC, gRPC-Web and Connect, by Content-Type"));
    }
    Optional<String> only =
        to.kind() == Way.Kind.PROXY ? Optional.empty() : to.mount().map(Mount::service);
    Optional<Route> met = to.found().map(RouteTable.Found::route);
    for (Route route : to.routes().routes()) {
      if (only.isEmpty() || only.get().equals(route.rpc().service())) {
        RuleTrial trial = RuleTrial.of(route, httpMethod, to.target());
        boolean isMet = met.isPresent() && met.get().equals(route);
        tried.add(new Tried(trial, isMet, shown(trial, isMet, to)));
      }
    }
    for (RouteTable.Conflict conflict : to.routes().conflicts()) {
      RuleTrial trial = RuleTrial.of(conflict.refused(), httpMethod, to.target());
      if (trial.verdict() == RuleTrial.Verdict.MATCHES) {
        tried.add(new Tried(trial, false, notServed(conflict)));
      }
    }
    tried.sort(
        Comparator.comparing((Tried one) -> !one.met)
            .thenComparing(one -> nearness(one.trial))
            .thenComparingInt(one -> -one.trial.agreed())
            .thenComparing(one -> !one.trial.route().httpMethod().equals(httpMethod))
            .thenComparing(one -> one.trial.route().template().text()));
    List<Object> shown = new ArrayList<>();
    tried.stream().limit(RULES_MAX).forEach(one -> shown.add(one.shown));
    if (tried.size() > RULES_MAX) {
      shown.add(ordered("more", tried.size() - RULES_MAX));
    }
    return shown;
  }

  /** Rules whose path is another are sorted by how much of it is not. */
  private static RuleTrial.Verdict nearness(RuleTrial trial) {
    return trial.verdict() == RuleTrial.Verdict.LITERAL_DIFFERS
        ? RuleTrial.Verdict.LENGTH_DIFFERS
        : trial.verdict();
  }

  private Map<String, Object> shown(RuleTrial trial, boolean met, Way to) {
    Route route = trial.route();
    String service = route.rpc().service();
    if (met) {
      return rule(route, "matches", "calls", name(route));
    }
    boolean hidden =
        trial.verdict() == RuleTrial.Verdict.METHOD_DIFFERS
            && to.match() instanceof RouteTable.WrongMethod(var allowed)
            && !allowed.contains(route.httpMethod());
    if (trial.verdict() != RuleTrial.Verdict.MATCHES && !hidden) {
      return rule(route, trial.verdict().text(), "why", trial.why(), "service", service);
    }
    if (to.mount().isEmpty() && !to.routes().allows(to.target(), service)) {
      return rule(
          route, "not its path", "why", "the path belongs to another service", "service", service);
    }
    // Who is met instead is the first of all that are shown.
    return rule(
        route,
        "not tried",
        "why",
        to.found().isPresent() ? "another is more particular" : "rules with this verb come first",
        "service",
        service);
  }

  private static Map<String, Object> notServed(RouteTable.Conflict conflict) {
    return rule(
        conflict.refused(),
        "not served",
        "why",
        "its path is "
            + conflict.owner()
            + "'s"
            + conflict.holder().map(h -> ", for " + h).orElse(""),
        "service",
        conflict.refused().rpc().service());
  }

  private static Map<String, Object> rule(Route route, String verdict, Object... more) {
    Map<String, Object> rule =
        ordered("rule", route.httpMethod() + " " + route.template().text(), "verdict", verdict);
    rule.putAll(ordered(more));
    return rule;
  }

  /** RPCs that could not be served are often those that are looked for. */
  private void notServed(Map<String, Object> tree) {
    List<Object> skipped = new ArrayList<>();
    for (ServiceSchema schema : edge.services().schemas()) {
      for (ServiceSchema.Skipped one : schema.skipped()) {
        if (skipped.size() < NOT_SERVED_MAX) {
          skipped.add(ordered("rpc", one.rpc(), "why", one.why(), "service", schema.service()));
        }
      }
    }
    if (!skipped.isEmpty()) {
      tree.put("notServed", skipped);
    }
  }

  // The message.

  private void bindings(Map<String, Object> tree) {
    Asked request = asked;
    if (request == null) {
      return;
    }
    try {
      List<Object> fields = Bindings.of(request, message.get());
      tree.put(
          "message",
          ordered(
              "type",
              request.route().transcoder().method().getInputType().getFullName(),
              "fields",
              fields));
    } catch (Refused e) {
      refused(e.problem());
    }
  }

  // What holds for the call.

  private void route(Rpc rpc, Map<String, Object> tree) {
    tree.put("access", access(rpc.access()));
    tree.put("limits", limits(rpc));
    Optional<Onward> onward = onward(rpc);
    tree.put("call", call(rpc, onward));
    onward.ifPresentOrElse(to -> to.show(tree), () -> tree.put("instances", List.of()));
    if (!edge.services().available(rpc.service())) {
      refused(Problems.noInstance(rpc.service()));
    }
  }

  /**
   * Of a service that the registry has nobody of, mesh is not asked: it would begin to follow it.
   */
  private Optional<Onward> onward(Rpc rpc) {
    SchemaWatch.View view = edge.services().views().get(rpc.service());
    return view == null || view.snapshot().instances().isEmpty()
        ? Optional.empty()
        : Optional.of(new Onward(edge.services().explain(rpc, metadata), rpc, view));
  }

  private Map<String, Object> access(Access access) {
    String needs =
        switch (access) {
          case Access.Public() -> "nothing";
          case Access.Authenticated(var roles) when roles.isEmpty() -> "a valid token";
          case Access.Authenticated(var roles) ->
              "a valid token with one of the roles " + String.join(", ", new TreeSet<>(roles));
        };
    return ordered(
        "needs",
        needs,
        "caller",
        caller(),
        "verdict",
        denied(access).isEmpty() ? "allowed" : "refused");
  }

  private String caller() {
    if (asker.user().isPresent()) {
      Caller.User user = asker.user().get();
      return "user "
          + Shown.text(user.id())
          + " with the roles "
          + String.join(", ", new TreeSet<>(user.roles()));
    }
    return "nobody: "
        + asker
            .refusal()
            // That one is required is for the access to say, which may need none.
            .filter(why -> !why.reason().equals("TOKEN_MISSING"))
            .map(Problem::message)
            .orElse("no token came along");
  }

  private List<Object> limits(Rpc rpc) {
    List<Object> limits = new ArrayList<>();
    boolean counts =
        IpAddress.of(asker.address())
            .map(one -> !edge.rates().uncounted().contains(one))
            .orElse(true);
    if (counts) {
      edge.rates().address().ifPresent(q -> limits.add(requests("address " + asker.address(), q)));
      if (asker.user().isPresent()) {
        edge.rates().principal().ifPresent(quota -> limits.add(requests("user", quota)));
      }
      rpc.quota().ifPresent(quota -> limits.add(requests("caller of this method", quota)));
    } else {
      limits.add(ordered("of", "address " + asker.address(), "requests", "not counted"));
    }
    HttpLimits all = edge.limits();
    limits.add(
        rpc.oneRequest()
            ? ordered("of", "body", "bytes", rpc.requestBytesMax())
            : ordered(
                "of", "body", "bytes", rpc.uploadBytesMax(), "ofEach", rpc.requestBytesMax()));
    limits.add(
        rpc.unary()
            ? ordered(
                "of", "calls at a time",
                "method", all.inFlightPerMethod(),
                "service", all.inFlightPerService(),
                "all", all.inFlight())
            : ordered(
                "of", "streams at a time",
                "caller", all.streamsPerPrincipal(),
                "route", all.streamsPerRoute()));
    return limits;
  }

  private static Map<String, Object> requests(String of, Quota quota) {
    return ordered("of", of, "requests", quota.requests(), "seconds", quota.windowSeconds());
  }

  private Map<String, Object> call(Rpc rpc, Optional<Onward> onward) {
    Map<String, Object> call = new LinkedHashMap<>();
    if (!rpc.unary()) {
      call.put("idle", seconds(rpc.policy().streamIdle()));
      call.put("age", seconds(rpc.policy().streamMaxAge()));
    }
    Optional<Duration> client = Optional.ofNullable(asked).flatMap(Asked::timeout);
    onward.ifPresent(to -> call.putAll(to.terms(client)));
    client.ifPresent(time -> call.put("clientWaits", seconds(time)));
    if (!rpc.fresh().isZero()) {
      call.put("answersKept", seconds(rpc.fresh()));
      call.put("ifItFails", seconds(rpc.stale()));
    }
    CircuitState circuit = edge.circuits().apply(rpc.service(), rpc.name());
    call.put("circuit", circuit.name().toLowerCase(Locale.ROOT).replace('_', ' '));
    if (circuit == CircuitState.OPEN) {
      refused(
          Problem.of(
              503,
              io.grpc.Status.Code.UNAVAILABLE,
              "CIRCUIT_OPEN",
              "calls of " + rpc.name() + " failed, and are refused for a while"));
    }
    return call;
  }

  static String seconds(Duration duration) {
    return duration.toMillisPart() == 0
        ? duration.toSeconds() + " s"
        : duration.toMillis() / 1_000.0 + " s";
  }

  private void proxy(Mount mount, Map<String, Object> tree) {
    tree.put("access", access(mount.access()));
    tree.put("limits", List.of(ordered("of", "body", "bytes", mount.bodyBytesMax())));
    tree.put("call", ordered("patience", seconds(mount.timeout()), "repeated", "never"));
    List<Object> instances = new ArrayList<>();
    for (InetSocketAddress address : edge.services().http(mount.service())) {
      instances.add(
          ordered("at", address.getHostString() + ":" + address.getPort(), "called", "in turn"));
    }
    tree.put("instances", instances);
    if (instances.isEmpty()) {
      refused(Problems.noInstance(mount.service()));
    }
  }
}
