package dev.weft.prove;

import dev.weft.prove.Fault.Bite;
import dev.weft.prove.Fault.Inflicted;
import dev.weft.prove.Fault.Omitted;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/** What happens to a broker, or in it; what is said meanwhile waits in the logs. */
final class BrokerFaults {
  private static final Duration BRIEF = Duration.ofSeconds(4);
  private static final Duration LONG = Duration.ofSeconds(35);
  private static final Duration MADE_AGAIN = Duration.ofSeconds(30);
  private static final String KILLED = "broker killed";
  private static final String AWAY = "broker away %d s".formatted(LONG.toSeconds());
  private static final String HANGS = "broker hangs %d s".formatted(BRIEF.toSeconds());
  private static final String FULL = "broker short of memory";
  private static final String CUT = "broker cut off from all services";
  private static final String FORGETS = "broker loses a queue of each consumer";
  private static final String SHUFFLES = EventFaults.SHUFFLED + ", by the broker";

  private final Shop shop;
  private final History history;
  private final Meters meters;
  private final Databases databases;
  private final Broker broker;
  private final Shopper admin;
  private final Goods goods;
  private final long seed;

  /**
   * @param goods of which there are enough
   */
  BrokerFaults(
      Shop shop,
      History history,
      Meters meters,
      Broker broker,
      Shopper admin,
      Goods goods,
      long seed) {
    this.shop = shop;
    this.history = history;
    this.meters = meters;
    this.broker = broker;
    this.admin = admin;
    this.goods = goods;
    this.seed = seed;
    databases = new Databases(shop);
  }

  List<Fault> all() {
    return List.of(
        fault(KILLED, BRIEF, () -> broker.node().kill(), () -> broker.node().start()),
        fault(AWAY, LONG, () -> broker.node().kill(), () -> broker.node().start()),
        fault(HANGS, BRIEF, () -> broker.node().signal("STOP"), () -> broker.node().signal("CONT")),
        fault(FULL, BRIEF, () -> watermark("0"), () -> watermark("0.6")),
        fault(CUT, BRIEF, () -> broker.line().afflict(Mischief.Cut.both()), broker.line()::heal),
        forgets(),
        Unroutable.fault(shop, history, meters, broker, admin, goods),
        Strays.fault(shop, history, broker, goods),
        shuffles());
  }

  /** None of them, and why. */
  static List<Omitted> omitted(String reason) {
    return List.of(KILLED, AWAY, HANGS, FULL, CUT, FORGETS, Unroutable.NAME, Strays.NAME, SHUFFLES)
        .stream()
        .map(name -> new Omitted(name, reason))
        .toList();
  }

  private Fault fault(String name, Duration lasts, Runnable inflict, Runnable heal) {
    return new Fault(
        name,
        lasts,
        () -> {
          inflict.run();
          AtomicLong waited = new AtomicLong();
          return Inflicted.of(
              () -> {
                databases.read(Shop.ORDER, WAITING, row -> waited.set(row.getLong(1)));
                heal.run();
              },
              () -> new Bite(waited.get(), "events waited for it"));
        });
  }

  private static final String WAITING =
      """
      SELECT max(last - position) FROM event_group_bucket, event_counter
       WHERE group_name = 'rabbitmq'
      """;

  /** Above so much of the machine's memory it takes nothing. */
  private void watermark(String share) {
    broker.node().ctl("set_vm_memory_high_watermark", share);
  }

  /** Whoever reads them makes them again. */
  private Fault forgets() {
    List<String> queues =
        Flow.throughBroker().stream().map(flow -> flow.queues().getLast()).toList();
    return new Fault(
        FORGETS,
        BRIEF,
        () -> {
          broker.delete(queues);
          return Inflicted.of(
              () -> {},
              () ->
                  new Bite(
                      queues.stream()
                          .filter(queue -> Shop.await(MADE_AGAIN, () -> broker.has(queue)))
                          .count(),
                      "queues were made again"));
        });
  }

  /** Of all services to those who read them there. */
  private Fault shuffles() {
    return new Fault(
        SHUFFLES,
        EventFaults.SHUFFLED_FOR,
        () -> {
          BrokerShuffler shuffler = new BrokerShuffler(broker, Flow.throughBroker(), seed);
          return Inflicted.of(
              shuffler::close, () -> new Bite(shuffler.deliveries(), "deliveries shuffled"));
        });
  }
}
