package dev.weft.prove;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import com.google.type.Money;
import dev.weft.event.v1.Event;
import dev.weft.prove.Books.Charge;
import dev.weft.prove.Books.NetworkEntry;
import dev.weft.prove.EventBooks.Memory;
import dev.weft.prove.History.Placed;
import dev.weft.shop.event.v1.OrderConfirmed;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.shop.event.v1.PaymentRefunded;
import dev.weft.shop.event.v1.ReservationReturned;
import dev.weft.shop.event.v1.ReturnedLine;
import dev.weft.shop.event.v1.UserCreated;
import dev.weft.shop.event.v1.UserFacts;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.user.v1.User;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An order that was refunded, all that was said of it, and what the judge says when that is not so.
 */
final class EventJudgeTest {
  private static final String ORDER = "0190a000-0000-7000-8000-000000000001";
  private static final String PRODUCT = "0190a000-0000-7000-8000-00000000000a";
  private static final String ADA = "0190a000-0000-7000-8000-0000000000aa";
  private static final String PAID = "p1";
  private static final int TOTAL = 5;

  private final History history;
  private final Map<String, Books.Order> orders = new HashMap<>();
  private final Map<String, Charge> charges = new HashMap<>();
  private final List<StockMovement> movements = new ArrayList<>();

  private final Map<String, List<Event>> logs = new TreeMap<>();
  private final List<Sighting> tapped = new ArrayList<>();
  private final Map<String, Map<String, Long>> said = new HashMap<>();
  private final Map<Flow, Memory> memories = new EnumMap<>(Flow.class);
  private final Map<String, Long> waiting = new HashMap<>();
  private final Map<String, String> shown = new HashMap<>(Map.of(ORDER, "refunded"));
  private final Map<String, String> rebuilt = new HashMap<>(Map.of("order " + ORDER, "hash"));
  private final Map<String, List<String>> changes = new HashMap<>();
  private final Map<String, String> users = new HashMap<>(Map.of(ADA, "ACTIVE"));

  EventJudgeTest(@TempDir Path folder) {
    history = new History(folder.resolve("history.jsonl"));
    history.placed(new Placed(ORDER, Shopper.named(ADA), "k", "{}", TOTAL * 100, ""));
    order("STATE_REFUNDED");
    refunded(TOTAL * 100, "authorize", "capture", "refund");
    moved(1);
    say(Shop.USER, user(1, "created", User.State.STATE_ACTIVE));
    say(Shop.ORDER, order(1, "created", State.STATE_PENDING));
    say(Shop.ORDER, order(2, "confirmed", State.STATE_CONFIRMED));
    say(Shop.ORDER, order(3, "refund_requested", State.STATE_REFUNDING));
    say(Shop.PAYMENT, event("shop.payment.refunded", PAID, 1, paidBack()).setCausationId("o3"));
    say(Shop.INVENTORY, event("shop.reservation.returned", ORDER, 1, returned(1)));
    say(Shop.ORDER, order(4, "refunded", State.STATE_REFUNDED));
    said.put("shop.order", new HashMap<>(Map.of(ORDER, 4L)));
    said.put("shop.user", new HashMap<>(Map.of(ADA, 1L)));
    said.put("shop.payment", new HashMap<>(Map.of(PAID, 1L, "p2", 0L)));
    said.put("shop.reservation", new HashMap<>(Map.of(ORDER, 1L)));
    for (Flow flow : Flow.values()) {
      memories.put(flow, new Memory(new HashSet<>(), new HashSet<>()));
      log(flow.source).stream()
          .filter(flow::wants)
          .forEach(event -> memory(flow).handled().add(event.getEventId()));
    }
    changes.put(ORDER, new ArrayList<>(List.of("o1", "o2", "o3", "o4")));
    logs.values().forEach(log -> log.forEach(event -> tapped.add(Sighting.of(event))));
    waiting.put("order-svc: in its outbox", 0L);
  }

  @AfterEach
  void close() {
    history.close();
  }

  @Test
  void acceptsBooksThatAgree() {
    Verdict verdict = verdict();

    assertThat(verdict.violations()).isEmpty();
    assertThat(verdict.checked())
        .containsKeys(
            Invariant.E1,
            Invariant.E2,
            Invariant.E3,
            Invariant.E4,
            Invariant.E5,
            Invariant.E6,
            Invariant.E8,
            Invariant.E11,
            Invariant.Q1,
            Invariant.Q2);
  }

  @Test
  void seesAChangeThatWasNotSaid() {
    said("shop.order").put(ORDER, 5L);

    assertThat(broken()).containsExactly(Invariant.E1);
  }

  @Test
  void seesAnEventOfAChangeThatWasNotMade() {
    said("shop.payment").put(PAID, 0L);

    assertThat(broken()).containsExactly(Invariant.E2);
  }

  @Test
  void seesEventsOfSomethingThatIsNotThere() {
    said("shop.reservation").clear();

    assertThat(broken()).containsExactly(Invariant.E2);
  }

