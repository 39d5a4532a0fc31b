package dev.weft.payment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.card.CardNetworkServer;
import dev.weft.durable.CommandId;
import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.Inbox;
import dev.weft.durable.RequestIds;
import dev.weft.durable.UuidV7;
import dev.weft.events.Cause;
import dev.weft.events.EventLog;
import dev.weft.events.EventPayloads;
import dev.weft.mesh.Rejection;
import dev.weft.payment.Refund.State;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.shop.event.v1.OrderRefundRequested;
import dev.weft.shop.event.v1.PaymentRefunded;
import dev.weft.testkit.PostgresExtension;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What an order paid is given back when it is called off, however often that is said. */
@Timeout(120)
final class CalledOffOrdersTest {
  private static final Amount PRICE = new Amount(1999, "EUR");
  private static final URI NOBODY = URI.create("http://127.0.0.1:1");
  private static final String TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir Path directory;

  private final UUID user = UuidV7.next();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private CardNetworkServer cards;
  private StubbornNetwork network;
  private Instance process;

  @BeforeEach
  void open() throws IOException {
    cards = CardNetworkServer.start(directory, Duration.ZERO, Duration.ZERO);
    network = new StubbornNetwork(cards.address());
    process = new Instance(postgres.database(), network.address());
    process.log.start();
  }

  @AfterEach
  void close() throws Exception {
    postgres.database().shiftClock(Duration.ZERO);
    for (AutoCloseable one : opened.reversed()) {
      one.close();
    }
    process.log.close();
    network.close();
    cards.close();
  }

  /** What one process of payment-svc is made of. */
  private final class Instance {
    final Database database;
    final EventLog log;
    final Payments payments;
    final Resolver resolver;
    final CalledOffOrders calledOff;

    Instance(Database database, URI network) {
      this.database = database;
      PaymentStore store = new PaymentStore();
      Ledger ledger = new Ledger();
      log = Logs.of(database);
      CardNetwork client = new CardNetwork(network, CardNetwork.Patience.DEFAULT);
      Settlement settlement =
          new Settlement(database, store, ledger, client, new PaymentEvents(log, store));
      opened.add(client);
      opened.add(settlement);
      payments = new Payments(database, store, ledger, settlement, () -> {});
      resolver = new Resolver(database, store, settlement, Duration.ofMillis(20));
      calledOff = new CalledOffOrders(payments);
    }

    /** As the bus hands an event on: in one transaction with the memory of it, as the cause. */
    void deliver(Event event) {
      Inbox inbox = new Inbox(CalledOffOrders.CONSUMER, Inbox.Order.SOME_VERSIONS);
      Inbox.Receipt _ =
          cause(event)
              .lead(
                  () ->
                      database.inTransaction(
                          tx ->
                              inbox.receive(
                                  tx,
                                  event,
                                  Duration.ofSeconds(1),
                                  () -> calledOff.handle(tx, event))));
    }
  }

  @Test
  void allThatAnOrderPaidIsGivenBackAndThatIsSaid() throws Exception {
    UUID order = paid();

    process.deliver(refundRequested(order));

    awaitRefunded(order);
    assertThat(books(order)).containsExactly(1999L, -1999L, -1999L, 1999L);
    assertThat(atTheNetwork(order)).contains("\"refundedAmount\":1999");
    PaymentRefunded refunded = payload(said(order, 1).getFirst());
    assertThat(refunded.getOrderId()).isEqualTo(order.toString());
    assertThat(refunded.getUserId()).isEqualTo(user.toString());
    assertThat(refunded.getState())
        .isEqualTo(dev.weft.shop.payment.v1.Payment.State.STATE_REFUNDED);
    assertThat(refunded.getAmount()).isEqualTo(refunded.getCapturedAmount());
    assertThat(refunded.getRefundedAmount()).isEqualTo(refunded.getCapturedAmount());
  }

  @Test
  void eachIsGivenBackOnceThoughEveryEventArrivesThriceInAnyOrderAndAtTheSameTime()
      throws Exception {
    List<UUID> orders = new ArrayList<>();
    List<Callable<Void>> deliveries = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      UUID order = paid();
      orders.add(order);
      Event event = refundRequested(order);
      deliveries.addAll(
          Collections.nCopies(
              3,
              () -> {
                process.deliver(event);
                return null;
              }));
    }
    UUID kept = paid();
    Collections.shuffle(deliveries, new Random(7));

