package dev.weft.cli;

import dev.weft.durable.LocalPostgres;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * The processes a system is made of: the command and the environment of each, and where it answers.
 *
 * <p>{@code WEFT_BIND} is where they listen (127.0.0.1), except for the registry and the database,
 * which never leave loopback, and for the edge's public port if {@code WEFT_BIND_PUBLIC} says
 * otherwise.
 */
final class Programs {
  static final String EDGE = "edge-gateway";
  static final String USER = "user-svc";
  static final String ORDER = "order-svc";
  static final String PAYMENT = "payment-svc";
  static final String INVENTORY = "inventory-svc";
  static final String CARD_NETWORK = "card-network";
  static final String REGISTRY = "registry";
  static final String DATABASE = "postgres";

  /** Not a process: who looks at events and dead letters, by a key that no process is given. */
  static final String OPERATOR = "operator";

  static final List<String> SERVICES = List.of(USER, ORDER, PAYMENT, INVENTORY);

  private static final Map<String, String> MAIN =
      Map.of(
          EDGE, "dev.weft.edge.EdgeServer",
          USER, "dev.weft.user.UserServer",
          ORDER, "dev.weft.order.OrderServer",
          PAYMENT, "dev.weft.payment.PaymentServer",
          INVENTORY, "dev.weft.inventory.InventoryServer",
          CARD_NETWORK, "dev.weft.card.CardNetworkServer");
  private static final String BIND = "WEFT_BIND";
  private static final String WEBHOOK_SECRET = "WEFT_CARD_WEBHOOK_SECRET_FILE";
  private static final String EVENTS_URL = "WEFT_EVENTS_URL";
  private static final String REDIS_URL = "REDIS_URL";
  private static final String UNCOUNTED = "WEFT_UNCOUNTED_ADDRESSES";
  private static final String COMMENTS = "WEFT_DOCS_COMMENTS";
  private static final String DESCRIPTORS = "WEFT_DESCRIPTORS_DIR";

  /** What the edge reads; it runs in another folder than {@code ./weft}. */
  private static final List<String> FILES_OF_THE_EDGE =
      List.of(COMMENTS, DESCRIPTORS, "WEFT_TLS_CERT_FILE", "WEFT_TLS_KEY_FILE");

  private static final String BIND_PUBLIC = "WEFT_BIND_PUBLIC";
  private static final String TLS = "WEFT_TLS";
  private static final String LOOPBACK = "127.0.0.1";
  private static final int HEAP_MEGABYTES = 96;

  /** In a URL, with or without a user before it. */
  private static final Pattern HOST_AND_PORT = Pattern.compile("(?<=//|@)[^/@]+(?=/|$)");

  private final StateDir dir;
  private final Ports ports;
  private final RegistryChoice registry;
  private final StagedBuild build;
  private final Detours detours;
  private final Instances instances;
  private final Map<String, String> given;
  private final RegistryTokens tokens;
  private final InetAddress bind;
  private final InetAddress bindPublic;

  /**
   * Throws {@link Trouble} if an address in the environment is none.
   *
   * @param detours where others than the one who listens are to be reached
   * @param given the environment of {@code ./weft} itself, which every process inherits
   */
  Programs(
      StateDir dir,
      Ports ports,
      RegistryChoice registry,
      StagedBuild build,
      Detours detours,
      Instances instances,
      Map<String, String> given) {
    this.dir = dir;
    this.ports = ports;
    this.registry = registry;
    this.build = build;
    this.detours = detours;
    this.instances = instances;
    this.given = given;
    this.tokens = new RegistryTokens(given);
    this.bind = address(BIND, LOOPBACK);
    this.bindPublic = address(BIND_PUBLIC, bind.getHostAddress());
  }

  /**
   * The environment given to a system of its own, which is there to be tested or measured: whoever
   * does that plays many people from one address, so those of this machine are not counted.
   */
  static Map<String, String> isolated(Map<String, String> given) {
    Map<String, String> environment = new HashMap<>(given);
    environment.putIfAbsent(UNCOUNTED, "127.0.0.0/8,::1");
    return environment;
  }

