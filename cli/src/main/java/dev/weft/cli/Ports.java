package dev.weft.cli;

import dev.weft.durable.LocalPorts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Where everything listens, by the name of the process: the fixed defaults, or free ports.
 *
 * @param main the port a process is there for
 * @param management where it answers {@code /livez}, {@code /readyz}, {@code /metrics}, {@code
 *     /info}; only for processes that have such a port
 */
record Ports(Map<String, Integer> main, Map<String, Integer> management) {

  /** Beside its HTTP port, a real Consul needs these; nobody else talks to them. */
  static final List<String> CONSUL_EXTRA =
      List.of("consul-server", "consul-serf-lan", "consul-serf-wan");

  /** What the ports of another instance of a service are higher by. */
  private static final int NEXT_INSTANCE = 10;

  static Ports fixed() {
    return fixed(Instances.SINGLE);
  }

  static Ports fixed(Instances instances) {
    Map<String, Integer> main = new LinkedHashMap<>();
    main.put(Programs.EDGE, 8080);
    main.put(Programs.USER, 9101);
    main.put(Programs.ORDER, 9102);
    main.put(Programs.PAYMENT, 9103);
    main.put(Programs.INVENTORY, 9104);
    main.put(Programs.CARD_NETWORK, 9105);
    main.put(Programs.REGISTRY, 8500);
    main.put(Programs.DATABASE, 9432);
    main.put("consul-server", 8300);
    main.put("consul-serf-lan", 8301);
    main.put("consul-serf-wan", 8302);
    Map<String, Integer> management = new LinkedHashMap<>();
    management.put(Programs.EDGE, 8081);
    for (String instance : instances.all()) {
      String service = Instances.service(instance);
      int port = main.getOrDefault(service, 0) + NEXT_INSTANCE * (Instances.number(instance) - 1);
      main.put(instance, port);
      management.put(instance, port + 1000);
    }
    return new Ports(main, management);
  }

  static Ports free() {
    return free(Instances.SINGLE);
  }

  /** As many different free ports; another program may still take one before we do. */
  static Ports free(Instances instances) {
    Ports fixed = fixed(instances);
    Map<String, Integer> main = new LinkedHashMap<>();
    Map<String, Integer> management = new LinkedHashMap<>();
    try (var held = new Held(new ArrayList<>())) {
      for (String name : fixed.main.keySet()) {
        main.put(name, held.another());
      }
      for (String name : fixed.management.keySet()) {
        management.put(name, held.another());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Ports(main, management);
  }

  int of(String process) {
    return main.getOrDefault(process, 0);
  }

  int managementOf(String process) {
    return management.getOrDefault(process, 0);
  }

  /**
   * Throws {@link Trouble} that names the first port somebody else listens on, and who.
   *
   * @param bind the address a process will listen on
   * @param bindManagement the address of the management ports
   */
  void insistOnFree(
      boolean realConsul, Function<String, InetAddress> bind, InetAddress bindManagement) {
    for (var port : main.entrySet()) {
      if (realConsul || !CONSUL_EXTRA.contains(port.getKey())) {
        insistOnFree(port.getKey(), bind.apply(port.getKey()), port.getValue());
      }
    }
    for (var port : management.entrySet()) {
      insistOnFree(port.getKey() + " management", bindManagement, port.getValue());
    }
  }

  private static void insistOnFree(String name, InetAddress bind, int port) {
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(bind, port));
    } catch (IOException e) {
      throw new Trouble(
          "port "
              + port
              + " ("
              + name
              + ") is taken"
              + PortOwner.of(port).map(owner -> " by " + owner).orElse("")
              + ": stop that program, or run ./weft up --isolated");
    }
  }

  /** Ports that stay taken until all are found, so that none is found twice. */
  private record Held(List<ServerSocket> sockets) implements AutoCloseable {
    int another() throws IOException {
      ServerSocket socket = LocalPorts.hold();
      sockets.add(socket);
      return socket.getLocalPort();
    }

    @Override
    public void close() throws IOException {
      for (ServerSocket socket : sockets) {
        socket.close();
      }
    }
  }
}
