package dev.weft.edge;

import dev.weft.mesh.ConfigException;
import dev.weft.mesh.Env;
import dev.weft.mesh.MeshConfig;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What the edge has to be told.
 *
 * @param mesh its place on the mesh; the port is the public listener's
 * @param bindPublic the address the public listener is bound to
 * @param tokenServices the only services that users' tokens are passed on to; empty for all of ours
 * @param foreignDefault who may call what has an HTTP rule in a contract that does not know our
 *     options
 * @param owners paths that belong to one service
 * @param hops before the edge
 * @param cacheFolder where contracts and owners are kept over a restart; without it they are not
 * @param rates how many requests anybody may make
 * @param tls the public listener's certificate; without it there is plain text only
 * @param hosts names that requests may be for; empty for any
 * @param api how it describes what it serves
 * @param contracts how contracts come to be served
 * @param cacheBytes of answers that are kept at most; 0 for none
 */
record EdgeConfig(
    MeshConfig mesh,
    String bindPublic,
    Optional<Set<String>> tokenServices,
    Access foreignDefault,
    RouteOwners owners,
    TrustedHops hops,
    Optional<Path> cacheFolder,
    Cors cors,
    HttpLimits limits,
    RateLimitConfig rates,
    Optional<TlsFiles> tls,
    Set<String> hosts,
    ApiConfig api,
    ContractConfig contracts,
    int cacheBytes) {

  static final String SERVICE = "edge-gateway";

  /** Whose entries of {@code X-Forwarded-For} count. */
  static final String PROXIES = "WEFT_TRUSTED_PROXIES";

  private static final int PORT = 8080;

  /** The cache takes no more than an eighth of the heap unless it is told to. */
  private static final int HEAP_PART = 8;

  private static final int CACHE_BYTES_DEFAULT = 32 << 20;
  private static final int CACHE_BYTES_MAX = 1 << 30;

  /**
   * Reads what {@link MeshConfig#from} reads, with {@code PORT} being 8080 by default and {@code
   * WEFT_MANAGEMENT_PORT} one more, and {@code WEFT_BIND_PUBLIC} (what {@code WEFT_BIND} says),
   * {@code WEFT_TOKEN_SERVICES} (all of ours), {@code WEFT_DEFAULT_ACCESS} (authenticated), {@code
   * WEFT_TRUSTED_HOPS} (0), {@code WEFT_TRUSTED_PROXIES} (this machine), {@code WEFT_CACHE_DIR}
   * (none), {@code WEFT_CORS_ORIGINS} (none), {@code WEFT_STREAMS_PER_PRINCIPAL} (5), {@code
   * WEFT_CONNECTIONS_PER_ADDRESS} (64), {@code WEFT_HOSTS} (any), {@code WEFT_DOCS} (on), {@code
   * WEFT_DOCS_COMMENTS} (what {@code WEFT_DESCRIPTORS_DIR} says), {@code WEFT_DESCRIPTORS_DIR}
   * (none), {@code WEFT_HOLD_BREAKING} (false), {@code WEFT_EXPLAIN} (false), {@code WEFT_MCP}
   * (false), {@code WEFT_CACHE_BYTES} (32 MiB, or an eighth of the heap if that is less; 0 for no
   * cache), what {@link RateLimitConfig#from} reads and, both or neither, {@code
   * WEFT_TLS_CERT_FILE} and {@code WEFT_TLS_KEY_FILE}.
   */
  static EdgeConfig from(Env env) {
    MeshConfig mesh = withOwnManagementPort(MeshConfig.from(env, SERVICE, PORT), env);
    Optional<Path> descriptors = env.optional("WEFT_DESCRIPTORS_DIR", Path::of);
    ApiConfig api =
        new ApiConfig(
            env.optional("WEFT_DOCS", EdgeConfig::isOn).orElse(true),
            // Those sets may have comments, too.
            env.optional("WEFT_DOCS_COMMENTS", Path::of).or(() -> descriptors),
            env.optional("WEFT_EXPLAIN", EdgeConfig::isTrue).orElse(false),
            env.optional("WEFT_MCP", EdgeConfig::isTrue).orElse(false));
    return new EdgeConfig(
        mesh,
        env.or("WEFT_BIND_PUBLIC", mesh.bind()),
        env.optional("WEFT_TOKEN_SERVICES", EdgeConfig::list),
        env.optional("WEFT_DEFAULT_ACCESS", EdgeConfig::access)
            .orElse(new Access.Authenticated(Set.of())),
        owners(mesh.identity().issuerService(), api),
        hops(env),
        env.optional("WEFT_CACHE_DIR", Path::of),
        env.optional("WEFT_CORS_ORIGINS", origins -> new Cors(origins(origins)))
            .orElse(new Cors(Set.of())),
        limits(env),
        RateLimitConfig.from(env),
        tls(env),
        env.optional("WEFT_HOSTS", EdgeConfig::hosts).orElse(Set.of()),
        api,
        new ContractConfig(
            env.optional("WEFT_HOLD_BREAKING", EdgeConfig::breaking)
                .orElse(Compatibility.Policy.REPORT),
            descriptors),
        env.integer("WEFT_CACHE_BYTES", cacheBytesDefault(), 0, CACHE_BYTES_MAX));
  }

  private static Compatibility.Policy breaking(String value) {
    return switch (value) {
      case "true" -> Compatibility.Policy.HOLD;
      case "false" -> Compatibility.Policy.REPORT;
      default -> throw new IllegalArgumentException("true or false");
    };
  }

  private static int cacheBytesDefault() {
    return (int) Math.min(CACHE_BYTES_DEFAULT, Runtime.getRuntime().maxMemory() / HEAP_PART);
  }

  private static TrustedHops hops(Env env) {
    int number = env.integer("WEFT_TRUSTED_HOPS", 0, 0, TrustedHops.MAX);
    Optional<Networks> proxies = env.optional(PROXIES, Networks::parse);
    if (proxies.isPresent() && number == 0) {
      throw ConfigException.wrong(
          PROXIES, env.or(PROXIES, ""), "WEFT_TRUSTED_HOPS beside it, how many there are");
    }
    return number == 0
        ? TrustedHops.NONE
        : new TrustedHops(number, proxies.orElse(Networks.LOOPBACK));
  }

  private static RouteOwners owners(String issuer, ApiConfig api) {
    RouteOwners owners = RouteOwners.of(issuer);
    if (api.shown()) {
      owners = owners.alsoOf(SERVICE, ApiPages.PATHS);
    }
    return api.tools() ? owners.alsoOf(SERVICE, List.of(Mcp.PATH)) : owners;
  }

  private static boolean isTrue(String value) {
    return switch (value) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new IllegalArgumentException("true or false");
    };
  }

  private static boolean isOn(String value) {
    return switch (value) {
      case "on" -> true;
      case "off" -> false;
      default -> throw new IllegalArgumentException("on or off");
    };
  }

  private static Optional<TlsFiles> tls(Env env) {
    Optional<Path> certificate = env.file("WEFT_TLS_CERT_FILE");
    Optional<Path> key = env.file("WEFT_TLS_KEY_FILE");
    if (certificate.isPresent() != key.isPresent()) {
      throw ConfigException.missing(
          certificate.isPresent() ? "WEFT_TLS_KEY_FILE" : "WEFT_TLS_CERT_FILE");
    }
    return certificate.map(file -> new TlsFiles(file, key.orElseThrow()));
  }

  private static HttpLimits limits(Env env) {
    HttpLimits limits = HttpLimits.DEFAULT;
    return limits
        .withStreamsPerPrincipal(
            env.integer("WEFT_STREAMS_PER_PRINCIPAL", limits.streamsPerPrincipal(), 1, 10_000))
        .withConnections(
            limits.connections(),
            env.integer(
                "WEFT_CONNECTIONS_PER_ADDRESS",
                limits.connectionsPerAddress(),
                1,
                limits.connections()),
            limits.requestsPerConnection());
  }

  private static MeshConfig withOwnManagementPort(MeshConfig mesh, Env env) {
    int port = env.port("WEFT_MANAGEMENT_PORT", mesh.port() == 0 ? 0 : mesh.port() + 1);
    return mesh.withManagementPort(port);
  }

  private static Access access(String value) {
    return switch (value) {
      case "public" -> new Access.Public();
      case "authenticated" -> new Access.Authenticated(Set.of());
      default -> throw new IllegalArgumentException("authenticated or public");
    };
  }

  private static Set<String> origins(String value) {
    Set<String> origins = list(value);
    if (!origins.stream().allMatch(origin -> origin.matches("https?://[A-Za-z0-9.-]+(:[0-9]+)?"))) {
      throw new IllegalArgumentException("origins such as https://shop.example, with commas");
    }
    return origins;
  }

  private static Set<String> hosts(String value) {
    Set<String> hosts = list(value.toLowerCase(Locale.ROOT));
    if (!hosts.stream().allMatch(host -> host.matches("[a-z0-9._-]+|\\[[0-9a-f:.]+]"))) {
      throw new IllegalArgumentException(
          "names or addresses such as api.shop.example,[2001:db8::1], without ports");
    }
    return hosts;
  }

  private static Set<String> list(String value) {
    return Arrays.stream(value.split(",", -1))
        .map(String::strip)
        .filter(element -> !element.isEmpty())
        .collect(Collectors.toUnmodifiableSet());
  }
}
