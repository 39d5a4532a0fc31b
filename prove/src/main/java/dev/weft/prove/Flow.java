package dev.weft.prove;

import dev.weft.event.v1.Event;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Events of one service on their way to one consumer. */
enum Flow {
  /** What lists of orders are read from. */
  VIEW("order-view", Shop.ORDER, Shop.ORDER, "shop.order.*"),
  /** Accounts that are deleted call orders off. */
  FAREWELL("users-of-orders", Shop.USER, Shop.ORDER, "shop.user.*"),
  /** The money of an order that was called off after it was confirmed is owed. */
  MONEY_OWED("payments-of-orders", Shop.ORDER, Shop.PAYMENT, "shop.order.refund_requested"),
  /** Its goods are taken back. */
  GOODS_OWED("stock-of-orders", Shop.ORDER, Shop.INVENTORY, "shop.order.refund_requested"),
  /** The order hears that its money is back. */
  MONEY_BACK("orders-of-payments", Shop.PAYMENT, Shop.ORDER, "shop.payment.refunded"),
  /** And that its goods are. */
  GOODS_BACK("orders-of-stock", Shop.INVENTORY, Shop.ORDER, "shop.reservation.returned");

  /** How many queues a consumer has in a broker. */
  private static final int QUEUES = 4;

  /** Its name for ever. */
  final String consumer;

  /** Who says them. */
  final String source;

  /** Who handles them. */
  final String handler;

  /** One type of events, or all of an aggregate. */
  private final String type;

  Flow(String consumer, String source, String handler, String type) {
    this.consumer = consumer;
    this.source = source;
    this.handler = handler;
    this.type = type;
  }

  /** As the grid calls it. */
  String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** As SQL likes a type. */
  String types() {
    return type.replace('*', '%');
  }

  /** Whether a broker carries them, if there is one: a service's own come from its own log. */
  boolean byBroker() {
    return !source.equals(handler);
  }

  /** Those that a broker carries. */
  static List<Flow> throughBroker() {
    return Stream.of(values()).filter(Flow::byBroker).toList();
  }

  /** Where they are published in a broker. */
  String exchange() {
    return "weft." + source;
  }

  /** From where they are read in a broker. */
  List<String> queues() {
    return IntStream.range(0, QUEUES).mapToObj(i -> "weft." + consumer + "." + i).toList();
  }

  /** By what a queue is bound to the exchange: the buckets that are its share. */
  List<String> keys(int queue) {
    return IntStream.range(0, dev.weft.durable.Event.BUCKETS)
        .filter(bucket -> bucket % QUEUES == queue)
        .mapToObj(bucket -> type + "." + bucket)
        .toList();
  }

  boolean wants(Event event) {
    return type.endsWith("*")
        ? event.getType().startsWith(type.substring(0, type.length() - 1))
        : event.getType().equals(type);
  }
}
