package dev.weft.prove;

import dev.weft.prove.Fault.Bite;
import dev.weft.prove.Fault.Inflicted;
import dev.weft.prove.Mischief.Way;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;

/** What networks do to connections between two processes of the system. */
final class NetworkFaults {
  private static final Duration BRIEF = Duration.ofSeconds(3);

  /** Longer than a step may take, so that its outcome is unknown. */
  private static final Duration LONG = Duration.ofSeconds(7);

  /** How PostgreSQL says that a transaction is committed. */
  private static final String COMMITTED = "C\0\0\0\013COMMIT\0";

  /** Past the handshake of TLS and the greetings of HTTP/2, in the midst of answers. */
  private static final long SOME_BYTES = 6_000;

  private static final Mischief LATE =
      new Mischief.Slow(Duration.ofMillis(700), Duration.ofMillis(100));

  private final Lines lines;
  private final Databases databases;

  NetworkFaults(Lines lines, Databases databases) {
    this.lines = lines;
    this.databases = databases;
  }

  List<Fault> all() {
    return List.of(
        cut(Shop.ORDER, Shop.PAYMENT, LONG),
        silent(Shop.ORDER, Shop.PAYMENT, Way.BACK),
        reset(Shop.ORDER, Shop.PAYMENT),
        slow(
            Shop.ORDER,
            Shop.PAYMENT,
            new Mischief.Slow(Duration.ofMillis(50), Duration.ofMillis(200))),
        cut(Shop.ORDER, Shop.INVENTORY, LONG),
        silent(Shop.ORDER, Shop.INVENTORY, Way.THERE),
        halfOpen(Shop.ORDER, Shop.INVENTORY),
        brokenOff(Shop.ORDER, Shop.INVENTORY, BRIEF),
        unknownAndTooLate(),
        lateAfterUndone(),
        cut(Shop.EDGE, Shop.ORDER, LONG),
        reset(Shop.EDGE, Shop.ORDER),
        slow(Shop.EDGE, Shop.ORDER, LATE),
        slow(Shop.EDGE, Shop.ORDER, new Mischief.Drip(2_000)),
        brokenOff(Shop.EDGE, Shop.ORDER, LONG),
        commitsUnanswered(Shop.ORDER),
        commitsUnanswered(Shop.PAYMENT),
        commitsUnanswered(Shop.INVENTORY),
        cut(Shop.PAYMENT, Shop.POSTGRES, BRIEF),
        halfOpen(Shop.INVENTORY, Shop.POSTGRES),
        cut(Shop.ORDER, Shop.REGISTRY, LONG),
        reset(Shop.EDGE, Shop.REGISTRY),
        cut(Shop.PAYMENT, Shop.CARD_NETWORK, LONG),
        unanswered(Shop.PAYMENT, Shop.CARD_NETWORK),
        slow(Shop.PAYMENT, Shop.CARD_NETWORK, new Mischief.Drip(100)));
  }

  private Fault cut(String from, String to, Duration lasts) {
    return held(
        "%s - %s cut %d s".formatted(from, to, lasts.toSeconds()),
        lasts,
        line(from, to),
        line -> line.afflict(Mischief.Cut.both(), from));
  }

  /** One way only: the other one still carries. */
  private Fault silent(String from, String to, Way way) {
    String what = way == Way.THERE ? "does not hear " + from : "is not heard by " + from;
    return held(
        "%s %s for %d s".formatted(to, what, LONG.toSeconds()),
        LONG,
        line(from, to),
        line -> line.afflict(new Mischief.Cut(Set.of(way)), from));
  }

  private Fault slow(String from, String to, Mischief how) {
    String word =
        switch (how) {
          case Mischief.Drip(int bytesPerSecond) -> bytesPerSecond + " bytes/s";
          case Mischief.Slow(Duration latency, Duration jitter) ->
              "%d to %d ms late".formatted(latency.toMillis(), latency.plus(jitter).toMillis());
          default -> throw new IllegalArgumentException(how.toString());
        };
    return fault(
        "%s - %s %s".formatted(from, to, word),
        LONG,
        line(from, to),
        line -> line.afflict(how, from),
        Line.Done::slowedBytes,
        "bytes slowed");
  }