  /** Throws {@link Trouble} that names the first port somebody else listens on, and who. */
  void insistOnFreePorts() {
    ports.insistOnFree(
        registry.isLocalConsul(),
        process -> {
          if (process.equals(EDGE)) {
            return bindPublic;
          }
          return process.equals(CARD_NETWORK) || Instances.isInstance(process)
              ? bind
              : InetAddress.getLoopbackAddress();
        },
        bind);
  }

  /** Every process that runs a service, by name. */
  List<String> services() {
    return instances.all();
  }

  boolean startsRegistry() {
    return !registry.isExternal();
  }

  ProcessSpec registry() {
    return registry.process(dir, ports, build);
  }

  ProcessSpec database(LocalPostgres server) {
    Map<String, String> environment = new HashMap<>(server.environment());
    environment.putAll(RegistryTokens.NONE);
    return new ProcessSpec(DATABASE, server.command(), environment, dir.folder("postgres"), "INT");
  }

  ProcessSpec cardNetwork() {
    Map<String, String> environment = common(CARD_NETWORK);
    environment.put("WEFT_DATA_DIR", dir.folder("card-network").toString());
    environment.put("WEFT_CARD_WEBHOOK_URL", managementUrl(PAYMENT) + "/webhooks/card-network");
    environment.put(WEBHOOK_SECRET, webhookSecret());
    return java(CARD_NETWORK, environment);
  }

  /** One instance of a service. */
  ProcessSpec service(String instance, ServiceKeys keys, String databaseUrl) {
    String service = Instances.service(instance);
    Map<String, String> environment = onTheMesh(instance, keys);
    environment.put("DATABASE_URL", via(service, DATABASE, databaseUrl));
    environment.putAll(given(EVENTS_URL));
    String version = instances.versions().get(instance);
    if (version != null) {
      environment.put("WEFT_VERSION", version);
    }
    if (service.equals(INVENTORY)) {
      environment.putAll(given(REDIS_URL));
    }
    detours
        .to(instance)
        .ifPresent(port -> environment.put("WEFT_ADVERTISE", LOOPBACK + ":" + port));
    if (service.equals(USER)) {
      environment.put("WEFT_BOOTSTRAP_ADMIN_FILE", DemoData.bootstrapAdmin(dir));
    }
    if (service.equals(PAYMENT)) {
      environment.put("WEFT_CARD_NETWORK_URL", via(service, CARD_NETWORK, url(CARD_NETWORK)));
      environment.put(WEBHOOK_SECRET, webhookSecret());
    }
    return java(instance, environment);
  }

  ProcessSpec edge(ServiceKeys keys) {
    Map<String, String> environment = onTheMesh(EDGE, keys);
    // Where it keeps contracts, so that a restarted edge knows the routes of services still down.
    environment.put("WEFT_CACHE_DIR", dir.folder("edge").toString());
    environment.put(UNCOUNTED, given.getOrDefault(UNCOUNTED, ""));
    // What the contracts' authors wrote is in the build. Sets that somebody else keeps have it,
    // too.
    if (given.getOrDefault(DESCRIPTORS, "").isEmpty()) {
      environment.put(COMMENTS, build.contracts().toString());
    }
    for (String file : FILES_OF_THE_EDGE) {
      String said = given.getOrDefault(file, "");
      if (!said.isEmpty()) {
        environment.put(file, Path.of(said).toAbsolutePath().toString());
      }
    }
    environment.putAll(given(REDIS_URL));
    // To go on serving after the goodbye is for callers that have another edge to turn to.
    environment.put("WEFT_DRAIN_WAIT", given.getOrDefault("WEFT_DRAIN_WAIT", "PT0.1S"));
    return java(EDGE, environment);
  }

  /** An address with a password, as it was given to {@code ./weft}: by itself or in a file. */
  private Map<String, String> given(String address) {
    String file = given.getOrDefault(address + "_FILE", "");
    return Map.of(
        address,
        given.getOrDefault(address, ""),
        address + "_FILE",
        // A service runs in another folder.
        file.isEmpty() ? "" : Path.of(file).toAbsolutePath().toString());
  }

  /** Whether they take longer to end this time. */
  boolean writeArchives() {
    return build.writesArchives();
  }

  /** Whether services call each other without TLS, because {@code WEFT_TLS} says {@code off}. */
  boolean plaintext() {
    return given.getOrDefault(TLS, "").equals("off");
  }

