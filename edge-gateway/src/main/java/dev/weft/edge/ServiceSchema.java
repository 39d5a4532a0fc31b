package dev.weft.edge;

import com.google.api.AnnotationsProto;
import com.google.api.HttpRule;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import com.google.rpc.ErrorDetailsProto;
import dev.weft.mesh.CallPolicy;
import dev.weft.mesh.InstanceSet;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import dev.weft.transcoder.BadMessage;
import dev.weft.transcoder.Schema;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/**
 * What the edge can serve of one service: its routes, and what it had to leave out and why.
 * Immutable.
 *
 * @param service its name in the registry
 * @param contracts what all this was read from: one, or those of instances that differ
 * @param named the ways to its RPCs by their names: of those with an HTTP rule, and of those that
 *     say they are for anybody
 * @param rules what operators state of it in the place of the contract
 * @param ignored of that, what cannot be followed
 */
record ServiceSchema(
    String service,
    List<Reflected> contracts,
    List<Route> routes,
    List<Route> named,
    List<Skipped> skipped,
    HttpRules rules,
    List<Skipped> ignored) {

  /** The file that declares our method options. Who imports it means what it does not say. */
  private static final String OPTIONS_FILE = "weft/options/v1/options.proto";

  private static final int REQUEST_BYTES_DEFAULT = 64 * 1024;
  private static final long UPLOAD_BYTES_DEFAULT = 100 * 1024 * 1024;
  private static final long REUSE_SECONDS_MAX = 24 * 3_600;
  private static final int REQUEST_BYTES_MAX = 10 * 1024 * 1024;
  private static final Duration READ_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration WRITE_TIMEOUT = Duration.ofSeconds(5);

  /** An RPC with an HTTP rule that is not served. */
  record Skipped(String rpc, String why) {}

  ServiceSchema {
    contracts = List.copyOf(contracts);
    routes = List.copyOf(routes);
    named = List.copyOf(named);
    skipped = List.copyOf(skipped);
    ignored = List.copyOf(ignored);
  }

  /** Reads the contract of a service, of which operators say nothing. */
  static ServiceSchema of(String service, Reflected reflected, Access foreignDefault) {
    return of(service, reflected, foreignDefault, HttpRules.NONE);
  }

  /**
   * Reads the contract of a service.
   *
   * @param foreignDefault who may call what has an HTTP rule in a contract that does not know our
   *     options
   * @param rules in the place of those in the contract; one that cannot be followed leaves that in
   *     the contract
   * @throws InvalidRule if the descriptors contradict themselves
   */
  static ServiceSchema of(
      String service, Reflected reflected, Access foreignDefault, HttpRules rules) {
    HttpRules its = rules.about(reflected.services());
    Map<String, FileDescriptor> files = reflected.link();
    List<FileDescriptor> known = new ArrayList<>(files.values());
    known.add(ErrorDetailsProto.getDescriptor());
    Schema types = Schema.of(known);
    Map<String, ServiceDescriptor> byName = new HashMap<>();
    for (FileDescriptor file : files.values()) {
      file.getServices().forEach(s -> byName.put(s.getFullName(), s));
    }
    List<Route> routes = new ArrayList<>();
    List<Route> named = new ArrayList<>();
    List<Skipped> skipped = new ArrayList<>();
    List<Skipped> ignored = new ArrayList<>();
    for (String name : reflected.services()) {
      ServiceDescriptor descriptor = byName.get(name);
      if (descriptor == null) {
        continue;
      }
      boolean ours = imports(descriptor.getFile(), OPTIONS_FILE, new HashSet<>());
      Access access = ours ? new Access.Authenticated(Set.of()) : foreignDefault;
      for (MethodDescriptor method : descriptor.getMethods()) {
        MethodPolicy policy = method.getOptions().getExtension(OptionsProto.method);
        Optional<HttpRule> own =
            method.getOptions().hasExtension(AnnotationsProto.http)
                ? Optional.of(method.getOptions().getExtension(AnnotationsProto.http))
                : Optional.empty();
        Optional<HttpRule> stated = its.rule(method.getFullName());
        boolean ruled = own.isPresent() || stated.isPresent();
        if (!ruled && policy.getAccess() != MethodPolicy.Access.ACCESS_PUBLIC) {
          continue;
        }
        try {
          Rpc rpc = rpc(service, method, policy, access);
          Route whole = Route.named(rpc, whole(method, types, policy.getLenient()));
          rpc.fallback().ifPresent(reply -> checkSayable(whole.transcoder(), reply));
          Optional<HttpRule> followed = own;
          if (stated.isPresent()) {
            try {
              routes.addAll(
                  routes(stated.get(), method, rpc, types, policy.getLenient()).stream()
                      .map(route -> its.decodesSlashes() ? route.decodingSlashes() : route)
                      .toList());
              followed = Optional.empty();
            } catch (InvalidRule e) {
              ignored.add(new Skipped(method.getFullName(), String.valueOf(e.getMessage())));
              if (own.isEmpty() && policy.getAccess() != MethodPolicy.Access.ACCESS_PUBLIC) {
                continue;
              }
            }
          }
          if (followed.isPresent()) {
            routes.addAll(routes(followed.get(), method, rpc, types, policy.getLenient()));
          }
          named.add(whole);
        } catch (InvalidRule e) {
          skipped.add(new Skipped(method.getFullName(), String.valueOf(e.getMessage())));
        }
      }
    }
    Locations locations = new Locations(routes);
    return new ServiceSchema(
        service,
        List.of(reflected),
        routes.stream().map(locations::located).toList(),
        named,
        skipped,
        its,
        ignored);
  }

  /**
   * What instances of one service serve that tell different contracts: every RPC that one of them
   * has, as the first of them tells it.
   *
   * @param at where to call an RPC, by the fingerprints of the contracts that have it; empty for
   *     all instances
   */
  static ServiceSchema together(
      List<ServiceSchema> told, Function<Set<String>, Optional<InstanceSet>> at) {
    ServiceSchema first = told.getFirst();
    if (told.size() == 1 && at.apply(Set.of(first.fingerprint())).isEmpty()) {
      return first;
    }
    Map<String, Set<String>> having = new LinkedHashMap<>();
    Map<String, String> teller = new HashMap<>();
    for (ServiceSchema one : told) {
      for (Route route : one.named()) {
        String rpc = route.rpc().name();
        having.computeIfAbsent(rpc, _ -> new HashSet<>()).add(one.fingerprint());
        teller.putIfAbsent(rpc, one.fingerprint());
      }
    }
    Map<String, Optional<InstanceSet>> places = new HashMap<>();
    having.forEach((rpc, contracts) -> places.put(rpc, at.apply(Set.copyOf(contracts))));
    List<Route> routes = new ArrayList<>();
    List<Route> named = new ArrayList<>();
    for (ServiceSchema one : told) {
      Predicate<Route> tellsIt = route -> one.fingerprint().equals(teller.get(route.rpc().name()));
      UnaryOperator<Route> placed =
          route -> route.at(places.getOrDefault(route.rpc().name(), Optional.empty()));
      one.routes().stream().filter(tellsIt).map(placed).forEach(routes::add);
      one.named().stream().filter(tellsIt).map(placed).forEach(named::add);
    }
    return new ServiceSchema(
        first.service(),
        told.stream().flatMap(one -> one.contracts().stream()).toList(),
        routes,
        named,
        told.stream()
            .flatMap(one -> one.skipped().stream())
            .filter(skipped -> !teller.containsKey(skipped.rpc()))
            .distinct()
            .toList(),
        told.stream().map(ServiceSchema::rules).reduce(HttpRules.NONE, HttpRules::and),
        told.stream().flatMap(one -> one.ignored().stream()).distinct().toList());
  }

  /** The same with its routes in the order of these RPCs. */
  ServiceSchema inOrder(List<String> rpcs) {
    Map<String, Integer> place = new HashMap<>();
    rpcs.forEach(rpc -> place.put(rpc, place.size()));
    List<Route> sorted =
        routes.stream()
            .sorted(Comparator.comparing(route -> place.getOrDefault(route.rpc().name(), 0)))
            .toList();
    return new ServiceSchema(service, contracts, sorted, named, skipped, rules, ignored);
  }

  /** Equal for equal contracts. */
  String fingerprint() {
    return contracts.stream().map(Reflected::fingerprint).collect(Collectors.joining("+"));
  }

  /** The instances that some RPCs are called at alone; mostly none. */
  Set<InstanceSet> places() {
    return named.stream().flatMap(route -> route.rpc().at().stream()).collect(Collectors.toSet());
  }

  /** The full names of the gRPC services it is made of, sorted. */
  List<String> grpcServices() {
    return contracts.stream()
        .flatMap(contract -> contract.services().stream())
        .distinct()
        .sorted()
        .toList();
  }

  private static List<Route> routes(
      HttpRule rule, MethodDescriptor method, Rpc rpc, Schema types, boolean lenient) {
    List<Route> routes = new ArrayList<>();
    routes.add(route(rule, method, rpc, types, lenient));
    for (HttpRule more : rule.getAdditionalBindingsList()) {
      if (more.getAdditionalBindingsCount() > 0) {
        throw new InvalidRule("additional_bindings inside additional_bindings");
      }
      routes.add(route(more, method, rpc, types, lenient));
    }
    return routes;
  }

  /** Messages as they are, without any rule. */
  private static Transcoder whole(MethodDescriptor method, Schema types, boolean lenient) {
    return new Transcoder(
        method, types, lenient, new Transcoder.Binding(false, List.of(), "*", "", false));
  }

  /** What is answered while nothing works must not be what fails. */
  private static void checkSayable(Transcoder transcoder, ByteString reply) {
    try {
      var _ = transcoder.response(reply.toByteArray(), Optional.empty());
    } catch (BadMessage e) {
      throw new InvalidRule("fallback: " + e.getMessage());
    }
  }

  private static Optional<Access> access(MethodPolicy policy, Access defaultAccess) {
    return switch (policy.getAccess()) {
      case ACCESS_PUBLIC -> Optional.of(new Access.Public());
      case ACCESS_AUTHENTICATED ->
          Optional.of(new Access.Authenticated(Set.copyOf(policy.getRolesList())));
      case ACCESS_UNSPECIFIED ->
          Optional.of(
              policy.getRolesCount() == 0
                  ? defaultAccess
                  : new Access.Authenticated(Set.copyOf(policy.getRolesList())));
      // What a newer contract says and this edge does not know is not for strangers.
      case ACCESS_SERVICE, UNRECOGNIZED -> Optional.empty();
    };
  }

  private static Rpc rpc(
      String service, MethodDescriptor method, MethodPolicy policy, Access defaultAccess) {
    Access access =
        access(policy, defaultAccess)
            .orElseThrow(
                () -> new InvalidRule("it has an HTTP rule but only services may call it"));
    if (method.getInputType().getFile().isPlaceholder()
        || method.getOutputType().getFile().isPlaceholder()) {
      throw new InvalidRule("a file its messages need was not reflected");
    }
    var grpc = Rpc.bytes(method);
    CallPolicy stated;
    try {
      stated = CallPolicy.of(method);
    } catch (IllegalArgumentException e) {
      throw new InvalidRule(String.valueOf(e.getMessage()));
    }
    Duration timeout =
        policy.hasTimeout() ? stated.timeout() : grpc.isSafe() ? READ_TIMEOUT : WRITE_TIMEOUT;
    int status = policy.getSuccessStatus() == 0 ? 200 : policy.getSuccessStatus();
    if (status < 200 || status > 299 || status == 205 || status == 206) {
      throw new InvalidRule(
          "success_status: " + status + " (expected: 200 to 299, not 205 or 206)");
    }
    long bytes = policy.getMaxRequestBytes();
    if (bytes < 0 || bytes > REQUEST_BYTES_MAX) {
      throw new InvalidRule(
          "max_request_bytes: " + bytes + " (expected: at most " + REQUEST_BYTES_MAX + ")");
    }
    return new Rpc(
        service,
        grpc,
        access,
        new CallPolicy(timeout, grpc.isSafe(), stated.streamIdle(), stated.streamMaxAge())
            // Those have their room at the edge, of its own limits.
            .withInFlightMax(CallPolicy.UNBOUNDED)
            .withHedgeAfter(stated.hedgeAfter()),
        status,
        bytes == 0 ? REQUEST_BYTES_DEFAULT : (int) bytes,
        uploadBytes(policy),
        reuse("max_age", policy.getCache().getMaxAge(), grpc.isSafe()),
        reuse("stale_if_error", policy.getCache().getStaleIfError(), grpc.isSafe()),
        stated.fallback(),
        quota(policy),
        EndOfLife.headers(method),
        Optional.empty());
  }

  private static long uploadBytes(MethodPolicy policy) {
    long bytes = policy.getMaxUploadBytes();
    if (bytes < 0) {
      throw new InvalidRule("max_upload_bytes: " + bytes + " (expected: not below 0)");
    }
    return bytes == 0 ? UPLOAD_BYTES_DEFAULT : bytes;
  }

  /** What has effects is called each time, whatever its contract says. */
  private static Duration reuse(String what, com.google.protobuf.Duration stated, boolean safe) {
    long seconds = stated.getSeconds();
    if (seconds < 0 || seconds > REUSE_SECONDS_MAX) {
      throw new InvalidRule(
          "cache." + what + ": " + seconds + " s (expected: at most " + REUSE_SECONDS_MAX + ")");
    }
    return safe ? Duration.ofSeconds(seconds) : Duration.ZERO;
  }

  private static Optional<Quota> quota(MethodPolicy policy) {
    if (!policy.hasRateLimit()) {
      return Optional.empty();
    }
    int requests = policy.getRateLimit().getRequests();
    var window = policy.getRateLimit().getWindow();
    try {
      return Optional.of(
          Quota.of(requests, Duration.ofSeconds(window.getSeconds(), window.getNanos())));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new InvalidRule("rate_limit." + e.getMessage());
    }
  }

  private static Route route(
      HttpRule rule, MethodDescriptor method, Rpc rpc, Schema types, boolean lenient) {
    String httpMethod;
    String path;
    switch (rule.getPatternCase()) {
      case GET -> {
        httpMethod = "GET";
        path = rule.getGet();
      }
      case PUT -> {
        httpMethod = "PUT";
        path = rule.getPut();
      }
      case POST -> {
        httpMethod = "POST";
        path = rule.getPost();
      }
      case DELETE -> {
        httpMethod = "DELETE";
        path = rule.getDelete();
      }
      case PATCH -> {
        httpMethod = "PATCH";
        path = rule.getPatch();
      }
      case CUSTOM -> {
        httpMethod = rule.getCustom().getKind();
        path = rule.getCustom().getPath();
        if (!httpMethod.equals(Route.ANY_METHOD) && !httpMethod.matches("[A-Z][A-Z-]{0,19}")) {
          throw new InvalidRule("custom kind \"" + httpMethod + "\" is no HTTP method");
        }
      }
      default -> throw new InvalidRule("the HTTP rule has no pattern");
    }
    if (!rule.getBody().isEmpty() && (httpMethod.equals("GET") || httpMethod.equals("HEAD"))) {
      throw new InvalidRule("a body with " + httpMethod);
    }
    PathTemplate template = PathTemplate.parse(path);
    // A stream of messages can only come as bodies, whether or not the rule says it.
    String body = rule.getBody().isEmpty() && method.isClientStreaming() ? "*" : rule.getBody();
    Transcoder transcoder =
        new Transcoder(
            method,
            types,
            lenient,
            new Transcoder.Binding(
                httpMethod.equals("PATCH"),
                template.variables(),
                body,
                rule.getResponseBody(),
                true));
    return new Route(httpMethod, template, rpc, transcoder, Optional.empty());
  }

  private static boolean imports(FileDescriptor file, String wanted, Set<String> seen) {
    if (file.getFullName().equals(wanted)) {
      return true;
    }
    if (!seen.add(file.getFullName())) {
      return false;
    }
    // Also what was named and not given counts: it was meant.
    return file.toProto().getDependencyList().contains(wanted)
        || file.getDependencies().stream().anyMatch(d -> imports(d, wanted, seen));
  }
}
