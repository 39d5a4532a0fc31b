package dev.weft.mesh;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.weft.consul.ConsulConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
  private String defaults = "[]";
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
      } else if (path.equals("/v1/config/service-defaults")) {
        String answer;
        synchronized (this) {
          answer = defaults;
        }
        send(exchange, 200, answer);
      } else if (path.equals("/v1/catalog/nodes")) {
        send(exchange, 200, "[{\"Node\":\"n\"}]");
      } else {
        send(exchange, 404, "");
      }
    }
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

  private synchronized String health(String name, String query) {
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
    return instances.values().stream()
        .filter(instance -> instance.name.equals(name))
        .map(
            instance ->
                "{\"Node\":{\"Node\":\"n\",\"Address\":\"127.0.0.1\",\"Datacenter\":\"dc1\"},"
                    + "\"Service\":{\"ID\":\"%s\",\"Service\":\"%s\",\"Address\":\"%s\",\"Port\":%d,"
                        .formatted(instance.id, instance.name, instance.address, instance.port)
                    + (instance.body.contains(NATIVE) ? NATIVE + "," : "")
                    + "\"Weights\":{\"Passing\":1,\"Warning\":1}},\"Checks\":[{\"CheckID\":\"c\","
                    + "\"Status\":\"%s\",\"Output\":\"ok\"}]}"
                        .formatted(failing.contains(instance.port) ? "critical" : "passing"))
        .collect(Collectors.joining(",", "[", "]"));
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