  int port(String process) {
    return ports.of(process);
  }

  /** What the registry knows as an instance's port: where others reach it. */
  int registeredPort(String instance) {
    return detours.to(instance).orElse(port(instance));
  }

  int managementPort(String process) {
    return ports.managementOf(process);
  }

  /** From this machine. */
  String url(String process) {
    return url(process.equals(EDGE) ? bindPublic : bind, ports.of(process));
  }

  String managementUrl(String process) {
    return url(bind, ports.managementOf(process));
  }

  String registryUrl() {
    return registry.url(ports);
  }

  /**
   * What {@code ./weft} itself shows the registry: the operator may read what there is. Throws
   * {@link Trouble} if its file cannot be read.
   */
  Optional<String> registryToken() {
    return registry.isExternal() ? tokens.own(OPERATOR) : Optional.empty();
  }

  /** Where a person goes, by what is there. */
  Map<String, String> urls() {
    Map<String, String> urls = new LinkedHashMap<>();
    urls.put("edge", url(EDGE));
    urls.put("registry", registryUrl());
    urls.put("registryPage", registryUrl() + "/ui");
    urls.put("services", managementUrl(EDGE) + "/services");
    return urls;
  }

  private Map<String, String> onTheMesh(String process, ServiceKeys keys) {
    String service = Instances.service(process);
    Map<String, String> environment = common(process);
    environment.put("WEFT_MANAGEMENT_PORT", "" + ports.managementOf(process));
    environment.put("CONSUL_HTTP_ADDR", via(service, REGISTRY, registryUrl()));
    environment.put("WEFT_SERVICE_KEY_FILE", keys.privateKey(service).toString());
    environment.put("WEFT_SERVICE_KEYS_FILE", keys.set().toString());
    if (registry.isExternal()) { // One that is started here knows nobody's.
      environment.putAll(tokens.variables(service));
    }
    // With which it starts while the registry is away.
    environment.put("WEFT_SNAPSHOT_DIR", dir.folder("registry").resolve(process).toString());
    return environment;
  }

  /** The address of a process as another one is to be told it. */
  private String via(String from, String to, String url) {
    OptionalInt port = detours.between(from, to);
    return port.isEmpty()
        ? url
        : HOST_AND_PORT.matcher(url).replaceFirst(LOOPBACK + ":" + port.getAsInt());
  }

  /** What card-network signs with and payment-svc knows. */
  private String webhookSecret() {
    return Secrets.in(dir.folder("identity").resolve("card-webhook.secret")).toString();
  }

  private Map<String, String> common(String process) {
    Map<String, String> environment = new HashMap<>();
    environment.put("PORT", "" + ports.of(process));
    environment.put(BIND, bind.getHostAddress());
    // A person reads these logs; a fleet sets LOG_FORMAT=json.
    environment.put("LOG_FORMAT", given.getOrDefault("LOG_FORMAT", "text"));
    // Passwords are for those alone who use them.
    for (String address : List.of(EVENTS_URL, REDIS_URL)) {
      environment.put(address, "");
      environment.put(address + "_FILE", "");
    }
    environment.putAll(RegistryTokens.NONE);
    return environment;
  }

  private ProcessSpec java(String process, Map<String, String> environment) {
    String service = Instances.service(process);
    String main = MAIN.get(service);
    if (main == null) {
      throw new IllegalArgumentException(process);
    }
    return new ProcessSpec(
        process,
        build.java(service, main, HEAP_MEGABYTES),
        environment,
        dir.folder("work"),
        "TERM");
  }

  private InetAddress address(String variable, String otherwise) {
    String value = given.getOrDefault(variable, "");
    try {
      return InetAddress.getByName(value.isEmpty() ? otherwise : value);
    } catch (UnknownHostException e) {
      throw new Trouble(variable + ": " + value + " (expected: an address of this host)");
    }
  }

  private static String url(InetAddress bound, int port) {
    String host = bound.isAnyLocalAddress() ? LOOPBACK : bound.getHostAddress();
    return "http://"
        + (bound instanceof Inet6Address && !bound.isAnyLocalAddress() ? "[" + host + "]" : host)
        + ":"
        + port;
  }
}
