package dev.weft.mesh;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.weft.consul.ConsulConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * As much of an agent as a mesh needs: it remembers what was registered, believes that all of it is
 * well, and answers blocking queries when something changes.
 */
final class FakeConsul implements AutoCloseable {
  private static final String NATIVE = "\"Connect\":{\"Native\":true}";

  private record Instance(String id, String name, String address, int port, String body) {}

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Map<String, Instance> instances = new LinkedHashMap<>();
  private final Set<Integer> failing = new HashSet<>();
  private String defaults = "";
  private final Set<Integer> warning = new HashSet<>();
  private final Set<Integer> maintained = new HashSet<>();
  private final Map<Integer, Map<String, String>> meta = new HashMap<>();
  private final Map<Integer, Integer> weights = new HashMap<>();

  /** By kind, then by name. */
  private final Map<String, Map<String, String>> entries = new HashMap<>();

  private final Map<String, String> chains = new HashMap<>();
  private Optional<TestCa> authority = Optional.empty();
  private int selfStatus = 404;
  private String self = "";
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private long index = 10;
  private boolean away;
  private boolean closed;

  /** Runs while the agent is told that an instance leaves, before it acts on it. */
  volatile Runnable onDeregister = () -> {};

  FakeConsul() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  ConsulConfig config() {
    return ConsulConfig.of("127.0.0.1:" + server.getAddress().getPort(), Optional.empty());
  }

  /** The paths of all requests so far. */
  List<String> asked() {
    return asked;
  }

  /** What was registered under this name, as JSON; null if nothing is. */
  synchronized Optional<String> registration(String name) {
    return instances.values().stream()
        .filter(instance -> instance.name.equals(name))
        .map(Instance::body)
        .findFirst();
  }

  /** Puts an instance in, without a process behind it that registers. */
  synchronized void put(String name, String address, int port) {
    String id = name + "-" + address + "-" + port;
    instances.put(id, new Instance(id, name, address, port, ""));
    changed();
  }

  synchronized void remove(String name) {
    instances.values().removeIf(instance -> instance.name.equals(name));
    changed();
  }

  /** What operators say of services, as JSON. */
  synchronized void serviceDefaults(String json) {
    defaults = json;
    changed();
  }

  /** From now on the check of the instance at this port fails. */
  synchronized void fail(int port) {
    failing.add(port);
    changed();
  }

  /** From now on the check of the instance at this port warns. */
  synchronized void warn(int port) {
    warning.add(port);
    changed();
  }

  /** From now on all checks of the instance at this port pass. */
  synchronized void pass(int port) {
    failing.remove(port);
    warning.remove(port);
    changed();
  }

  /** From now on the instance at this port is out of service, until {@link #endMaintenance}. */
  synchronized void maintain(int port) {
    maintained.add(port);
    changed();
  }

  synchronized void endMaintenance(int port) {
    maintained.remove(port);
    changed();
  }

  /** Says something about the instance at this port, beside what it registered. */
  synchronized void meta(int port, String key, String value) {
    meta.computeIfAbsent(port, _ -> new HashMap<>()).put(key, value);
    changed();
  }

  synchronized void weight(int port, int passing) {
    weights.put(port, passing);
    changed();
  }

  /** Writes a config entry. */
  synchronized void entry(String kind, String name, String fields) {
    entries
        .computeIfAbsent(kind, _ -> new LinkedHashMap<>())
        .put(
            name,
            "{\"Kind\":\"%s\",\"Name\":\"%s\",%s\"ModifyIndex\":%d}"
                .formatted(kind, name, fields, index + 1));
    changed();
  }

  /** What it says about the calls of a service, with a service-resolver for it. */
  synchronized void chain(String service, String chain) {
    chains.put(service, chain);
    entry("service-resolver", service, "");
  }

  /** Nobody says anything about a service any more. */
  synchronized void noChain(String service) {
    chains.remove(service);
    entries.values().forEach(kind -> kind.remove(service));
    changed();
  }

