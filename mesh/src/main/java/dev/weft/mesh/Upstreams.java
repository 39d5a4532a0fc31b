package dev.weft.mesh;

import dev.weft.consul.Health;
import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.consul.Subscription;
import dev.weft.consul.Weights;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Services that are called at addresses that are said by name, whatever the registry knows of them:
 * the simple mode, for names of a compose file, of DNS, or of a service outside of the mesh. {@code
 * NAME=HOST:PORT}, with more addresses behind semicolons and more services behind commas: {@code
 * user-svc=users:9091,order-svc=orders-1:9092;orders-2:9092}.
 *
 * <p>All addresses that a host's name has are instances, as healthy as their connections are. Names
 * are looked up every 5 s, and the JDK keeps an answer for 30 s; a name that cannot be looked up
 * any more keeps its last addresses. No config entry of the registry routes these calls; all else
 * of the mesh (deadlines, retries, circuits, balancing, TLS) is as for others. That includes the
 * certificates, which only a registry gives: without one, or for a service outside of the mesh, TLS
 * has to be off, for all ({@code WEFT_TLS=off}) or for these services ({@code
 * WEFT_PLAINTEXT_UPSTREAMS}, which serves a process that only calls).
 *
 * @param hosts by the name of the service
 */
public record Upstreams(Map<String, List<Host>> hosts) {
  /** None: all services are those of the registry. */
  public static final Upstreams NONE = new Upstreams(Map.of());

  private static final Duration LOOK_UP_EVERY = Duration.ofSeconds(5);
  private static final int MAX_PORT = 65_535;
  private static final String EXPECTED = "NAME=HOST:PORT[;HOST:PORT...][,...]";
  private static final Logger log = LoggerFactory.getLogger(Upstreams.class);

  public Upstreams {
    hosts = Map.copyOf(hosts);
  }

  /** A name, or an address; of version 6 without brackets. */
  public record Host(String name, int port) {
    private static Host parse(String text) {
      int colon = text.lastIndexOf(':');
      String name = colon < 0 ? "" : text.substring(0, colon);
      if (name.startsWith("[") && name.endsWith("]")) {
        name = name.substring(1, name.length() - 1);
      } else if (name.contains(":")) {
        throw new IllegalArgumentException(EXPECTED);
      }
      if (name.isEmpty()) {
        throw new IllegalArgumentException(EXPECTED);
      }
      try {
        int port = Integer.parseInt(text.substring(colon + 1));
        if (port > 0 && port <= MAX_PORT) {
          return new Host(name, port);
        }
      } catch (NumberFormatException _) {
        // As a port that is none.
      }
      throw new IllegalArgumentException(EXPECTED + ", a port being 1 to " + MAX_PORT);
    }
  }

  /**
   * Reads the form above.
   *
   * @throws IllegalArgumentException if it is another; its message says which is expected
   */
  public static Upstreams parse(String text) {
    Map<String, List<Host>> hosts = new LinkedHashMap<>();
    for (String one : text.split(",", -1)) {
      int equals = one.indexOf('=');
      String name = one.substring(0, Math.max(0, equals)).strip();
      if (name.isEmpty()) {
        throw new IllegalArgumentException(EXPECTED);
      }
      List<Host> all = new ArrayList<>();
      for (String host : one.substring(equals + 1).split(";", -1)) {
        all.add(Host.parse(host.strip()));
      }
      if (hosts.put(name, List.copyOf(all)) != null) {
        throw new IllegalArgumentException(EXPECTED + ", each name once");
      }
    }
    return new Upstreams(hosts);
  }

  /** Whether it says where the service is. */
  boolean has(String service) {
    return hosts.containsKey(service);
  }

  /**
   * Calls the listener with the service's instances at once and after each change, on a thread of
   * its own, until the subscription is closed.
   */
  Subscription watch(String service, Consumer<ServiceSnapshot> listener) {
    List<Host> all = hosts.getOrDefault(service, List.of());
    Thread thread =
        Thread.ofVirtual()
            .name("weft-upstream-" + service)
            .start(() -> follow(service, all, listener));
    return thread::interrupt;
  }

  private static void follow(String service, List<Host> hosts, Consumer<ServiceSnapshot> listener) {
    Map<Host, List<ServiceInstance>> known = new HashMap<>();
    Set<Host> unknown = new HashSet<>();
    ServiceSnapshot told = null;
    while (!Thread.currentThread().isInterrupted()) {
      for (Host host : hosts) {
        try {
          known.put(host, instances(service, host));
          unknown.remove(host);
        } catch (UnknownHostException e) {
          if (unknown.add(host)) {
            log.warn("{} at {} cannot be looked up, trying on", service, host.name(), e);
          }
        }
      }
      List<ServiceInstance> now = known.values().stream().flatMap(List::stream).distinct().toList();
      ServiceSnapshot snapshot = new ServiceSnapshot(service, now, !unknown.isEmpty());
      if (!snapshot.equals(told)) {
        told = snapshot;
        listener.accept(snapshot);
      }
      try {
        Thread.sleep(LOOK_UP_EVERY);
      } catch (InterruptedException e) {
        return; // Nobody listens any more.
      }
    }
  }

  private static List<ServiceInstance> instances(String service, Host host)
      throws UnknownHostException {
    List<ServiceInstance> instances = new ArrayList<>();
    for (InetAddress address : InetAddress.getAllByName(host.name())) {
      String ip = address.getHostAddress();
      instances.add(
          new ServiceInstance(
              ip + ":" + host.port(),
              service,
              ip,
              host.port(),
              List.of(),
              Map.of(),
              Weights.EQUAL,
              Health.PASSING,
              List.of(),
              host.name(),
              "",
              false));
    }
    return instances;
  }
}
