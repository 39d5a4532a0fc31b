package dev.weft.mesh;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;

/**
 * The circuit breakers in front of one service, one for each of its methods: a method that fails,
 * by a bug or by what only it needs, takes no other one with it.
 *
 * <p>Thread-safe.
 */
final class Circuits {
  /** More methods than this share the last circuit. */
  static final int METHODS_MAX = 256;

  static final String OTHERS = "_OTHER";

  private final String service;
  private final Circuit.Pause pause;
  private final Runnable reconnect;
  private final Map<String, Circuit> byMethod = new ConcurrentHashMap<>();

  /**
   * @param reconnect ends the wait before the next attempt to connect: called when probes are about
   *     to be let through, and when there is a new instance
   */
  Circuits(String service, Circuit.Pause pause, Runnable reconnect) {
    this.service = service;
    this.pause = pause;
    this.reconnect = reconnect;
  }

  /**
   * The circuit of a method.
   *
   * @param method its full name, {@code package.Service/Method}
   */
  Circuit of(String method) {
    Circuit known = byMethod.get(method);
    if (known != null) {
      return known;
    }
    String name = byMethod.size() < METHODS_MAX ? method : OTHERS;
    return byMethod.computeIfAbsent(name, n -> new Circuit(service + " " + n, pause, reconnect));
  }

  /** The circuit that a call of a method would meet, if there is one already. */
  Optional<Circuit> find(String method) {
    Circuit known = byMethod.get(method);
    return Optional.ofNullable(
        known == null && byMethod.size() >= METHODS_MAX ? byMethod.get(OTHERS) : known);
  }

  /**
   * The one that is the method's alone, if it was called and is among the first.
   *
   * @param method its full name, or {@link #OTHERS}
   */
  Optional<Circuit> own(String method) {
    return Optional.ofNullable(byMethod.get(method));
  }

  /** There is an instance that was not there before: see {@link Circuit#newInstance()}. */
  void newInstance() {
    List<Circuit> open = byMethod.values().stream().filter(Circuit::isOpen).toList();
    if (open.isEmpty()) {
      reconnect.run();
    } else {
      open.forEach(Circuit::newInstance);
    }
  }

  void forEach(BiConsumer<String, Circuit> action) {
    byMethod.forEach(action);
  }
}
