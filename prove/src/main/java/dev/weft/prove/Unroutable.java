package dev.weft.prove;

import dev.weft.prove.Fault.Bite;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The queues of the one consumer of a type are deleted while its process is cut off from the
 * broker, and the money of an order is given back, which it is to be told of: no queue takes that
 * event. It has to be counted, kept, and brought once the queues are there again, which the process
 * sees to when it is healed.
 */
final class Unroutable implements Fault.Inflicted {
  static final String NAME = "broker loses queues of order-svc, which is cut off from it";
  static final String KEPT = "an event that no queue took was kept and came later";

  private static final Flow FLOW = Flow.MONEY_BACK;
  private static final String CLIENT = "unroutable";
  private static final Duration ENDS = Duration.ofSeconds(60);
  private static final Duration TOLD = Duration.ofSeconds(20);

  private final History history;
  private final Meters meters;
  private final Databases databases;
  private final Broker broker;
  private final Buyer buyer;
  private final String order;
  private final String payment;
  private final long returnedBefore;

  private Unroutable(
      Shop shop, History history, Meters meters, Broker broker, Shopper admin, Goods goods) {
    this.history = history;
    this.meters = meters;
    this.broker = broker;
    databases = new Databases(shop);
    buyer = new Buyer(shop, history, goods, CLIENT);
    order = buyer.buy();
    boolean _ = buyer.sees(order, Buyer.CONFIRMED, ENDS);
    returnedBefore = returned();
    broker.line().afflict(Mischief.Cut.both(), FLOW.handler);
    broker.delete(FLOW.queues());
    long start = history.micros();
    payment = buyer.isGivenBack(order, admin);
    boolean told = Shop.await(TOLD, () -> waits() && returned() > returnedBefore);
    history.add(CLIENT, Op.Kind.UNROUTABLE, "", order, start, Answer.DONE, "");
    if (!told) {
      history.violated(
          "E9",
          "order %s: %d events were told of as returned, and %s"
              .formatted(
                  order,
                  returned() - returnedBefore,
                  waits() ? "its own waits" : "its own does not wait"));
    }
  }

  /**
   * @param goods of which there are enough
   */
  static Fault fault(
      Shop shop, History history, Meters meters, Broker broker, Shopper admin, Goods goods) {
    return new Fault(
        NAME, Duration.ZERO, () -> new Unroutable(shop, history, meters, broker, admin, goods));
  }

  @Override
  public void heal() {
    broker.line().heal();
    if (buyer.sees(order, Buyer.REFUNDED, ENDS)) {
      history.count(KEPT);
    } else {
      history.violated("E9", "order " + order + ": what no queue took did not come later either");
    }
  }

  @Override
  public Bite bite() {
    return new Bite(returned() - returnedBefore, "times an event was returned");
  }

  /** How often the broker gave an event back to its source. */
  private long returned() {
    meters.look();
    return meters.total(Meters.PUBLISHED, "outcome=\"returned\"");
  }

  /** Whether what the payment says to the consumer is not done for the broker. */
  private boolean waits() {
    AtomicLong waiting = new AtomicLong();
    databases.read(
        FLOW.source,
        """
        SELECT count(*) FROM event JOIN event_group_bucket USING (bucket)
         WHERE aggregate_id = '%s' AND type LIKE '%s' AND group_name = 'rabbitmq'
           AND event_group_bucket.position < event.position
        """
            .formatted(payment, FLOW.types()),
        row -> waiting.set(row.getLong(1)));
    return waiting.get() > 0;
  }
}