    try (var threads = Executors.newFixedThreadPool(4)) {
      for (Future<Void> one : threads.invokeAll(deliveries)) {
        one.get();
      }
    }

    for (UUID order : orders) {
      awaitRefunded(order);
      assertThat(books(order)).hasSize(4);
      assertThat(atTheNetwork(order)).contains("\"refundedAmount\":1999");
      assertThat(said(order, 1)).hasSize(1);
    }
    assertThat(payment(kept).state()).isEqualTo(PaymentState.CAPTURED);
    assertThat(books(kept)).hasSize(2);
  }

  @Test
  void whatAnAdministratorGaveBackBeforeIsNotGivenBackTwice() throws Exception {
    UUID order = paid();
    process.payments.refund(wish(order, 500));

    process.deliver(refundRequested(order));
    awaitRefunded(order);
    process.deliver(refundRequested(order));

    assertThat(books(order)).containsExactly(1999L, -1999L, -500L, 500L, -1499L, 1499L);
    assertThat(atTheNetwork(order)).contains("\"refundedAmount\":1999");
    List<Event> said = said(order, 2);
    assertThat(said).extracting(event -> event.aggregate().version()).containsExactly(1L, 2L);
    assertThat(said)
        .extracting(event -> payload(event).getState())
        .containsExactly(
            dev.weft.shop.payment.v1.Payment.State.STATE_CAPTURED,
            dev.weft.shop.payment.v1.Payment.State.STATE_REFUNDED);
  }

  @Test
  void whatAnAdministratorAskedForIsOwedWhenTheNetworkRefusesThat() {
    UUID order = paid();
    Instance cutOff = new Instance(postgres.anotherDatabase(), NOBODY);
    assertThatThrownBy(() -> cutOff.payments.refund(wish(order, 500)))
        .isInstanceOf(Rejection.class);
    network.refuseRefunds(1);

    process.deliver(refundRequested(order));

    awaitRefunded(order);
    assertThat(network.refused()).isEqualTo(1);
    assertThat(books(order)).containsExactly(1999L, -1999L, -1499L, 1499L, -500L, 500L);
    assertThat(refunds(order)).containsExactlyInAnyOrder(State.REFUSED, State.DONE, State.DONE);
  }

  @Test
  void aRefundThatTheNetworkRefusesIsListedAndAskedForUntilItIsMade() {
    UUID order = paid();
    network.refuseRefunds(1_000);

    process.deliver(refundRequested(order));

    await().until(() -> refunds(order).equals(List.of(State.STALLED)));
    assertThat(process.payments.listRefunds(Optional.of(State.STALLED), 10, "").rows())
        .filteredOn(listed -> listed.orderId().equals(order))
        .singleElement()
        .satisfies(
            listed -> {
              assertThat(listed.refund().refusal()).contains("refund_exceeds_capture");
              assertThat(listed.amount()).isEqualTo(PRICE);
            });
    assertThat(postgres.database().<Long>read(new PaymentStore()::countStalled)).isEqualTo(1);
    int refused = network.refused();
    takeUpLater(Duration.ofMinutes(1));
    await().until(() -> network.refused() > refused);
    assertThat(payment(order).state()).isEqualTo(PaymentState.CAPTURED);
    assertThat(said(order, 0)).isEmpty();

    network.refuseRefunds(0);
    takeUpLater(Duration.ofMinutes(2));

    awaitRefunded(order);
    assertThat(refunds(order)).containsExactly(State.DONE);
    assertThat(postgres.database().<Long>read(new PaymentStore()::countStalled)).isZero();
    assertThat(books(order)).hasSize(4);
    assertThat(said(order, 1)).hasSize(1);
  }

  @Test
  void anAdministratorHasAStalledRefundAskedForAtOnce() {
    UUID order = paid();
    network.refuseRefunds(1_000);
    process.deliver(refundRequested(order));
    await().until(() -> refunds(order).equals(List.of(State.STALLED)));
    UUID refund = listed(order).getFirst().refund().id();

    assertThat(process.payments.retryRefund(refund).refund().state()).isEqualTo(State.STALLED);
    network.refuseRefunds(0);
    assertThat(process.payments.retryRefund(refund).refund().state()).isEqualTo(State.DONE);

    assertThat(payment(order).state()).isEqualTo(PaymentState.REFUNDED);
    assertThat(books(order)).hasSize(4);
    assertThatThrownBy(() -> process.payments.retryRefund(refund))
        .isInstanceOfSatisfying(
            Rejection.class, e -> assertThat(e.reason()).isEqualTo("REFUND_ENDED"));
  }

  @Test
  void isGivenBackByAnotherProcessWhenTheOneThatHeardOfItDies() {
    UUID order = paid();
    Instance dying = new Instance(postgres.anotherDatabase(), NOBODY);
    dying.deliver(refundRequested(order));

    takeUpLater(PaymentStore.LEASE.plusSeconds(1));

    awaitRefunded(order);
    assertThat(books(order)).hasSize(4);
    assertThat(said(order, 1)).hasSize(1);
  }

  @Test
  void aPartWhoseAnswersAreLostIsGivenBackOnce() throws Exception {
    UUID order = paid();
    network.loseAnswers(true);
    assertThatThrownBy(() -> process.payments.refund(wish(order, 500)))
        .isInstanceOf(Rejection.class);
    network.loseAnswers(false);

    takeUpLater(PaymentStore.LEASE.plusSeconds(1));

    await().until(() -> refunds(order).equals(List.of(State.DONE)));
    assertThat(books(order)).containsExactly(1999L, -1999L, -500L, 500L);
    assertThat(atTheNetwork(order)).contains("\"refundedAmount\":500");
  }

  @Test
  void theBooksHoldNoRefundThatCannotBeSaid() {
    UUID order = paid();
    try (var _ = postgres.refuse("outbox")) {
      assertThatThrownBy(() -> process.payments.refundOrder(order))
          .hasStackTraceContaining("no rows for outbox");
      assertThat(books(order)).hasSize(2);
      assertThat(payment(order).state()).isEqualTo(PaymentState.CAPTURED);
    }

    takeUpLater(PaymentStore.LEASE.plusSeconds(1));

    awaitRefunded(order);
    assertThat(books(order)).hasSize(4);
    assertThat(said(order, 1)).hasSize(1);
  }

  @Test
  void nothingIsGivenBackOfWhatWasNotTaken() {
    UUID order = UuidV7.next();
    assertThatThrownBy(() -> process.deliver(refundRequested(order)))
        .hasMessageContaining("no such payment");
    authorize(order);
    assertThatThrownBy(() -> process.deliver(refundRequested(order)))
        .hasMessageContaining("order " + order + " paid nothing");

    process.payments.capture(order, "saga:capture:do");
    process.deliver(refundRequested(order));
    awaitRefunded(order);
  }

  @Test
  void whatIsSaidAnswersTheEventThatCalledTheOrderOffWhoeverGivesItsMoneyBack() {
    UUID order = paid();
    Event event = refundRequested(order);
    new Instance(postgres.anotherDatabase(), NOBODY).deliver(event);

    takeUpLater(PaymentStore.LEASE.plusSeconds(1));

    awaitRefunded(order);
    assertThat(origin(said(order, 1).getFirst())).isEqualTo(cause(event));
  }

  @Test
  void whatIsSaidOfARefundThatWasOwedWhenAnotherWasRefusedAnswersThatEventToo() {
    UUID order = paid();
    Instance cutOff = new Instance(postgres.anotherDatabase(), NOBODY);
    assertThatThrownBy(() -> cutOff.payments.refund(wish(order, 500)))
        .isInstanceOf(Rejection.class);
    network.refuseRefunds(1);
    Event event = refundRequested(order);

    process.deliver(event);

    awaitRefunded(order);
    assertThat(said(order, 2))
        .hasSize(2)
        .allSatisfy(e -> assertThat(origin(e)).isEqualTo(cause(event)));
  }

  @Test
  void whatIsSaidOfARefundThatAnAdministratorAskedForAnswersNoEvent() {
    UUID order = paid();
    new Cause("request-1", Optional.empty(), TRACE)
        .lead(() -> process.payments.refund(wish(order, 500)));

    process.deliver(refundRequested(order));

    awaitRefunded(order);
    assertThat(origin(said(order, 2).getFirst()))
        .isEqualTo(new Cause("request-1", Optional.empty(), TRACE));
  }

  @Test
  void aRefundThatHasEndedDoesNotEndAgain() {
    UUID order = paid();
    process.deliver(refundRequested(order));
    awaitRefunded(order);
    PaymentStore store = new PaymentStore();
    Refund refund = listed(order).getFirst().refund();

    // Nobody asks for it: who ends refunds has locked the payment and looked for open ones.
    boolean again = postgres.database().inTransaction(tx -> store.done(tx, refund, 1));

    assertThat(again).isFalse();
    assertThat(listed(order).getFirst().refund()).isEqualTo(refund);
  }

  private UUID paid() {
    UUID order = UuidV7.next();
    authorize(order);
    process.payments.capture(order, "saga:capture:do");
    return order;
  }

  private void authorize(UUID order) {
    process.payments.authorize(
        new Payments.Authorization(
            order, user, PRICE, "card_ok", CommandId.parse(order + ":authorize:forward")));
  }

  private Payments.RefundWish wish(UUID order, long minor) {
    return new Payments.RefundWish(
        payment(order).id(),
        Optional.of(PRICE.withMinor(minor)),
        new RequestIds.Key("admin", "refund", order.toString()),
        "hash");
  }

  /** What is left, as if so much time had passed. */
  private void takeUpLater(Duration later) {
    postgres.database().shiftClock(later);
    process.resolver.tick();
  }

  private void awaitRefunded(UUID order) {
    await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () -> {
              // As often as it is needed: whoever failed before may hold the payment for a moment.
              process.resolver.tick();
              return payment(order).state() == PaymentState.REFUNDED;
            });
  }

  private Payment payment(UUID order) {
    return process.payments.list(Optional.empty(), Optional.of(order), 1, "").rows().getFirst();
  }

  private List<State> refunds(UUID order) {
    return listed(order).stream().map(listed -> listed.refund().state()).toList();
  }

  private List<PaymentStore.ListedRefund> listed(UUID order) {
    return process.payments.listRefunds(Optional.empty(), 100, "").rows().stream()
        .filter(listed -> listed.orderId().equals(order))
        .toList();
  }

  private List<Long> books(UUID order) {
    return process.payments.listLedger(Set.of(order), 100, "").rows().stream()
        .map(entry -> entry.amount().minor())
        .toList();
  }

  /** What was said of the order's payment, once it is that much at least. */
  private List<Event> said(UUID order, int atLeast) {
    String id = payment(order).id().toString();
    return await()
        .until(
            () -> process.log.store().readAggregate("shop.payment", id, 1, 10),
            events -> events.size() >= atLeast);
  }

  private static PaymentRefunded payload(Event event) {
    return EventPayloads.parse(event, PaymentRefunded.getDefaultInstance());
  }

  private String atTheNetwork(UUID order) throws Exception {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return http.send(
              HttpRequest.newBuilder(cards.address().resolve("/v1/charges?reference=" + order))
                  .build(),
              BodyHandlers.ofString())
          .body();
    }
  }

  private static Event refundRequested(UUID order) {
    OrderRefundRequested payload =
        OrderRefundRequested.newBuilder()
            .setOrder(OrderFacts.newBuilder().setOrderId(order.toString()))
            .build();
    return new Event(
        1,
        UuidV7.next(),
        "order-svc",
        "shop.order.refund_requested",
        1,
        new Event.Aggregate("shop.order", order.toString(), 4),
        new Event.Content(
            "application/protobuf",
            payload.getDescriptorForType().getFullName(),
            payload.toByteArray()),
        new Event.Origin("request-of-" + order, Optional.of(order), Optional.of(TRACE)),
        Instant.EPOCH);
  }

  /** That something is done because of the event. */
  private static Cause cause(Event event) {
    return new Cause(event.origin().correlationId(), Optional.of(event.id()), TRACE);
  }

  private static Cause origin(Event event) {
    Event.Origin origin = event.origin();
    return new Cause(origin.correlationId(), origin.causationId(), origin.traceparent().orElse(""));
  }
}
