package dev.weft.prove;

import dev.weft.prove.Fault.Bite;
import dev.weft.prove.Fault.Inflicted;
import java.time.Duration;
import java.util.List;

/** Processes that are killed, hang, or lose their sessions; clocks that are wrong. */
final class ProcessFaults {
  private static final Duration SHORT = Duration.ofSeconds(3);

  /** So long two of a service share the work before one of them is killed. */
  private static final Duration SHARED = Duration.ofSeconds(8);

  private final Shop shop;
  private final History history;
  private final Meters meters;
  private final Databases databases;

  ProcessFaults(Shop shop, History history, Meters meters) {
    this.shop = shop;
    this.history = history;
    this.meters = meters;
    databases = new Databases(shop);
  }

  List<Fault> all() {
    return List.of(
        kill(Shop.USER),
        kill(Shop.INVENTORY),
        kill(Shop.PAYMENT),
        kill(Shop.ORDER),
        kill(Shop.EDGE),
        kill(Shop.CARD_NETWORK),
        kill(Shop.POSTGRES),
        kill(Shop.REGISTRY),
        killTwo(Shop.ORDER, Shop.PAYMENT),
        killTwo(Shop.ORDER, Shop.INVENTORY),
        signal(Shop.POSTGRES, "restart", "INT"),
        hang(Shop.USER, SHORT),
        hang(Shop.INVENTORY, SHORT),
        hang(Shop.PAYMENT, SHORT),
        hang(Shop.ORDER, SHORT),
        hang(Shop.EDGE, SHORT),
        // Longer than payment-svc waits for an answer.
        hang(Shop.CARD_NETWORK, Duration.ofSeconds(8)),
        hang(Shop.POSTGRES, Duration.ofSeconds(4)),
        hang(Shop.REGISTRY, Duration.ofSeconds(5)),
        oneOfTwoKilled(),
        zombie(),
        sessionsEnded(Shop.ORDER),
        sessionsEnded(Shop.PAYMENT),
        sessionsEnded(Shop.INVENTORY),
        heldTooLong(),
        clockAhead(Shop.ORDER),
        clockAhead(Shop.PAYMENT),
        clockAhead(Shop.INVENTORY),
        rush());
  }

  private Fault kill(String process) {
    return signal(process, "killed", "KILL");
  }

  private Fault signal(String process, String word, String signal) {
    return new Fault(
        process + " " + word,
        Duration.ZERO,
        () -> {
          int before = shop.folder().restarts(process);
          shop.signal(process, signal);
          return Inflicted.of(
              () -> {}, () -> new Bite(shop.folder().restarts(process) - before, "restarts"));
        });
  }

  private Fault killTwo(String one, String other) {
    return new Fault(
        one + " and " + other + " killed",
        Duration.ZERO,
        () -> {
          int before = shop.folder().restarts(one) + shop.folder().restarts(other);
          shop.signal(one, "KILL");
          shop.signal(other, "KILL");
          return Inflicted.of(
              () -> {},
              () ->
                  new Bite(
                      shop.folder().restarts(one) + shop.folder().restarts(other) - before,
                      "restarts"));
        });
  }

  private Fault hang(String process, Duration lasts) {
    return new Fault(
        process + " hangs " + lasts.toSeconds() + " s",
        lasts,
        () -> {
          boolean stopped = shop.signal(process, "STOP");
          return Inflicted.of(
              () -> shop.signal(process, "CONT"),
              () -> new Bite(stopped ? 1 : 0, "process stopped"));
        });
  }

  private Fault sessionsEnded(String service) {
    return new Fault(
        "sessions of " + service + " ended",
        Duration.ZERO,
        () -> {
          int ended = databases.endSessions(service);
          return Inflicted.of(() -> {}, () -> new Bite(ended, "sessions"));
        });
  }

  /** Two share the work for a while, sagas too; then the first one dies. */
  private Fault oneOfTwoKilled() {
    return new Fault(
        "one of two order-svc killed",
        SHARED,
        () -> {
          Twin twin = Twin.of(shop, Shop.ORDER);
          long first = shop.folder().pid(Shop.ORDER);
          long firstBefore = calls(first);
          meters.add(twin.pid(), twin.managementPort());
          return new Inflicted() {
            private long shared;

            @Override
            public void heal() {
              meters.look();
              shared = Math.min(calls(first) - firstBefore, calls(twin.pid()));
              if (shared > 0) {
                history.count("two order-svc shared the work");
              }
              Shop.signal(first, "KILL");
              shop.awaitReady(Duration.ofSeconds(30));
              Shop.pause(SHORT);
              meters.look();
              twin.close();
            }

            @Override
            public Bite bite() {
              return new Bite(shared, "calls at least by each of the two");
            }
          };
        });
  }

  /** Which only sagas make. */
  private long calls(long pid) {
    return meters.of(pid, Meters.CALLS, "server_address=\"" + Shop.PAYMENT + "\"");
  }

  /**
   * A second order-svc takes over what the first one holds, which comes back after its leases ended
   * and must not write.
   */
  private Fault zombie() {
    return new Fault(
        "order-svc hangs beyond its leases beside a second one",
        Duration.ofSeconds(10),
        () -> {
          Twin twin = Twin.of(shop, Shop.ORDER);
          long before = fenced();
          shop.signal(Shop.ORDER, "STOP");
          return Inflicted.of(
              () -> {
                shop.signal(Shop.ORDER, "CONT");
                Shop.pause(SHORT);
                twin.close();
                if (fenced() > before) {
                  history.count("a zombie owner was fenced");
                }
              },
              () -> new Bite(fenced() - before, "sagas taken over from it"));
        });
  }

  private long fenced() {
    return Logs.count(shop.folder().log(Shop.ORDER), "was taken over by another runner");
  }

  /** What is held meanwhile waits for its payment beyond the time that goods are held. */
  private Fault heldTooLong() {
    return new Fault(
        "card-network hangs, clock of inventory-svc 11 min ahead",
        Duration.ofSeconds(4),
        () -> {
          shop.signal(Shop.CARD_NETWORK, "STOP");
          Shop.pause(SHORT);
          int sessions = databases.moveClock(Shop.INVENTORY, "11 minutes");
          return Inflicted.of(
              () -> {
                databases.moveClock(Shop.INVENTORY, "");
                shop.signal(Shop.CARD_NETWORK, "CONT");
              },
              () -> new Bite(sessions, "sessions with the new time"));
        });
  }

  /** More connections from one address than the edge takes. */
  private Fault rush() {
    return new Fault(
        "a rush of " + Rush.CONNECTIONS + " connections",
        SHORT,
        () -> {
          Rush rush = new Rush(shop.folder().url("edge"));
          long shed = rush.refused();
          history.count("a request was shed", shed);
          return Inflicted.of(rush::close, () -> new Bite(shed, "requests shed"));
        });
  }

  private Fault clockAhead(String service) {
    return new Fault(
        "clock of " + service + " 6 min ahead",
        SHORT,
        () -> {
          int sessions = databases.moveClock(service, "6 minutes");
          return Inflicted.of(
              () -> databases.moveClock(service, ""),
              () -> new Bite(sessions, "sessions with the new time"));
        });
  }
}
