package dev.weft.cli;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Ports of loopback through which processes reach each other, where something stands in between: a
 * proxy that slows a network down or cuts it, say.
 *
 * <p>A line of the file is {@code order-svc=21001}: everybody who calls order-svc does so through
 * that port, which it gives to the registry as its own. Or {@code order-svc>postgres=21002}:
 * order-svc alone reaches its database so. After the {@code >} stand {@code postgres}, {@code
 * registry} or {@code card-network}.
 */
record Detours(Map<String, Integer> ports) {
  static final Detours NONE = new Detours(Map.of());

  Detours {
    ports = Map.copyOf(ports);
  }

  /** Reads a file; no file, no detours. */
  static Detours of(@Nullable Path file) {
    if (file == null) {
      return NONE;
    }
    Properties lines = new Properties();
    try (Reader reader = Files.newBufferedReader(file)) {
      lines.load(reader);
    } catch (IOException e) {
      throw new Trouble(file + " cannot be read: " + e.getMessage());
    }
    Map<String, Integer> ports = new TreeMap<>();
    for (String name : new TreeSet<>(lines.stringPropertyNames())) {
      String port = lines.getProperty(name).strip();
      if (!known().contains(name) || !port.matches("[1-9][0-9]{0,4}")) {
        throw new Trouble(
            file + ": " + name + "=" + port + " (expected: such as order-svc>postgres=21002)");
      }
      ports.put(name, Integer.valueOf(port));
    }
    return new Detours(ports);
  }

  /** Where all others reach a service, unless it is where it listens. */
  OptionalInt to(String service) {
    return port(service);
  }

  /** Where a process reaches another one, unless it is where that listens. */
  OptionalInt between(String from, String to) {
    return port(pair(from, to));
  }

  private OptionalInt port(String name) {
    Integer port = ports.get(name);
    return port == null ? OptionalInt.empty() : OptionalInt.of(port);
  }

  private static Set<String> known() {
    Set<String> names = new TreeSet<>(Programs.SERVICES);
    List<String> onTheMesh = new ArrayList<>(Programs.SERVICES);
    onTheMesh.add(Programs.EDGE);
    onTheMesh.forEach(process -> names.add(pair(process, Programs.REGISTRY)));
    Programs.SERVICES.forEach(service -> names.add(pair(service, Programs.DATABASE)));
    names.add(pair(Programs.PAYMENT, Programs.CARD_NETWORK));
    return names;
  }

  private static String pair(String from, String to) {
    return from + ">" + to;
  }
}
