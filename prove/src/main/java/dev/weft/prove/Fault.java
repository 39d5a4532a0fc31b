package dev.weft.prove;

import java.time.Duration;
import java.util.List;

/**
 * Something that goes wrong from outside while customers shop.
 *
 * @param heal ends it; the system's own means do the rest
 */
record Fault(String name, Duration lasts, Runnable inflict, Runnable heal) {
  private static final Duration SHORT = Duration.ofSeconds(3);

  /** What became of a fault: how long until every process was ready again. */
  record Outcome(String name, boolean recovered, long millis) {}

  static List<Fault> all(Shop shop, History history) {
    Databases databases = new Databases(shop);
    return List.of(
        kill(shop, Shop.USER),
        kill(shop, Shop.INVENTORY),
        kill(shop, Shop.PAYMENT),
        kill(shop, Shop.ORDER),
        kill(shop, Shop.EDGE),
        kill(shop, Shop.CARD_NETWORK),
        kill(shop, Shop.POSTGRES),
        kill(shop, Shop.REGISTRY),
        killTwo(shop, Shop.ORDER, Shop.PAYMENT),
        killTwo(shop, Shop.ORDER, Shop.INVENTORY),
        signal(shop, Shop.POSTGRES, "restart", "INT"),
        hang(shop, Shop.USER, SHORT),
        hang(shop, Shop.INVENTORY, SHORT),
        hang(shop, Shop.PAYMENT, SHORT),
        hang(shop, Shop.ORDER, SHORT),
        hang(shop, Shop.EDGE, SHORT),
        // Longer than payment-svc waits for an answer.
        hang(shop, Shop.CARD_NETWORK, Duration.ofSeconds(8)),
        hang(shop, Shop.POSTGRES, Duration.ofSeconds(4)),
        hang(shop, Shop.REGISTRY, Duration.ofSeconds(5)),
        zombie(shop, history),
        instant("sessions of order-svc ended", () -> databases.endSessions(Shop.ORDER)),
        instant("sessions of payment-svc ended", () -> databases.endSessions(Shop.PAYMENT)),
        instant("sessions of inventory-svc ended", () -> databases.endSessions(Shop.INVENTORY)),
        // What is held meanwhile waits for its payment beyond the time that goods are held.
        new Fault(
            "card-network hangs, clock of inventory-svc 11 min ahead",
            Duration.ofSeconds(4),
            () -> {
              shop.signal(Shop.CARD_NETWORK, "STOP");
              Shop.pause(SHORT);
              databases.moveClock(Shop.INVENTORY, "11 minutes");
            },
            () -> {
              databases.moveClock(Shop.INVENTORY, "");
              shop.signal(Shop.CARD_NETWORK, "CONT");
            }),
        new Fault(
            "clock of order-svc 6 min ahead",
            SHORT,
            () -> databases.moveClock(Shop.ORDER, "6 minutes"),
            () -> databases.moveClock(Shop.ORDER, "")));
  }

  private static Fault kill(Shop shop, String process) {
    return signal(shop, process, "killed", "KILL");
  }

  private static Fault signal(Shop shop, String process, String word, String signal) {
    return instant(process + " " + word, () -> shop.signal(process, signal));
  }

  private static Fault killTwo(Shop shop, String one, String other) {
    return instant(
        one + " and " + other + " killed",
        () -> {
          shop.signal(one, "KILL");
          shop.signal(other, "KILL");
        });
  }

  private static Fault instant(String name, Runnable inflict) {
    return new Fault(name, Duration.ZERO, inflict, () -> {});
  }

  private static Fault hang(Shop shop, String process, Duration lasts) {
    return new Fault(
        process + " hangs " + lasts.toSeconds() + " s",
        lasts,
        () -> shop.signal(process, "STOP"),
        () -> shop.signal(process, "CONT"));
  }

  /**
   * A second order-svc takes over what the first one holds, which comes back after its leases ended
   * and must not write.
   */
  private static Fault zombie(Shop shop, History history) {
    Twin[] twin = new Twin[1];
    return new Fault(
        "order-svc hangs beyond its leases beside a second one",
        Duration.ofSeconds(10),
        () -> {
          twin[0] = Twin.of(shop, Shop.ORDER);
          shop.signal(Shop.ORDER, "STOP");
        },
        () -> {
          shop.signal(Shop.ORDER, "CONT");
          Shop.pause(Duration.ofSeconds(3));
          twin[0].close();
          if (Logs.hold(shop.log(Shop.ORDER), "was taken over by another runner")) {
            history.count("a zombie owner was fenced");
          }
        });
  }
}
