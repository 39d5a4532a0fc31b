package dev.weft.prove;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A line to each service, to which all who call it are connected, and one from each process to what
 * only it uses: its database, the registry, the card network. Thread-safe.
 */
final class Lines implements AutoCloseable {
  private static final List<String> SERVICES =
      List.of(Shop.USER, Shop.ORDER, Shop.PAYMENT, Shop.INVENTORY);

  private final Callers callers = new Callers(this::pids);
  private final Map<String, Line> lines = new LinkedHashMap<>();
  private final Map<String, Integer> diverted = new ConcurrentHashMap<>(); // ports by service
  private volatile @Nullable Shop shop;

  Lines() {
    try {
      for (String service : SERVICES) {
        lines.put(service, new Line(service, () -> reached(service), callers::of));
        open(service + ">" + Shop.POSTGRES, Shop.POSTGRES, _ -> service);
        open(service + ">" + Shop.REGISTRY, Shop.REGISTRY, _ -> service);
      }
      open(Shop.EDGE + ">" + Shop.REGISTRY, Shop.REGISTRY, _ -> Shop.EDGE);
      open(Shop.PAYMENT + ">" + Shop.CARD_NETWORK, Shop.CARD_NETWORK, _ -> Shop.PAYMENT);
    } catch (IOException e) {
      close();
      throw new UncheckedIOException(e);
    }
  }

  /** Says where they lead. */
  void leadTo(Shop to) {
    shop = to;
  }

  /** Says which process is at the other end of a connection, once it is known where they lead. */
  Callers callers() {
    return callers;
  }

  /** The one that callers of a service use. */
  Line to(String service) {
    return line(service);
  }

  /** The one that a process reaches something by. */
  Line between(String from, String to) {
    return line(from + ">" + to);
  }

  /** Lets whoever calls a service reach another port instead, from their next connection on. */
  void divert(String service, int port) {
    diverted.put(service, port);
    line(service).reset();
  }

  /** Lets them reach the service again. */
  void restore(String service) {
    diverted.remove(service);
    line(service).reset();
  }

  /** Writes what {@code ./weft up --detours} reads. */
  Path write(Path file) {
    StringBuilder text = new StringBuilder();
    lines.forEach((name, line) -> text.append(name).append('=').append(line.port()).append('\n'));
    try {
      return Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    lines.values().forEach(Line::close);
  }

  private void open(String name, String target, Function<Socket, String> caller)
      throws IOException {
    lines.put(name, new Line(name, () -> portOf(target), caller));
  }

  private Line line(String name) {
    Line line = lines.get(name);
    if (line == null) {
      throw new IllegalArgumentException("no line " + name);
    }
    return line;
  }

  private int reached(String service) {
    return diverted.getOrDefault(service, portOf(service));
  }

  private int portOf(String process) {
    Shop known = shop;
    return known == null ? 0 : known.folder().port(process);
  }

  private Map<String, Long> pids() {
    Shop known = shop;
    return known == null ? Map.of() : known.folder().pids();
  }
}