  @Test
  void knowsWhatWasMadeUp() {
    said("shop.reservation").clear();
    history.planted(ORDER);

    assertThat(broken()).doesNotContain(Invariant.E2);
  }

  @Test
  void seesAnOrderWhoseEndWasNotSaid() {
    order("STATE_CANCELLED");

    assertThat(broken()).containsExactly(Invariant.E1);
  }

  @Test
  void seesAnEventOfAnotherOrder() {
    replace(Shop.ORDER, 1, order(2, "confirmed", State.STATE_CONFIRMED, TOTAL + 1));

    assertThat(broken()).containsExactly(Invariant.E2);
  }

  @Test
  void seesBytesThatAreNoMessage() {
    Event.Builder garbage = order(2, "confirmed", State.STATE_CONFIRMED);
    replace(Shop.ORDER, 1, garbage.setData(ByteString.copyFromUtf8("garbage")));

    assertThat(broken()).containsExactly(Invariant.E2);
  }

  @Test
  void seesMoneyGivenBackOfWhichNobodyWasTold() {
    refunded(TOTAL * 100, "authorize", "capture", "refund", "refund");
    assertThat(broken()).containsExactly(Invariant.E1);

    refunded(0, "authorize", "capture");
    assertThat(broken()).containsExactly(Invariant.E2);
  }

  @Test
  void seesGoodsThatCameBackOtherwiseThanWasSaid() {
    moved(2);
    assertThat(broken()).containsExactly(Invariant.E1);

    movements.clear();
    assertThat(broken()).containsExactly(Invariant.E2);
  }

  @Test
  void seesADeletedAccountThatIsNotSaidToBeGone() {
    history.left(new History.Leaving(ADA, List.of(), List.of()));

    assertThat(broken()).containsExactly(Invariant.E1);
  }

  @Test
  void seesAnAccountThatIsSaidToBeGoneAndIsNot() {
    said("shop.user").put(ADA, 2L);
    say(Shop.USER, user(2, "deleted", User.State.STATE_DELETED));
    memory(Flow.FAREWELL).handled().add("u2");
    users.put(ADA, "DELETED");

    assertThat(broken()).containsExactly(Invariant.E2);
  }

  @Test
  void seesAPositionThatWasPassedOver() {
    tapped.removeIf(one -> one.id().equals("o1"));

    assertThat(broken()).containsExactly(Invariant.E3);
  }

  @Test
  void seesVersionsOutOfTheirOrder() {
    replace(
        Shop.ORDER, 0, order(2, "created", State.STATE_PENDING).setEventId("o1").setPosition(1));

    assertThat(broken()).contains(Invariant.E3);
  }

  @Test
  void seesAnEventThatChanged() {
    Event event = log(Shop.PAYMENT).getFirst();
    tapped.add(Sighting.of(event.toBuilder().setTraceParent("another").build()));

    assertThat(broken()).containsExactly(Invariant.E4);
  }

  @Test
  void seesWhatAHistoryTellsTwice() {
    changes(ORDER).add("o4");

    assertThat(broken()).containsExactly(Invariant.E5);
  }

  @Test
  void doesNotMissADeadLetterInAHistory() {
    changes(ORDER).remove("o2");
    assertThat(broken()).containsExactly(Invariant.E5);

    memory(Flow.VIEW).handled().remove("o2");
    memory(Flow.VIEW).dead().add("o2");
    assertThat(broken()).isEmpty();
  }

  @Test
  void seesAnAccountThatIsTakenForAnother() {
    users.put(ADA, "DISABLED");

    assertThat(broken()).containsExactly(Invariant.E5);
  }

  @Test
  void seesAnEventThatWasLostOnItsWay() {
    memory(Flow.MONEY_OWED).handled().clear();

    assertThat(broken()).containsExactly(Invariant.E6);
  }

  @Test
  void seesADeadLetterThatWasHandled() {
    memory(Flow.GOODS_BACK).dead().addAll(memory(Flow.GOODS_BACK).handled());

    assertThat(broken()).containsExactly(Invariant.E6);
  }

  @Test
  void seesWhatWasHandledAndNeverSaid() {
    memory(Flow.MONEY_BACK).handled().add("nobody's");

    assertThat(broken()).containsExactly(Invariant.E6);
    history.stray("nobody's");
    assertThat(broken()).isEmpty();
  }

  @Test
  void seesWhatStillWaits() {
    waiting.put("order-svc: in its outbox", 2L);

    assertThat(broken()).containsExactly(Invariant.E8);
  }

  @Test
  void seesACauseThatIsNoEvent() {
    Event event = log(Shop.PAYMENT).getFirst();
    replace(Shop.PAYMENT, 0, event.toBuilder().setCausationId("nobody's"));

    assertThat(broken()).containsExactly(Invariant.E11);
  }

