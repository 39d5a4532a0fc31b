package dev.weft.order;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Timestamp;
import dev.weft.durable.Bell;
import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.events.EventHandler;
import dev.weft.events.Subscription;
import dev.weft.events.UnreadableEventException;
import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.UuidText;
import dev.weft.shop.event.v1.OrderEvent;
import dev.weft.shop.event.v1.OrderFacts;
import java.time.Instant;
import java.util.List;
import org.jdbi.v3.core.Handle;

/**
 * Makes the read model from the events of orders: whatever their type, each holds the order as it
 * is from then on. What it cannot read it refuses, and never guesses.
 */
final class OrderProjection implements EventHandler {
  static final String CONSUMER = "order-view";

  /** What the events of an order have in common. */
  static final String AGGREGATE = "shop.order";

  /** Making the view anew reads the log itself, past the subscription. */
  private static final int SCHEMA_VERSION_MAX = 1;

  /** One for each lane: more never wait at the same time. */
  private static final int TOGETHER = Event.BUCKETS;

  private final Database database;
  private final OrderViewStore view;
  private final Bell moved;

  /**
   * @param database whose transactions the events come in
   * @param moved rung after the view has moved
   */
  OrderProjection(Database database, OrderViewStore view, Bell moved) {
    this.database = database;
    this.view = view;
    this.moved = moved;
  }

  /** Of which events, and how. */
  static Subscription subscription() {
    return Subscription.of(CONSUMER, OrderServer.NAME, OrderEvents.ALL)
        .schemaVersionsUpTo(SCHEMA_VERSION_MAX)
        .together(TOGETHER);
  }

  @Override
  public void handle(Handle tx, Event event) {
    handleAll(tx, List.of(event));
  }

  @Override
  public void handleAll(Handle tx, List<Event> events) {
    List<OrderChange> changes = events.stream().map(OrderProjection::change).toList();
    view.joinAndApply(tx, changes);
    database.afterCommit(moved::ring);
  }

  /**
   * What the event says of its order.
   *
   * @throws UnreadableEventException if it says nothing, or what is not known here
   */
  static OrderChange change(Event event) {
    if (event.schemaVersion() > SCHEMA_VERSION_MAX) {
      throw new UnreadableEventException("schema version " + event.schemaVersion());
    }
    OrderFacts facts;
    try {
      facts = OrderEvent.parseFrom(event.content().bytes()).getOrder();
    } catch (InvalidProtocolBufferException e) {
      throw new UnreadableEventException("the payload is no message", e);
    }
    if (!facts.getOrderId().equals(event.aggregate().id())) {
      throw new UnreadableEventException(
          "the payload is of order '%s' (expected: %s)"
              .formatted(facts.getOrderId(), event.aggregate().id()));
    }
    try {
      return new OrderChange(
          event.id(),
          event.type(),
          event.recordedAt(),
          UuidText.parse("order_id", facts.getOrderId()),
          UuidText.parse("user_id", facts.getUserId()),
          OrderMessages.state(facts.getState())
              .orElseThrow(() -> new UnreadableEventException("the order has no state")),
          OrderMessages.reason(facts.getCancelReason()),
          UuidText.parseIfSet("payment_id", facts.getPaymentId()),
          new Amount(MinorUnits.of(facts.getTotal()), facts.getTotal().getCurrencyCode()),
          facts.getVersion(),
          event.aggregate().version(),
          instant(facts.getCreateTime()),
          instant(facts.getUpdateTime()));
    } catch (Rejection | IllegalArgumentException e) {
      throw new UnreadableEventException("the order says what is not known here", e);
    }
  }

  private static Instant instant(Timestamp time) {
    return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
  }
}
