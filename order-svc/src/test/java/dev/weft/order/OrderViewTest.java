package dev.weft.order;

import static dev.weft.order.Refused.refused;
import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Database;
import dev.weft.durable.ParkedEvents;
import dev.weft.durable.ParkedEvents.Reason;
import dev.weft.mesh.RemoteError;
import dev.weft.order.Faults.Hold;
import dev.weft.order.Faults.When;
import dev.weft.order.OrderQueries.Filter;
import dev.weft.shop.event.v1.OrderConfirmed;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.shop.order.v1.CancelOrderRequest;
import dev.weft.shop.order.v1.GetOrderHistoryRequest;
import dev.weft.shop.order.v1.GetOrderViewRequest;
import dev.weft.shop.order.v1.ListOrdersRequest;
import dev.weft.shop.order.v1.ListOrdersResponse;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.CancelReason;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.order.v1.OrderChange;
import dev.weft.shop.order.v1.OrderView;
import dev.weft.shop.order.v1.RebuildOrderViewRequest;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What is read of orders: lists and histories, and that they are never older than asked for. */
final class OrderViewTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  private final Database database = postgres.database();
  private final UUID ann = UUID.randomUUID();
  private final UUID bob = UUID.randomUUID();
  private Shop shop;
  private Shop.Instance instance;
  private UUID product;

  @BeforeEach
  void start() {
    shop = new Shop(database);
    instance = shop.start(database);
    product = shop.inventory.product(1_000, 1999, "EUR");
  }

  @AfterEach
  void stop() {
    shop.close();
  }

  @Test
  void whoSaysWhatTheyWroteFindsItInTheListAtOnce() {
    instance.follow();
    Hold hold = shop.faults.hold("check-user", When.BEFORE);
    Order pending = shop.place(ann, order("card_ok", product));
    hold.awaitCall();
    for (int i = 0; i < 19; i++) {
      Order placed = shop.place(ann, order("card_ok", product));
      assertThat(list(ListOrdersRequest.newBuilder().addReadAfter(seen(placed)).build()))
          .extracting(Order::getOrderId)
          .hasSize(i + 2)
          .startsWith(placed.getOrderId());
    }
    Order last = list(ListOrdersRequest.getDefaultInstance()).getFirst();
    Order calledOff =
        shop.ordersAs(ann)
            .cancelOrder(
                CancelOrderRequest.newBuilder()
                    .setOrderId(pending.getOrderId())
                    .setRequestId("cancel")
                    .build())
            .getOrder();
    assertThat(
            list(
                ListOrdersRequest.newBuilder()
                    .addReadAfter(seen(calledOff))
                    .addReadAfter(seen(last).replace("\"", ""))
                    .build()))
        .filteredOn(one -> one.getOrderId().equals(pending.getOrderId()))
        .singleElement()
        .satisfies(one -> assertThat(version(one)).isGreaterThanOrEqualTo(version(calledOff)));
    hold.release();
  }

  @Test
  void whoOrderedFindsItInTheNextListWithoutSayingSo() {
    instance.follow();
    Hold hold = shop.faults.hold("check-user", When.BEFORE);
    for (int i = 0; i < 20; i++) {
      Order placed = shop.place(ann, order("card_ok", product));
      assertThat(list(ListOrdersRequest.getDefaultInstance()))
          .first()
          .returns(placed.getOrderId(), Order::getOrderId);
    }
    hold.release();
  }

  @Test
  void whoAsksForMoreThanHasArrivedIsToldSoAndGetsNothingOld() {
    Order placed = shop.place(ann, order("card_ok", product));
    assertThat(
            shop.ordersAs(Shop.ADMIN, "admin")
                .listOrders(ListOrdersRequest.getDefaultInstance())
                .getOrdersList())
        .isEmpty();

    RemoteError error =
        refused(
            Status.Code.ABORTED,
            "READ_MODEL_BEHIND",
            () -> list(ListOrdersRequest.newBuilder().addReadAfter(seen(placed)).build()));
    assertThat(error.metadata()).containsEntry("http_status", "412");
    assertThat(error.retryAfter()).isPresent();
    refused(
        Status.Code.ABORTED,
        "READ_MODEL_BEHIND",
        () ->
            shop.ordersAs(ann)
                .getOrderHistory(
                    GetOrderHistoryRequest.newBuilder()
                        .setOrderId(placed.getOrderId())
                        .addReadAfter(seen(placed))
                        .build()));

    instance.follow();
    shop.awaitView();
    assertThat(list(ListOrdersRequest.newBuilder().addReadAfter(seen(placed)).build())).hasSize(1);
  }

  @Test
  void nobodyWaitsForWhatNeverWasOrIsNotTheirs() {
    Order placed = shop.place(ann, order("card_ok", product));
    for (String wrong :
        List.of(
            placed.getOrderId() + ":99",
            UUID.randomUUID() + ":1",
            placed.getOrderId(),
            placed.getOrderId() + ":0",
            "ann:1",
            "x")) {
      refused(
          Status.Code.INVALID_ARGUMENT,
          "INVALID_FIELD",
          () -> list(ListOrdersRequest.newBuilder().addReadAfter(wrong).build()));
    }
    refused(
        Status.Code.INVALID_ARGUMENT,
        "INVALID_FIELD",
        () ->
            shop.ordersAs(bob)
                .listOrders(ListOrdersRequest.newBuilder().addReadAfter(seen(placed)).build()));
  }

  @Test
  void tellsWhatHappenedToAnOrder() {
    instance.follow();
    Order confirmed = shop.ended(shop.place(ann, order("card_ok", product)));
    Order declined = shop.ended(shop.place(ann, order("card_declined", product)));

    List<OrderChange> history = history(confirmed);
    assertThat(history)
        .extracting(OrderChange::getType, OrderChange::getState)
        .containsExactly(
            tuple("shop.order.created", State.STATE_PENDING),
            tuple("shop.order.capture_begun", State.STATE_PENDING),
            tuple("shop.order.confirmed", State.STATE_CONFIRMED));
    assertThat(history).extracting(OrderChange::getEventId).doesNotHaveDuplicates();
    assertThat(history.getFirst().getChangeTime()).isEqualTo(confirmed.getCreateTime());
    assertThat(history.getLast().getChangeTime()).isEqualTo(confirmed.getUpdateTime());
    assertThat(history.getLast().getEtag()).isEqualTo(confirmed.getEtag());
    assertThat(history(declined))
        .last()
        .returns(CancelReason.CANCEL_REASON_PAYMENT_DECLINED, OrderChange::getCancelReason)
        .returns("shop.order.cancelled", OrderChange::getType);
    refused(
        Status.Code.NOT_FOUND,
        "ORDER_NOT_FOUND",
        () ->
            shop.ordersAs(bob)
                .getOrderHistory(
                    GetOrderHistoryRequest.newBuilder()
                        .setOrderId(confirmed.getOrderId())
                        .build()));
  }

  @Test
  void countsWhatIsOnAllPagesAndListsFromEitherEnd() {
    instance.follow();
    List<String> placed = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      placed.add(
          shop.ended(shop.place(ann, order(i == 3 ? "card_declined" : "card_ok", product)))
              .getOrderId());
    }
    shop.ended(shop.place(bob, order("card_ok", product)));
    shop.awaitView();

    ListOrdersRequest oldestFirst =
        ListOrdersRequest.newBuilder().setPageSize(2).setOrderBy("create_time").build();
    List<String> listed = new ArrayList<>();
    String token = "";
    do {
      ListOrdersResponse page =
          shop.ordersAs(ann).listOrders(oldestFirst.toBuilder().setPageToken(token).build());
      assertThat(page.getTotalSize()).isEqualTo(5);
      page.getOrdersList().forEach(one -> listed.add(one.getOrderId()));
      token = page.getNextPageToken();
    } while (!token.isEmpty());
    assertThat(listed).isEqualTo(placed);
    Collections.reverse(placed);
    assertThat(list(ListOrdersRequest.newBuilder().setOrderBy("create_time desc").build()))
        .extracting(Order::getOrderId)
        .isEqualTo(placed);
    assertThat(
            shop.ordersAs(ann)
                .listOrders(ListOrdersRequest.newBuilder().setState(State.STATE_CONFIRMED).build())
                .getTotalSize())
        .isEqualTo(4);
    assertThat(
            shop.ordersAs(Shop.ADMIN, "admin")
                .listOrders(ListOrdersRequest.newBuilder().setPageSize(1).build())
                .getTotalSize())
        .isEqualTo(6);
    String next = shop.ordersAs(ann).listOrders(oldestFirst.toBuilder().build()).getNextPageToken();
    refused(
        Status.Code.INVALID_ARGUMENT,
        "INVALID_FIELD",
        () -> list(oldestFirst.toBuilder().clearOrderBy().setPageToken(next).build()));
    refused(
        Status.Code.INVALID_ARGUMENT,
        "INVALID_FIELD",
        () -> list(ListOrdersRequest.newBuilder().setOrderBy("total").build()));
  }

  @Test
  void noReaderSeesAnOrderGoBackOrAwayWhileItIsMadeAnewAndTwoProcessesFollow() throws Exception {
    Shop.Instance first = instance.follow();
    Shop.Instance second = shop.start(postgres.anotherDatabase()).follow();
    AtomicBoolean over = new AtomicBoolean();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Integer> reader = threads.submit(() -> read(over, first, second));
      try {
        List<Order> placed = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
          placed.add(shop.place(ann, order(i % 4 == 3 ? "card_declined" : "card_ok", product)));
          if (i % 10 == 5) {
            (i % 20 == 5 ? first : second).viewBuilder.begin();
          }
        }
        placed.forEach(shop::ended);
        shop.awaitView();
      } finally {
        over.set(true);
      }
      assertThat(reader.get()).isGreaterThan(10);
    }
    ViewRows.rebuild(second);
    awaitTakenIn();

    assertThat(ViewRows.generation(database)).isGreaterThan(2);
    assertThat(ViewRows.differencesFromOrders(database)).isEmpty();
    List<String> live = ViewRows.of(database);
    ViewRows.rebuild(first);
    assertThat(ViewRows.of(database)).isEqualTo(live);
  }

  @Test
  void whatArrivesAgainChangesNothing() {
    instance.follow();
    for (int i = 0; i < 10; i++) {
      shop.ended(shop.place(ann, order("card_ok", product)));
    }
    awaitTakenIn();
    List<String> before = ViewRows.of(database);

    instance.events.groups().move(OrderProjection.CONSUMER, 0);
    awaitTakenIn();

    assertThat(ViewRows.of(database)).isEqualTo(before);
    assertThat(ViewRows.differencesFromOrders(database)).isEmpty();
  }

  @Test
  void takesInEventsOfNewTypesAndParksWhatItDoesNotUnderstand() {
    instance.follow();
    Order ofNewType = shop.ended(shop.place(ann, order("card_ok", product)));
    Order ofNewSchema = shop.ended(shop.place(ann, order("card_ok", product)));

    say(ofNewType, "shop.order.wrapped", 1);
    say(ofNewSchema, "shop.order.split", 2);
    say(ofNewSchema, "shop.order.wrapped", 1);
    await().until(() -> history(ofNewType).size() == 4);
    await().until(() -> parked(Reason.UNREADABLE) == 1 && parked(Reason.BEHIND) == 1);

    assertThat(history(ofNewType)).last().returns("shop.order.wrapped", OrderChange::getType);
    assertThat(history(ofNewSchema)).last().returns("shop.order.confirmed", OrderChange::getType);
    OrderView view =
        shop.viewAs(Shop.ADMIN, "admin")
            .getOrderView(GetOrderViewRequest.getDefaultInstance())
            .getOrderView();
    assertThat(view.getDeadLetters()).isEqualTo(1);
    assertThat(view.getWaiting()).isEqualTo(1);
    shop.ended(shop.place(ann, order("card_ok", product)));
    await().until(() -> list(ListOrdersRequest.getDefaultInstance()).size() == 3);
  }

  @Test
  void anAdministratorMakesItAnewAndNobodyElseDoes() {
    instance.follow();
    shop.ended(shop.place(ann, order("card_ok", product)));
    awaitTakenIn();
    int before = ViewRows.generation(database);

    RebuildOrderViewRequest request = RebuildOrderViewRequest.getDefaultInstance();
    refused(
        Status.Code.PERMISSION_DENIED,
        "ROLE_REQUIRED",
        () -> shop.viewAs(ann).rebuildOrderView(request));
    refused(
        Status.Code.PERMISSION_DENIED,
        "ROLE_REQUIRED",
        () -> shop.viewAs(ann).getOrderView(GetOrderViewRequest.getDefaultInstance()));
    var admin = shop.viewAs(Shop.ADMIN, "admin");
    OrderView begun = admin.rebuildOrderView(request).getOrderView();
    assertThat(begun.getRebuilding() || begun.getGeneration() == before + 1).isTrue();

    OrderView view =
        await()
            .until(
                () -> admin.getOrderView(GetOrderViewRequest.getDefaultInstance()).getOrderView(),
                one -> !one.getRebuilding());
    assertThat(view.getGeneration()).isEqualTo(before + 1);
    // What was said of the order, and of its saga.
    assertThat(view.getLastPosition()).isEqualTo(3 + 1);
    assertThat(list(ListOrdersRequest.getDefaultInstance())).hasSize(1);
  }

  /** Reads again and again, of both processes in turn; says how often. */
  private int read(AtomicBoolean over, Shop.Instance... instances) {
    Map<UUID, Long> seen = new HashMap<>();
    int reads = 0;
    while (!over.get()) {
      Filter filter = new Filter(Optional.of(ann), Optional.empty(), Optional.empty(), true);
      OrderQueries.Page page =
          instances[reads++ % instances.length].queries.list(filter, 200, "", List.of());
      Map<UUID, Long> now = new HashMap<>();
      page.orders().forEach(one -> now.put(one.id(), one.version()));
      assertThat(now.keySet()).containsAll(seen.keySet());
      seen.forEach((id, version) -> assertThat(now.get(id)).isGreaterThanOrEqualTo(version));
      seen = now;
    }
    return reads;
  }

  /** Says something of an order that no code of today does. */
  private void say(Order order, String type, int schemaVersion) {
    UUID id = UUID.fromString(order.getOrderId());
    database.inTransactionVoid(
        tx -> {
          tx.execute(
              """
              UPDATE customer_order SET event_version = event_version + 1, version = version + 1
               WHERE order_id = ?
              """,
              id);
          dev.weft.order.Order now = instance.store.find(tx, id).orElseThrow();
          OrderFacts facts = OrderMessages.facts(now);
          instance.events.publish(
              tx,
              type,
              schemaVersion,
              order.getOrderId(),
              now.eventVersion(),
              OrderConfirmed.newBuilder().setOrder(facts).build());
        });
  }

  /** Waits until the consumer is done with all that was said. */
  private void awaitTakenIn() {
    await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () ->
                instance.events.store().last() > 0
                    && instance.events.groups().progress().stream()
                        .allMatch(group -> group.behind() == 0));
  }

  private long parked(Reason reason) {
    return database
        .read(tx -> new ParkedEvents(OrderProjection.CONSUMER).counts(tx))
        .getOrDefault(reason, 0L);
  }

  private List<Order> list(ListOrdersRequest request) {
    return shop.ordersAs(ann).listOrders(request).getOrdersList();
  }

  private List<OrderChange> history(Order order) {
    return shop.ordersAs(ann)
        .getOrderHistory(
            GetOrderHistoryRequest.newBuilder()
                .setOrderId(order.getOrderId())
                .addReadAfter(seen(order))
                .build())
        .getChangesList();
  }

  private static String seen(Order order) {
    return order.getOrderId() + ":" + order.getEtag();
  }

  private static long version(Order order) {
    return Long.parseLong(order.getEtag().replace("\"", ""));
  }
}