  @Test
  void seesARefundWithoutACauseUnlessItWasAskedFor() {
    replace(Shop.PAYMENT, 0, log(Shop.PAYMENT).getFirst().toBuilder().clearCausationId());
    assertThat(broken()).containsExactly(Invariant.E11);

    history.refunded(new History.Refund(ORDER, "r1", TOTAL * 100));
    assertThat(broken()).isEmpty();
  }

  @Test
  void seesACauseInAnotherCorrelation() {
    Event event = log(Shop.PAYMENT).getFirst();
    replace(Shop.PAYMENT, 0, event.toBuilder().setCorrelationId("another"));

    assertThat(broken()).containsExactly(Invariant.E11);
  }

  @Test
  void seesAListThatShowsAnOrderOtherwise() {
    shown.put(ORDER, "confirmed");

    assertThat(broken()).containsExactly(Invariant.Q1);
  }

  @Test
  void seesARowThatIsAnotherWhenItIsMadeAnew() {
    rebuilt.put("order " + ORDER, "another hash");
    assertThat(broken()).containsExactly(Invariant.Q2);

    rebuilt.clear();
    assertThat(broken()).containsExactly(Invariant.Q2);
  }

  private Verdict verdict() {
    return EventJudge.of(
        history,
        new Books(orders, Map.of(), List.of(), charges, movements, Map.of(), Set.of(), true),
        new EventBooks(
            logs,
            tapped,
            said,
            memories,
            waiting,
            new ReadModel(
                Map.of(ORDER, "refunded"),
                shown,
                Map.of("order " + ORDER, "hash"),
                rebuilt,
                changes,
                users)));
  }

  private Set<Invariant> broken() {
    return verdict().violations().keySet();
  }

  private Map<String, Long> said(String type) {
    return requireNonNull(said.get(type));
  }

  private List<Event> log(String source) {
    return requireNonNull(logs.get(source));
  }

  private List<String> changes(String order) {
    return requireNonNull(changes.get(order));
  }

  private Memory memory(Flow flow) {
    return requireNonNull(memories.get(flow));
  }

  private void say(String source, Event.Builder event) {
    List<Event> log = logs.computeIfAbsent(source, _ -> new ArrayList<>());
    log.add(event.setSource(source).setPosition(log.size() + 1L).build());
  }

  /** Says something else in its place; nobody read what was there. */
  private void replace(String source, int index, Event.Builder event) {
    Event before = log(source).get(index);
    log(source).set(index, event.setSource(source).setPosition(before.getPosition()).build());
    tapped.removeIf(one -> one.source().equals(source));
  }

  private void order(String state) {
    orders.put(
        ORDER, new Books.Order(ORDER, ADA, state, "", TOTAL * 100, Map.of(PRODUCT, 1L), PAID));
  }

  private void refunded(long minor, String... operations) {
    charges.put(
        ORDER,
        new Charge(
            "ch",
            "captured",
            TOTAL * 100,
            minor,
            List.of(operations).stream()
                .map(operation -> new NetworkEntry(Instant.EPOCH, operation, "captured"))
                .toList()));
  }

  private void moved(long quantity) {
    movements.clear();
    movements.add(
        StockMovement.newBuilder()
            .setOrderId(ORDER)
            .setProductId(PRODUCT)
            .setKind(StockMovement.Kind.KIND_RETURN)
            .setQuantity(quantity)
            .build());
  }

  private static Event.Builder order(long version, String verb, State state) {
    return order(version, verb, state, TOTAL);
  }

  private static Event.Builder order(long version, String verb, State state, int total) {
    return event(
            "shop.order." + verb,
            ORDER,
            version,
            OrderConfirmed.newBuilder()
                .setOrder(
                    OrderFacts.newBuilder()
                        .setOrderId(ORDER)
                        .setUserId(ADA)
                        .setState(state)
                        .setTotal(Money.newBuilder().setUnits(total)))
                .build())
        .setEventId("o" + version);
  }

  private static Event.Builder user(long version, String verb, User.State state) {
    return event(
            "shop.user." + verb,
            ADA,
            version,
            UserCreated.newBuilder()
                .setUser(UserFacts.newBuilder().setUserId(ADA).setState(state))
                .build())
        .setEventId("u" + version);
  }

  private static PaymentRefunded paidBack() {
    return PaymentRefunded.newBuilder()
        .setOrderId(ORDER)
        .setAmount(Money.newBuilder().setUnits(TOTAL))
        .build();
  }

  private static ReservationReturned returned(int quantity) {
    return ReservationReturned.newBuilder()
        .setOrderId(ORDER)
        .addLines(ReturnedLine.newBuilder().setProductId(PRODUCT).setQuantity(quantity))
        .build();
  }

  private static Event.Builder event(String type, String id, long version, Message payload) {
    return Event.newBuilder()
        .setEventId(type + " " + version)
        .setType(type)
        .setAggregateType(type.substring(0, type.lastIndexOf('.')))
        .setSubject(id)
        .setAggregateVersion(version)
        .setCorrelationId("c")
        .setData(payload.toByteString());
  }
}
