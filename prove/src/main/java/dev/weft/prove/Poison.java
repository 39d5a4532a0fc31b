package dev.weft.prove;

import com.google.protobuf.ByteString;
import com.google.type.Money;
import dev.weft.admin.v1.DeadLetter;
import dev.weft.durable.Event.Aggregate;
import dev.weft.prove.Fault.Bite;
import dev.weft.shop.event.v1.OrderCreated;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.shop.order.v1.Order;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * Events of orders that their read model cannot take in: bytes that are no message, a schema that
 * is newer, and those of a customer whose rows the database refuses. Each becomes a dead letter,
 * and nobody else waits for it. Healed, an operator has them tried again: the customer's are
 * handled then, the others are dead letters as before, and given up.
 */
final class Poison implements Fault.Inflicted {
  static final String REDRIVEN = "a dead letter was tried again and handled";

  private static final String NAME = "poison";
  private static final int NEWER = 99;

  /** Eight attempts take less than half a minute. */
  private static final Duration DIES = Duration.ofSeconds(60);

  private static final Duration HANDLED = Duration.ofSeconds(30);

  /** In which others are shown what became of their orders. */
  private static final Duration PROMPT = Duration.ofSeconds(10);

  private final History history;
  private final DeadLetters letters;
  private final Databases databases;
  private final String garbage = UUID.randomUUID().toString();
  private final String newer = UUID.randomUUID().toString();
  private final Buyer customer;
  private final String refused;
  private long dead;

  private Poison(Shop shop, History history, Goods goods) {
    this.history = history;
    letters = new DeadLetters(shop, Flow.VIEW);
    databases = new Databases(shop);
    customer = new Buyer(shop, history, goods, NAME);
    databases.change(
        Shop.ORDER,
        """
        CREATE OR REPLACE FUNCTION proof_poison() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'refused by the proof'; END $$;
        CREATE OR REPLACE TRIGGER proof_poison BEFORE INSERT OR UPDATE ON order_view
          FOR EACH ROW WHEN (NEW.user_id = '%s') EXECUTE FUNCTION proof_poison()
        """
            .formatted(customer.id()));
    plant(garbage, 1, ByteString.copyFromUtf8("garbage"));
    plant(newer, NEWER, created(newer).toByteString());
    refused = customer.buy();
    bystander(new Buyer(shop, history, goods, NAME));
  }

  /**
   * @param goods of which there are enough
   */
  static Fault fault(Shop shop, History history, Goods goods) {
    return new Fault(
        "events that cannot be read, or handled",
        Duration.ZERO,
        () -> new Poison(shop, history, goods));
  }

  @Override
  public void heal() {
    Map<String, String> first = awaitDead(Set.of(garbage, newer, refused));
    dead = first.size();
    history.count("an event became a dead letter", dead);
    databases.change(
        Shop.ORDER, "DROP TRIGGER proof_poison ON order_view; DROP FUNCTION proof_poison()");
    letters.redrive(first.values());
    if (customer.isShown(refused, Buyer.CONFIRMED, HANDLED)) {
      history.count(REDRIVEN);
    } else {
      history.violated("E6", "order " + refused + " is not shown after its events were redriven");
    }
    Map<String, String> still = awaitDead(Set.of(garbage, newer));
    history.add(NAME, Op.Kind.NEWER_SCHEMA, "", newer, history.micros(), Answer.DONE, "");
    if (!still.containsKey(newer)) {
      history.violated("E10", "the event of " + newer + " is gone, though nobody understands it");
    }
    if (!still.containsKey(garbage)) {
      history.violated("E6", "the event of " + garbage + " is gone, though nobody can read it");
    }
    letters.discard(still.values());
  }

  @Override
  public Bite bite() {
    return new Bite(dead, "dead letters");
  }

  /** Whoever orders meanwhile is shown the order. */
  private void bystander(Buyer bystander) {
    long start = history.micros();
    String order = bystander.buy();
    // Its events are what must not wait; how long a step takes is another matter.
    boolean _ = bystander.sees(order, Buyer.CONFIRMED, DIES);
    boolean shown = bystander.isShown(order, Buyer.CONFIRMED, PROMPT);
    history.add(NAME, Op.Kind.POISONED, "", order, start, Answer.DONE, "");
    if (!shown) {
      history.violated(
          "E7",
          "order %s is not shown after %d s, while others are dead letters"
              .formatted(order, PROMPT.toSeconds()));
    }
  }

  /** Puts an event of an order that there is not into the outbox. */
  private void plant(String order, int schemaVersion, ByteString payload) {
    history.planted(order);
    databases.change(
        Shop.ORDER,
        """
        INSERT INTO outbox (event_id, source, type, schema_version, aggregate_type, aggregate_id,
          aggregate_version, bucket, content_type, data_schema, payload, correlation_id, recorded_at)
        VALUES ('%s', '%s', 'shop.order.created', %d, 'shop.order', '%s', 1, %d,
          'application/protobuf', 'shop.event.v1.OrderCreated', '\\x%s', 'proof', weft_now())
        """
            .formatted(
                UUID.randomUUID(),
                Shop.ORDER,
                schemaVersion,
                order,
                new Aggregate("shop.order", order, 1).bucket(),
                HexFormat.of().formatHex(payload.toByteArray())));
  }

  private static OrderCreated created(String order) {
    return OrderCreated.newBuilder()
        .setOrder(
            OrderFacts.newBuilder()
                .setOrderId(order)
                .setUserId(UUID.randomUUID().toString())
                .setState(Order.State.STATE_PENDING)
                .setTotal(Money.newBuilder().setCurrencyCode("EUR").setUnits(5))
                .setVersion(1))
        .build();
  }

  /** The ids of the dead letters of these orders, by order, once each has one. */
  private Map<String, String> awaitDead(Set<String> orders) {
    Map<String, String> dead = new HashMap<>();
    Shop.await(
        DIES,
        () -> {
          dead.clear();
          for (DeadLetter letter : letters.all()) {
            if (orders.contains(letter.getEvent().getSubject())) {
              dead.put(letter.getEvent().getSubject(), letter.getEvent().getEventId());
            }
          }
          return dead.keySet().equals(orders);
        });
    return dead;
  }
}