  /** From now on has certificates of this authority, a new one for each question of who is new. */
  synchronized void certify(TestCa ca) {
    authority = Optional.of(ca);
    changed();
  }

  /** What it says of itself, which is nothing by default. */
  synchronized void self(int status, String json) {
    selfStatus = status;
    self = json;
  }

  /** Answers nothing but errors, or answers again. */
  synchronized void away(boolean isAway) {
    away = isAway;
    changed();
  }

  /** As an agent that was started anew without its data. */
  synchronized void forgetAll() {
    instances.clear();
    index = 1;
    notifyAll();
  }

  private synchronized void changed() {
    index++;
    notifyAll();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      asked.add(path);
      String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      String last = path.substring(path.lastIndexOf('/') + 1);
      if (isAway()) {
        send(exchange, 500, "no leader");
      } else if (path.equals("/v1/agent/service/register")) {
        register(body);
        send(exchange, 200, "");
      } else if (path.startsWith("/v1/agent/service/deregister/")) {
        onDeregister.run();
        synchronized (this) {
          instances.remove(last);
          changed();
        }
        send(exchange, 200, "");
      } else if (path.startsWith("/v1/agent/health/service/id/")) {
        boolean known;
        synchronized (this) {
          known = instances.containsKey(last);
        }
        String check =
            "{\"AggregatedStatus\":\"passing\",\"Checks\":[{\"CheckID\":\""
                + last
                + ":grpc\",\"Status\":\"passing\"}]}";
        send(exchange, known ? 200 : 404, known ? check : "{}");
      } else if (path.startsWith("/v1/health/service/")) {
        String answer = health(last, exchange.getRequestURI().getQuery());
        send(exchange, isAway() ? 500 : 200, answer);
      } else if (path.startsWith("/v1/config/")) {
        awaitChange(exchange.getRequestURI().getQuery());
        String answer = entries(last);
        send(exchange, isAway() ? 500 : 200, answer);
      } else if (path.startsWith("/v1/discovery-chain/")) {
        awaitChange(exchange.getRequestURI().getQuery());
        Optional<String> chain = chain(last);
        send(exchange, isAway() ? 500 : chain.isPresent() ? 200 : 404, chain.orElse(""));
      } else if (path.equals("/v1/agent/connect/ca/roots")) {
        awaitChange(exchange.getRequestURI().getQuery());
        answer(exchange, authority().map(FakeConsul::roots));
      } else if (path.startsWith("/v1/agent/connect/ca/leaf/")) {
        awaitChange(exchange.getRequestURI().getQuery());
        answer(exchange, authority().map(ca -> leaf(ca, last)));
      } else if (path.equals("/v1/agent/self")) {
        int status;
        String told;
        synchronized (this) {
          status = selfStatus;
          told = self;
        }
        send(exchange, status, told);
      } else if (path.equals("/v1/catalog/nodes")) {
        send(exchange, 200, "[{\"Node\":\"n\"}]");
      } else {
        send(exchange, 404, "");
      }
    }
  }

  private void answer(HttpExchange exchange, Optional<String> body) throws IOException {
    send(exchange, body.isPresent() ? 200 : 404, body.orElse(""));
  }

  private synchronized Optional<TestCa> authority() {
    return authority;
  }

  private static String roots(TestCa ca) {
    return "{\"TrustDomain\":\"%s\",\"ActiveRootID\":\"1\",\"Roots\":[{\"ID\":\"1\",\"RootCert\":\"%s\",\"Active\":true}]}"
        .formatted(TestCa.DOMAIN, ca.rootPem().replace("\n", "\\n"));
  }

  private static String leaf(TestCa ca, String service) {
    TestCa.Leaf leaf = ca.leaf(service);
    return "{\"Service\":\"%s\",\"ServiceURI\":\"%s\",\"CertPEM\":\"%s\",\"PrivateKeyPEM\":\"%s\"}"
        .formatted(
            service,
            ca.uri(service),
            leaf.chainPem().replace("\n", "\\n"),
            leaf.keyPem().replace("\n", "\\n"));
  }

  private synchronized boolean isAway() {
    return away;
  }

  private synchronized void register(String body) {
    Instance instance =
        new Instance(
            field(body, "ID"),
            field(body, "Name"),
            field(body, "Address"),
            Integer.parseInt(field(body, "Port")),
            body);
    instances.put(instance.id, instance);
    changed();
  }

  private synchronized String entries(String kind) {
    if (kind.equals("service-defaults") && !defaults.isEmpty()) {
      return defaults;
    }
    return entries.getOrDefault(kind, Map.of()).values().stream()
        .collect(Collectors.joining(",", "[", "]"));
  }

  private synchronized Optional<String> chain(String service) {
    return Optional.ofNullable(chains.get(service));
  }

  private synchronized void awaitChange(String query) {
    Matcher asked = Pattern.compile("index=(\\d+)").matcher(query == null ? "" : query);
    long seen = asked.find() ? Long.parseLong(asked.group(1)) : 0;
    long before = index;
    while (seen >= index && index == before && !away && !closed) {
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        break;
      }
    }
  }

  /**
   * Instances of another datacenter are those of {@code name@datacenter}. Of filters it knows
   * {@code Service.Meta.key == value}.
   */
  private synchronized String health(String name, String query) {
    awaitChange(query);
    Matcher elsewhere = Pattern.compile("dc=([^&]+)").matcher(query == null ? "" : query);
    String asked = elsewhere.find() ? name + "@" + elsewhere.group(1) : name;
    Matcher filter =
        Pattern.compile("filter=Service\\.Meta\\.(\\w+) == (\\w+)")
            .matcher(query == null ? "" : query);
    boolean filtered = filter.find();
    return instances.values().stream()
        .filter(instance -> instance.name.equals(asked))
        .filter(
            instance -> !filtered || filter.group(2).equals(metaOf(instance).get(filter.group(1))))
        .map(instance -> json(instance, name))
        .collect(Collectors.joining(",", "[", "]"));
  }

  private Map<String, String> metaOf(Instance instance) {
    return meta.getOrDefault(instance.port, Map.of());
  }

  private String json(Instance instance, String name) {
    String status =
        failing.contains(instance.port)
            ? "critical"
            : warning.contains(instance.port) ? "warning" : "passing";
    String said =
        metaOf(instance).entrySet().stream()
            .map(e -> "\"%s\":\"%s\"".formatted(e.getKey(), e.getValue()))
            .collect(Collectors.joining(",", "{", "}"));
    return "{\"Node\":{\"Node\":\"n\",\"Address\":\"127.0.0.1\",\"Datacenter\":\"dc1\"},"
        + "\"Service\":{\"ID\":\"%s\",\"Service\":\"%s\",\"Address\":\"%s\",\"Port\":%d,\"Meta\":%s,"
            .formatted(instance.id, name, instance.address, instance.port, said)
        + (instance.body.contains(NATIVE) ? NATIVE + "," : "")
        + "\"Weights\":{\"Passing\":%d,\"Warning\":1}},\"Checks\":[{\"CheckID\":\"c\","
            .formatted(weights.getOrDefault(instance.port, 1))
        + "\"Status\":\"%s\",\"Output\":\"ok\"}".formatted(status)
        + (maintained.contains(instance.port)
            ? ",{\"CheckID\":\"_service_maintenance:%s\",\"Status\":\"critical\"}"
                .formatted(instance.id)
            : "")
        + "]}";
  }

  private void send(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    synchronized (this) {
      exchange.getResponseHeaders().set("X-Consul-Index", Long.toString(index));
    }
    exchange.getResponseHeaders().set("X-Consul-Knownleader", "true");
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  private static String field(String json, String name) {
    Matcher matcher = Pattern.compile("\"" + name + "\":\"?([^\",}]*)").matcher(json);
    if (!matcher.find()) {
      throw new IllegalArgumentException(name + " is not in " + json);
    }
    return matcher.group(1);
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    server.stop(0);
    threads.shutdownNow();
  }
}
