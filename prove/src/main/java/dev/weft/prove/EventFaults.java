package dev.weft.prove;

import dev.weft.prove.Fault.Bite;
import dev.weft.prove.Fault.Inflicted;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Events that come more often than they were said, in another order, or that nobody can handle. */
final class EventFaults {
  static final String SHUFFLED = "events come %d times each, shuffled".formatted(Shuffle.TIMES);
  static final Duration SHUFFLED_FOR = Duration.ofSeconds(10);

  private final Shop shop;
  private final History history;
  private final Lines lines;
  private final Goods goods;
  private final long seed;

  /**
   * @param goods of which there are enough
   */
  EventFaults(Shop shop, History history, Lines lines, Goods goods, long seed) {
    this.shop = shop;
    this.history = history;
    this.lines = lines;
    this.goods = goods;
    this.seed = seed;
  }

  List<Fault> all() {
    return List.of(shuffled(), Poison.fault(shop, history, goods));
  }

  /** Of all services to all who read them by gRPC. */
  private Fault shuffled() {
    return new Fault(
        SHUFFLED,
        SHUFFLED_FOR,
        () -> {
          Map<String, Shuffler> shufflers = new LinkedHashMap<>();
          for (String source : Tap.SOURCES) {
            Shuffler shuffler = new Shuffler(shop.folder(), source, seed);
            shufflers.put(source, shuffler);
            lines.divert(source, shuffler.port());
          }
          return Inflicted.of(
              () -> {
                shufflers.keySet().forEach(lines::restore);
                shufflers.values().forEach(Shuffler::close);
              },
              () ->
                  new Bite(
                      shufflers.values().stream().mapToLong(Shuffler::deliveries).sum(),
                      "deliveries shuffled"));
        });
  }
}
