package dev.weft.order;

import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Event;
import dev.weft.event.v1.ReadEventsRequest;
import dev.weft.events.EventPayloads;
import dev.weft.order.Faults.Hold;
import dev.weft.order.Faults.When;
import dev.weft.shop.event.v1.OrderCancelled;
import dev.weft.shop.event.v1.OrderConfirmed;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.shop.order.v1.CancelOrderRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.CancelReason;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.testkit.PostgresExtension;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What order-svc says, and to whom. */
final class OrderEventsTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  @RegisterExtension final Shop shop = new Shop(postgres.database());

  private final UUID ann = UUID.randomUUID();
  private final Shop.Instance instance = shop.start(postgres.database());
  private final UUID product = shop.inventory.product(10, 1999, "EUR");

  @Test
  void saysEachChangeOfAnOrderThatIsConfirmed() {
    Order order = shop.ended(shop.place(ann, order("card_ok", product)));
    List<Event> events = instance.said(order, 3);
    assertThat(events)
        .extracting(Event::type)
        .containsExactly("shop.order.created", "shop.order.capture_begun", "shop.order.confirmed");
    OrderFacts facts =
        EventPayloads.parse(events.getLast(), OrderConfirmed.getDefaultInstance()).getOrder();
    assertThat(facts.getState()).isEqualTo(State.STATE_CONFIRMED);
    assertThat(facts.getOrderId()).isEqualTo(order.getOrderId());
    assertThat(facts.getUserId()).isEqualTo(ann.toString());
    assertThat(facts.getPaymentId()).isEqualTo(order.getPaymentId());
    assertThat(facts.getTotal()).isEqualTo(order.getTotal());
    assertThat(facts.getItems(0).getProductId()).isEqualTo(product.toString());
    assertThat('"' + Long.toString(facts.getVersion()) + '"').isEqualTo(order.getEtag());
  }

  @Test
  void saysThatAnOrderWasCalledOffAndThenThatItIsCancelled() {
    Hold hold = shop.faults.hold("authorize", When.BEFORE);
    Order placed = shop.place(ann, order("card_ok", product));
    shop.ordersAs(ann)
        .cancelOrder(
            CancelOrderRequest.newBuilder()
                .setOrderId(placed.getOrderId())
                .setRequestId("cancel")
                .build());
    hold.release();
    Order order = shop.ended(placed);
    List<Event> events = instance.said(order, 3);
    assertThat(events)
        .extracting(Event::type)
        .containsExactly(
            "shop.order.created", "shop.order.cancellation_requested", "shop.order.cancelled");
    assertThat(
            EventPayloads.parse(events.getLast(), OrderCancelled.getDefaultInstance())
                .getOrder()
                .getCancelReason())
        .isEqualTo(CancelReason.CANCEL_REASON_REQUESTED);
  }

  @Test
  void allEventsOfAnOrderLeadToTheRequestThatPlacedIt() {
    List<Event> events = instance.said(shop.ended(shop.place(ann, order("card_ok", product))), 3);
    Event created = events.getFirst();
    assertThat(created.origin().traceparent()).isPresent();
    assertThat(events)
        .allSatisfy(
            event -> {
              assertThat(event.origin().correlationId())
                  .isEqualTo(created.origin().correlationId());
              assertThat(event.origin().traceparent().orElse(""))
                  .contains(created.origin().correlationId());
            });
  }

  @Test
  void saysNoNameAndNoAddress() {
    List<Event> events = instance.said(shop.ended(shop.place(ann, order("card_ok", product))), 3);
    assertThat(events)
        .allSatisfy(
            event ->
                assertThat(new String(event.content().bytes(), StandardCharsets.ISO_8859_1))
                    .doesNotContain(Shop.ADDRESS.getName(), Shop.ADDRESS.getLine1(), "card_ok"));
  }

  @Test
  void saysNothingOfAnOrderThatWasRefused() {
    long before = instance.events.store().last();
    assertThatThrownBy(() -> shop.place(ann, order("card_ok", UUID.randomUUID()))).isNotNull();
    shop.ended(shop.place(ann, order("card_declined", product)));
    await().until(() -> instance.events.store().last() == before + 2);
  }

  @Test
  void letsOthersReadWhatTheyAreListedFor() {
    Order order = shop.ended(shop.place(ann, order("card_ok", product)));
    instance.said(order, 3);
    ReadEventsRequest all =
        ReadEventsRequest.newBuilder().addTypes("shop.order.*").setPageSize(1_000).build();
    assertThat(shop.eventsAs("payment-svc").readEvents(all).getEventsList())
        .filteredOn(event -> event.getSubject().equals(order.getOrderId()))
        .hasSize(3);
    assertThatThrownBy(() -> shop.eventsAs("user-svc").readEvents(all))
        .hasMessageContaining("PERMISSION_DENIED");
  }
}
