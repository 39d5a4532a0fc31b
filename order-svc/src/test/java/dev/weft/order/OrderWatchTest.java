package dev.weft.order;

import static dev.weft.order.Refused.refused;
import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.order.Faults.Hold;
import dev.weft.order.Faults.When;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.CancelReason;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.order.v1.WatchOrderRequest;
import dev.weft.shop.order.v1.WatchOrderResponse;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Context;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Watching orders through the contract. */
final class OrderWatchTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  @RegisterExtension final Shop shop = new Shop(postgres.database());

  private final UUID ann = UUID.randomUUID();
  private final Shop.Instance instance = shop.start(postgres.database());
  private final UUID product = shop.inventory.product(10, 1999, "EUR");

  @Test
  void tellsAnOrderNowAndAfterEachChangeAndEndsWhenItRests() {
    Hold hold = shop.faults.hold("authorize", When.BEFORE);
    Order placed = shop.place(ann, order("card_ok", product));
    Iterator<WatchOrderResponse> changes = watch(ann, placed);
    assertThat(changes.next().getOrder()).isEqualTo(placed);
    hold.release();

    List<Order> told = new ArrayList<>();
    changes.forEachRemaining(change -> told.add(change.getOrder()));

    assertThat(told.getLast()).isEqualTo(shop.get(placed.getOrderId()));
    assertThat(told.getLast().getState()).isEqualTo(State.STATE_CONFIRMED);
    assertThat(told).extracting(Order::getEtag).doesNotHaveDuplicates();
    await().until(() -> instance.feed.open() == 0);
  }

  @Test
  void tellsOnceWhatRestsAlready() {
    Order order = shop.ended(shop.place(ann, order("card_declined", product)));

    Iterator<WatchOrderResponse> changes = watch(ann, order);

    assertThat(changes.next().getOrder()).isEqualTo(order);
    assertThat(changes.hasNext()).isFalse();
  }

  @Test
  void hearsOfChangesThatAnotherProcessMade() {
    Hold hold = shop.faults.hold("authorize", When.BEFORE);
    Order placed = shop.place(ann, order("card_ok", product));
    Iterator<WatchOrderResponse> changes = watch(ann, placed);
    changes.next();

    postgres
        .anotherDatabase()
        .inTransactionVoid(
            tx -> instance.store.requestCancel(tx, UUID.fromString(placed.getOrderId())));

    Order changed = changes.next().getOrder();
    assertThat(changed.getState()).isEqualTo(State.STATE_PENDING);
    assertThat(changed.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_REQUESTED);
    assertThat(changed.getEtag()).isNotEqualTo(placed.getEtag());
    hold.release();
    assertThat(changes.next().getOrder().getState()).isEqualTo(State.STATE_CANCELLED);
  }

  @Test
  void resumesAtAnotherProcessWhenItsOwnEnds() {
    Hold hold = shop.faults.hold("authorize", When.BEFORE);
    Order placed = shop.place(ann, order("card_ok", product));
    Iterator<WatchOrderResponse> changes = watch(ann, placed);
    changes.next();

    Shop.Instance heir = shop.start(postgres.database());
    assertThat(catchThrowable(changes::hasNext))
        .satisfies(
            thrown ->
                assertThat(Status.fromThrowable(thrown).getCode())
                    .isEqualTo(Status.Code.UNAVAILABLE));
    await().until(() -> instance.feed.open() == 0);
    Iterator<WatchOrderResponse> resumed = watch(ann, placed);
    assertThat(resumed.next().getOrder()).isEqualTo(placed);
    hold.release();
    List<Order> told = new ArrayList<>();
    resumed.forEachRemaining(change -> told.add(change.getOrder()));
    assertThat(told.getLast().getState()).isEqualTo(State.STATE_CONFIRMED);
    await().until(() -> heir.feed.open() == 0);
  }

  @Test
  void hidesTheOrdersOfOthers() {
    Order placed = shop.place(ann, order("card_ok", product));

    refused(
        Status.Code.NOT_FOUND, "ORDER_NOT_FOUND", () -> watch(UUID.randomUUID(), placed).hasNext());
  }

  @Test
  void boundsTheWatchesOfOneCallerAndForgetsThoseThatLeft() {
    Hold hold = shop.faults.hold("authorize", When.BEFORE);
    Order placed = shop.place(ann, order("card_ok", product));
    Context.CancellableContext leaving = Context.current().withCancellation();
    leaving.run(
        () -> {
          for (int i = 0; i < OrderFeed.WATCHES_PER_CALLER_MAX; i++) {
            watch(ann, placed).next();
          }
        });

    refused(Status.Code.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHES", () -> watch(ann, placed).hasNext());
    Iterator<WatchOrderResponse> admins = watch(Shop.ADMIN, placed, "admin");
    assertThat(admins.next().getOrder()).isEqualTo(placed);

    leaving.cancel(null);
    await().until(() -> instance.feed.open() == 1);
    Iterator<WatchOrderResponse> anns = watch(ann, placed);
    assertThat(anns.next().getOrder()).isEqualTo(placed);
    hold.release();
    // Whoever does not read on is not told the end.
    admins.forEachRemaining(_ -> {});
    anns.forEachRemaining(_ -> {});
    await().until(() -> instance.feed.open() == 0);
  }

  private Iterator<WatchOrderResponse> watch(UUID user, Order order, String... roles) {
    return shop.ordersAs(user, roles)
        .watchOrder(WatchOrderRequest.newBuilder().setOrderId(order.getOrderId()).build());
  }
}