  private Fault reset(String from, String to) {
    return broken(
        "%s - %s reset".formatted(from, to),
        Duration.ofSeconds(1),
        line(from, to),
        line -> line.reset(from));
  }

  /** The callee is gone and the caller does not know. */
  private Fault halfOpen(String from, String to) {
    return broken(
        "%s - %s half open".formatted(from, to), BRIEF, line(from, to), line -> line.vanish(from));
  }

  /** In the midst of answers. */
  private Fault brokenOff(String from, String to, Duration lasts) {
    return broken(
        "%s - %s reset every %d bytes".formatted(from, to, SOME_BYTES),
        lasts,
        line(from, to),
        line -> line.afflict(new Mischief.ResetAfter(Way.BACK, SOME_BYTES), from));
  }

  private Fault unanswered(String from, String to) {
    return broken(
        "answers of %s to %s lost".formatted(to, from),
        BRIEF,
        line(from, to),
        line -> line.afflict(new Mischief.ResetAfter(Way.BACK, 0), from));
  }

  /** Each transaction is committed, and the service never hears of it. */
  private Fault commitsUnanswered(String service) {
    return broken(
        "answers to COMMIT of " + service + " lost",
        BRIEF,
        lines.between(service, Shop.POSTGRES),
        line -> line.afflict(new Mischief.ResetAt(Way.BACK, COMMITTED)));
  }

  /** Nobody knows whether money is held, and there is no time to find out: it is given free. */
  private Fault unknownAndTooLate() {
    Line line = lines.to(Shop.PAYMENT);
    return new Fault(
        "order-svc - payment-svc cut, clock of order-svc 6 min ahead",
        // Two attempts at the step have to fail.
        Duration.ofSeconds(20),
        () -> {
          Line.Done before = line.done();
          line.afflict(Mischief.Cut.both(), Shop.ORDER);
          databases.moveClock(Shop.ORDER, "6 minutes");
          return Inflicted.of(
              () -> {
                databases.moveClock(Shop.ORDER, "");
                line.heal();
              },
              () -> new Bite(line.done().since(before).heldBytes(), "bytes held"));
        });
  }

  /** What was asked of payment-svc comes when the order is long undone. */
  private Fault lateAfterUndone() {
    Line line = lines.to(Shop.PAYMENT);
    return new Fault(
        "requests of order-svc reach payment-svc after they were undone",
        // The circuit that the lost connection opens has to close again before.
        Duration.ofSeconds(14),
        () -> {
          Line.Done before = line.done();
          line.afflict(new Mischief.Cut(Set.of(Way.THERE)), Shop.ORDER);
          Shop.pause(Duration.ofSeconds(1));
          databases.moveClock(Shop.ORDER, "6 minutes");
          line.orphan(Shop.ORDER);
          return Inflicted.of(
              () -> {
                databases.moveClock(Shop.ORDER, "");
                line.heal();
              },
              () -> new Bite(line.done().since(before).heldBytes(), "bytes held"));
        });
  }

  private Line line(String from, String to) {
    return switch (to) {
      case Shop.POSTGRES, Shop.REGISTRY, Shop.CARD_NETWORK -> lines.between(from, to);
      default -> lines.to(to);
    };
  }

  private static Fault held(String name, Duration lasts, Line line, Consumer<Line> inflict) {
    return fault(name, lasts, line, inflict, Line.Done::heldBytes, "bytes held");
  }

  private static Fault broken(String name, Duration lasts, Line line, Consumer<Line> inflict) {
    return fault(name, lasts, line, inflict, Line.Done::broken, "connections broken");
  }

  private static Fault fault(
      String name,
      Duration lasts,
      Line line,
      Consumer<Line> inflict,
      ToLongFunction<Line.Done> bite,
      String what) {
    return new Fault(
        name,
        lasts,
        () -> {
          Line.Done before = line.done();
          inflict.accept(line);
          return Inflicted.of(
              line::heal, () -> new Bite(bite.applyAsLong(line.done().since(before)), what));
        });
  }
}
