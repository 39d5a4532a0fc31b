package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.google.type.Money;
import dev.weft.prove.Books.Charge;
import dev.weft.prove.Books.NetworkEntry;
import dev.weft.prove.Books.Order;
import dev.weft.prove.Books.Saga;
import dev.weft.prove.Books.Step;
import dev.weft.prove.History.Contest;
import dev.weft.prove.History.Leaving;
import dev.weft.prove.History.Placed;
import dev.weft.prove.History.Refund;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.inventory.v1.StockMovement.Kind;
import dev.weft.shop.payment.v1.LedgerEntry;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Books that agree, and what the judge says when one thing in them is wrong. */
final class JudgeTest {
  private static final String BOUGHT = "0190a000-0000-7000-8000-000000000001";
  private static final String REFUSED = "0190a000-0000-7000-8000-000000000002";
  private static final String PAYMENT = "0190a000-0000-7000-8000-0000000000f1";
  private static final String PRODUCT = "0190a000-0000-7000-8000-00000000000a";

  private final History history;
  private final List<Goods> goods = List.of(Goods.known(PRODUCT, 500, 10));
  private final Map<String, Order> orders = new LinkedHashMap<>();
  private final Map<String, Saga> sagas = new LinkedHashMap<>();
  private final List<LedgerEntry> ledger = new ArrayList<>();
  private final Map<String, Charge> charges = new LinkedHashMap<>();
  private final List<StockMovement> movements = new ArrayList<>();
  private final Map<String, Goods.Stock> stock = new LinkedHashMap<>();
  private final Set<String> stalled = new HashSet<>();
  private boolean audit = true;

  JudgeTest(@TempDir Path folder) {
    history = new History(folder.resolve("history.jsonl"));
    Shopper ada = Shopper.named("ada");
    history.placed(new Placed(BOUGHT, ada, "k1", "{}", 1000, ""));
    history.placed(new Placed(REFUSED, ada, "k2", "{}", 500, ""));
    order(BOUGHT, "STATE_CONFIRMED", 1000, 2);
    order(REFUSED, "STATE_CANCELLED", 500, 1);
    sagas.put(
        BOUGHT,
        new Saga(
            "s1",
            "STATE_COMPLETED",
            "",
            List.of(done("reserve", true), paid(), done("capture", true))));
    sagas.put(
        REFUSED,
        new Saga(
            "s2",
            "STATE_COMPENSATED",
            "",
            List.of(
                done("reserve", true),
                done("authorize", true),
                done("authorize", false),
                done("reserve", false))));
    entry("t1", BOUGHT, "card_network", 1000);
    entry("t1", BOUGHT, "revenue", -1000);
    charges.put(BOUGHT, charge("captured", 1000, 0, "authorize", "capture"));
    charges.put(REFUSED, charge("voided", 0, 0, "authorize", "void"));
    move(BOUGHT, Kind.KIND_RESERVE, 2);
    move(BOUGHT, Kind.KIND_CONFIRM, 2);
    move(REFUSED, Kind.KIND_RESERVE, 1);
    move(REFUSED, Kind.KIND_RELEASE, 1);
    stock.put(PRODUCT, new Goods.Stock(10, 8, 0, 2));
  }

  @AfterEach
  void close() {
    history.close();
  }

  @Test
  void acceptsBooksThatAgree() {
    assertThat(verdict().violations()).isEmpty();
    assertThat(verdict().checked()).containsKeys(Invariant.M1, Invariant.K6, Invariant.O9);
  }

  @Test
  void seesMoneyTakenForACancelledOrder() {
    charges.put(REFUSED, charge("captured", 500, 0, "authorize", "capture"));

    assertThat(broken()).contains(Invariant.M1, Invariant.M2);
  }

  @Test
  void seesAConfirmedOrderThatNobodyPaid() {
    charges.remove(BOUGHT);

    assertThat(broken()).contains(Invariant.M1, Invariant.M2);
  }

  @Test
  void seesAChargeOfNoOrder() {
    charges.put(
        "0190a000-0000-7000-8000-000000000009", charge("voided", 0, 0, "authorize", "void"));

    assertThat(broken()).containsExactly(Invariant.M1);
  }

  @Test
  void seesASecondCapture() {
    charges.put(BOUGHT, charge("captured", 1000, 0, "authorize", "capture", "capture"));

    assertThat(broken()).containsExactly(Invariant.M3, Invariant.O9);
  }

  @Test
  void seesMoreGivenBackThanTaken() {
    charges.put(BOUGHT, charge("captured", 1000, 2000, "authorize", "capture", "refund"));

    assertThat(broken()).contains(Invariant.M4);
  }

  @Test
  void seesAPriceThatIsNotTheShops() {
    order(BOUGHT, "STATE_CONFIRMED", 1, 2);

    assertThat(broken()).contains(Invariant.M5);
  }

  @Test
  void seesALedgerThatDoesNotBalance() {
    entry("t2", BOUGHT, "revenue", -1);

    assertThat(broken()).containsExactly(Invariant.M6);
  }

  @Test
  void seesALedgerThatDiffersFromTheCardNetworks() {
    entry("t2", BOUGHT, "card_network", 1);
    entry("t2", BOUGHT, "revenue", -1);

    assertThat(broken()).containsExactly(Invariant.M1);
  }

  @Test
  void seesADeclinedCardOfAConfirmedOrder() {
    charges.put(BOUGHT, charge("declined", 1000, 0, "authorize"));

    assertThat(broken()).containsExactly(Invariant.M7, Invariant.O9);
  }

  @Test
  void seesAnAuthorizationLeftOpen() {
    charges.put(REFUSED, charge("authorized", 0, 0, "authorize"));

    assertThat(broken()).containsExactly(Invariant.M8);
  }

  @Test
  void seesStockThatCameFromNowhereOrWent() {
    stock.put(PRODUCT, new Goods.Stock(11, 9, 0, 2));
    assertThat(broken()).containsExactly(Invariant.K1);

    stock.put(PRODUCT, new Goods.Stock(10, 7, 0, 2));
    assertThat(broken()).containsExactly(Invariant.K1);
  }

  @Test
  void seesStockBelowZero() {
    stock.put(PRODUCT, new Goods.Stock(10, -2, 10, 2));

    assertThat(broken()).contains(Invariant.K1, Invariant.K2, Invariant.K3);
  }

  @Test
  void seesGoodsHeldForNobody() {
    stock.put(PRODUCT, new Goods.Stock(10, 7, 1, 2));

    assertThat(broken()).containsExactly(Invariant.K3);
  }

  @Test
  void seesGoodsSoldWithoutAnOrder() {
    stock.put(PRODUCT, new Goods.Stock(10, 7, 0, 3));

    assertThat(broken()).containsExactly(Invariant.K4);
  }

  @Test
  void seesMoreSoldThanThereWas() {
    order(BOUGHT, "STATE_CONFIRMED", 1000, 12);
    stock.put(PRODUCT, new Goods.Stock(10, -2, 0, 12));

    assertThat(broken()).contains(Invariant.K5);
  }

  @Test
  void seesAReservationThatEndedTwiceOrNever() {
    move(BOUGHT, Kind.KIND_RELEASE, 2);
    assertThat(broken()).containsExactly(Invariant.K6);

    movements.removeIf(movement -> movement.getOrderId().equals(BOUGHT));
    move(BOUGHT, Kind.KIND_RESERVE, 2);
    assertThat(broken()).containsExactly(Invariant.K6);
  }

  @Test
  void seesHalfAReservation() {
    orders.put(
        BOUGHT,
        new Order(
            BOUGHT, "ada", "STATE_CONFIRMED", "", 1000, Map.of(PRODUCT, 2L, "other", 1L), PAYMENT));

    assertThat(broken()).containsExactly(Invariant.K8);
  }

  @Test
  void seesAnOrderThatDidNotEnd() {
    order(REFUSED, "STATE_PENDING", 500, 1);

    assertThat(broken()).containsExactly(Invariant.O2);
  }

  @Test
  void seesThatOrdersEndedTooLate() {
    history.quietAfter(Duration.ofSeconds(31));

    assertThat(broken()).containsExactly(Invariant.O2);
  }

  @Test
  void seesAnOrderThatIsGone() {
    orders.remove(REFUSED);

    assertThat(broken()).contains(Invariant.O3);
  }

  @Test
  void seesTwoOrdersOfOneKey() {
    String second = "0190a000-0000-7000-8000-000000000003";
    orders.put(second, orders.get(REFUSED));
    history.placed(new Placed(second, history.placed().getFirst().owner(), "k1", "{}", 500, ""));

    assertThat(broken()).contains(Invariant.O4);
  }

  @Test
  void seesAnOrderNobodyWasToldOf() {
    String unknown = "0190a000-0000-7000-8000-000000000003";
    orders.put(
        unknown, new Order(unknown, "ada", "STATE_CANCELLED", "", 500, Map.of(PRODUCT, 1L), ""));
    sagas.put(unknown, new Saga("s3", "STATE_COMPENSATED", "", List.of()));

    assertThat(broken()).containsExactly(Invariant.O5);
  }

  @Test
  void seesAnOrderApartFromItsSaga() {
    sagas.put(BOUGHT, new Saga("s1", "STATE_COMPENSATED", "", List.of()));

    assertThat(broken()).containsExactly(Invariant.O6);
  }

  @Test
  void seesStepsUndoneInTheWrongOrderOrAfterThePivot() {
    sagas.put(
        REFUSED,
        new Saga(
            "s2",
            "STATE_COMPENSATED",
            "",
            List.of(
                done("reserve", true),
                done("authorize", true),
                done("reserve", false),
                done("authorize", false))));
    assertThat(broken()).containsExactly(Invariant.O8);

    sagas.put(
        REFUSED,
        new Saga(
            "s2",
            "STATE_COMPENSATED",
            "",
            List.of(done("reserve", true), done("capture", true), done("reserve", false))));
    assertThat(broken()).containsExactly(Invariant.O8);
  }

  @Test
  void acceptsThatAStepOfUnknownOutcomeIsUndone() {
    sagas.put(
        REFUSED,
        new Saga(
            "s2",
            "STATE_COMPENSATED",
            "",
            List.of(
                done("reserve", true),
                new Step("authorize", true, "STATE_UNKNOWN", 3, ""),
                done("authorize", false),
                done("reserve", false))));

    assertThat(broken()).isEmpty();
    assertThat(history.counts()).containsKey("undone though its outcome was unknown");
  }

  @Test
  void seesThatAStepWasUndoneThatWasNeverBegun() {
    Step refused = new Step("reserve", true, "STATE_REFUSED", 1, "");
    sagas.put(
        REFUSED,
        new Saga("s2", "STATE_COMPENSATED", "", List.of(refused, done("authorize", false))));
    assertThat(broken()).containsExactly(Invariant.O8);

    sagas.put(
        REFUSED,
        new Saga(
            "s2",
            "STATE_COMPENSATED",
            "",
            List.of(done("check-user", true), done("authorize", false))));
    assertThat(broken()).containsExactly(Invariant.O8);
    assertThat(history.counts()).doesNotContainKey("undone though its outcome was unknown");
  }

  @Test
  void seesAStepThatStandsTwice() {
    sagas.put(
        BOUGHT,
        new Saga(
            "s1", "STATE_COMPLETED", "", List.of(done("capture", true), done("capture", true))));

    assertThat(broken()).containsExactly(Invariant.O9);
  }

  @Test
  void seesThatSomethingWasNotUndone() {
    sagas.put(
        REFUSED,
        new Saga(
            "s2",
            "STATE_COMPENSATED",
            "",
            List.of(
                done("reserve", true),
                new Step("authorize", true, "STATE_UNKNOWN", 3, ""),
                done("reserve", false))));

    assertThat(broken()).containsExactly(Invariant.O8);
  }

  @Test
  void seesASecondEffectThatNobodyWrote() {
    charges.put(REFUSED, charge("voided", 0, 0, "authorize", "authorize", "void"));
    assertThat(broken()).containsExactly(Invariant.O9);

    charges.put(REFUSED, charge("voided", 0, 0, "authorize", "void", "void"));
    assertThat(broken()).containsExactly(Invariant.O9);

    charges.put(REFUSED, charge("voided", 0, 0, "authorize", "void"));
    move(REFUSED, Kind.KIND_RELEASE, 1);
    assertThat(broken()).containsExactly(Invariant.K6, Invariant.O9);
  }

  @Test
  void seesThatASagaSaysAnotherReasonOrPayment() {
    order(REFUSED, "STATE_CANCELLED", 500, 1, "CANCEL_REASON_OUT_OF_STOCK");
    Saga declined = new Saga("s2", "STATE_COMPENSATED", "PAYMENT_DECLINED", List.of());
    sagas.put(REFUSED, declined);
    assertThat(broken()).containsExactly(Invariant.O6);

    order(REFUSED, "STATE_CANCELLED", 500, 1, "CANCEL_REASON_PAYMENT_DECLINED");
    assertThat(broken()).isEmpty();

    sagas.put(BOUGHT, new Saga("s1", "STATE_COMPLETED", "", List.of(done("authorize", true))));
    assertThat(broken()).containsExactly(Invariant.O6);
  }

  @Test
  void seesAnAcceptedCancelOfAConfirmedOrder() {
    ask(Op.Kind.CANCEL, BOUGHT, 200);

    assertThat(broken()).containsExactly(Invariant.O7);
  }

  @Test
  void seesARefusedCancelOfAnOrderCancelledByRequest() {
    order(REFUSED, "STATE_CANCELLED", 500, 1, "CANCEL_REASON_REQUESTED");
    ask(Op.Kind.CANCEL, REFUSED, 409);
    assertThat(broken()).containsExactly(Invariant.O7);

    ask(Op.Kind.CANCEL, REFUSED, 0);
    assertThat(broken()).containsExactly(Invariant.I6);

    ask(Op.Kind.CANCEL, REFUSED, 200);
    assertThat(broken()).isEmpty();
  }

  @Test
  void seesWhatBecameOfTheOrdersOfSomebodyWhoLeft() {
    order(REFUSED, "STATE_CANCELLED", 500, 1, "CANCEL_REASON_USER_NOT_ACTIVE");
    history.left(new Leaving("ada", List.of(BOUGHT), List.of(REFUSED)));
    assertThat(broken()).isEmpty();
    assertThat(verdict().checked()).containsEntry(Invariant.O10, 2L);

    history.left(new Leaving("ada", List.of(REFUSED), List.of()));
    assertThat(broken()).containsExactly(Invariant.O10);

    history.left(new Leaving("ada", List.of(), List.of(BOUGHT)));
    assertThat(verdict().violations().get(Invariant.O10)).hasSize(2);
  }

  @Test
  void seesThatSomebodyWasToldSomethingElseAfterALostAnswer() {
    ask(Op.Kind.CREATE, BOUGHT, 0);
    ask(Op.Kind.REPEAT, BOUGHT, 201);
    assertThat(broken()).isEmpty();
    assertThat(verdict().checked()).containsEntry(Invariant.I6, 1L);

    ask(Op.Kind.REPEAT, BOUGHT, 422);
    assertThat(broken()).containsExactly(Invariant.I6);
  }

  @Test
  void seesAnotherAnswerToTheSame() {
    answered(Op.Kind.CREATE, "etag", "1");
    answered(Op.Kind.REPEAT, "etag", "1");
    assertThat(broken()).isEmpty();

    answered(Op.Kind.REPEAT_REORDERED, "etag", "2");
    assertThat(broken()).containsExactly(Invariant.I9);

    answered(Op.Kind.REPEAT_AT_END, "etag", "2");
    assertThat(broken()).containsExactly(Invariant.I7, Invariant.I9);
  }

  @Test
  void acceptsARefundThatWasAskedFor() {
    history.refunded(new Refund(BOUGHT, "r1", 300));
    refund(300);

    assertThat(broken()).isEmpty();
    assertThat(verdict().checked()).containsEntry(Invariant.M4, 1L);
  }

  @Test
  void seesARefundThatNobodyAskedForOrThatWasMadeTwiceOrNever() {
    refund(300);
    assertThat(broken()).containsExactly(Invariant.M1, Invariant.M2, Invariant.M4);

    history.refunded(new Refund(BOUGHT, "r1", 300));
    charges.put(BOUGHT, charge("captured", 1000, 300, "authorize", "capture", "refund", "refund"));
    assertThat(broken()).containsExactly(Invariant.M4);

    history.refunded(new Refund(BOUGHT, "r2", 200));
    assertThat(broken()).containsExactly(Invariant.M1, Invariant.M2, Invariant.M4);
  }

  @Test
  void acceptsAConfirmedOrderThatWasCalledOffAndRefunded() {
    refunded(0);
    ask(Op.Kind.CANCEL, BOUGHT, 200);
    assertThat(broken()).isEmpty();
    assertThat(history.counts()).containsKey("called off after it was confirmed");

    history.refunded(new Refund(BOUGHT, "r1", 300));
    charges.put(BOUGHT, charge("captured", 1000, 1000, "authorize", "capture", "refund", "refund"));
    assertThat(broken()).isEmpty();

    history.refunded(new Refund(BOUGHT, "r2", 700));
    assertThat(broken()).isEmpty();
  }

  @Test
  void seesARefundedOrderWhoseMoneyOrGoodsWereNotGivenBackOrTwice() {
    refunded(0);
    charges.put(BOUGHT, charge("captured", 1000, 900, "authorize", "capture", "refund"));
    assertThat(broken()).contains(Invariant.M1, Invariant.M2, Invariant.M4);

    charges.put(BOUGHT, charge("captured", 1000, 1000, "authorize", "capture", "refund", "refund"));
    assertThat(broken()).containsExactly(Invariant.M4);

    refunded(0);
    movements.removeIf(movement -> movement.getKind() == Kind.KIND_RETURN);
    assertThat(broken()).containsExactly(Invariant.K6);

    move(BOUGHT, Kind.KIND_RETURN, 2);
    move(BOUGHT, Kind.KIND_RETURN, 2);
    assertThat(broken()).containsExactly(Invariant.K6, Invariant.O9);

    refunded(2);
    assertThat(broken()).containsExactly(Invariant.K4);
  }

  @Test
  void seesAConfirmedOrderThatDidNotFollowItsMoney() {
    history.refunded(new Refund(BOUGHT, "r1", 1000));
    refund(1000);

    assertThat(broken()).containsExactly(Invariant.M1);
    assertThat(history.givenBack()).containsExactly(BOUGHT);
  }

  @Test
  void seesGoodsOfAConfirmedOrderThatCameBack() {
    move(BOUGHT, Kind.KIND_RETURN, 2);

    assertThat(broken()).containsExactly(Invariant.K6);
  }

  @Test
  void knowsTheWaysOfAnOrder() {
    List<String> states =
        List.of(
            "STATE_PENDING",
            "STATE_CONFIRMED",
            "STATE_CANCELLED",
            "STATE_REFUNDING",
            "STATE_REFUNDED");
    assertThat(states).allMatch(state -> Witness.mayBecome("STATE_PENDING", state));
    assertThat(states)
        .filteredOn(state -> Witness.mayBecome("STATE_CONFIRMED", state))
        .containsExactly("STATE_CONFIRMED", "STATE_REFUNDING", "STATE_REFUNDED");
    assertThat(states)
        .filteredOn(state -> Witness.mayBecome("STATE_REFUNDING", state))
        .containsExactly("STATE_REFUNDING", "STATE_REFUNDED");
    for (String end : List.of("STATE_CANCELLED", "STATE_REFUNDED")) {
      assertThat(states).filteredOn(state -> Witness.mayBecome(end, state)).containsExactly(end);
    }
  }

  @Test
  void seesThatNotEverythingWasSold() {
    history.contest(new Contest(PRODUCT, 1, 5));
    assertThat(broken()).isEmpty();

    history.contest(new Contest(PRODUCT, 2, 5));
    assertThat(broken()).containsExactly(Invariant.K5);
  }

  @Test
  void seesStockTakenAfterItWasReleased() {
    String late = "0190a000-0000-7000-8000-000000000004";
    history.sentAgain(late);
    history.sentAgain(REFUSED);
    assertThat(broken()).isEmpty();
    assertThat(verdict().checked()).containsEntry(Invariant.K7, 2L);

    move(REFUSED, Kind.KIND_RESERVE, 1);
    assertThat(broken()).contains(Invariant.K7);

    movements.removeLast();
    move(late, Kind.KIND_RESERVE, 1);
    assertThat(broken()).contains(Invariant.K7);
  }

  @Test
  void seesASecondChargeByAnotherKey() {
    history.sentAgain(BOUGHT);
    assertThat(broken()).isEmpty();

    charges.put(BOUGHT, charge("captured", 1000, 0, "authorize", "authorize", "capture"));
    assertThat(broken()).containsExactly(Invariant.O9, Invariant.I8);
  }

  @Test
  void seesWhatCannotBeUndoneAndIsNotListed() {
    Saga stuck =
        new Saga(
            "s2",
            "STATE_COMPENSATING",
            "",
            List.of(done("reserve", true), new Step("reserve", false, "STATE_PENDING", 10, "")));
    sagas.put(REFUSED, stuck);
    assertThat(broken()).containsExactly(Invariant.O6, Invariant.O11);

    stalled.add(REFUSED);
    assertThat(broken()).containsExactly(Invariant.O6);
  }

  @Test
  void seesWhatClientsSaw() {
    history.violated("I2", "a key with another body got 201");

    assertThat(broken()).containsExactly(Invariant.I2);
  }

  @Test
  void seesThatTheAuditDisagrees() {
    audit = false;

    assertThat(broken()).containsExactly(Invariant.AUDIT);
  }

  private Verdict verdict() {
    return Judge.of(
        history,
        new Books(orders, sagas, ledger, charges, movements, stock, stalled, audit),
        goods);
  }

  private Set<Invariant> broken() {
    return verdict().violations().keySet();
  }

  private void ask(Op.Kind kind, String order, int status) {
    String key = kind == Op.Kind.CANCEL ? "c" : "k";
    history.add("ada", kind, key, order, 0, answer(status, "state", ""), "");
  }

  private void answered(Op.Kind kind, String field, String value) {
    history.add("ada", kind, "k", BOUGHT, 0, answer(201, field, value), "");
  }

  private static Answer answer(int status, String field, String value) {
    return new Answer(status, JsonNodeFactory.instance.objectNode().put(field, value));
  }

  private void refund(long minor) {
    charges.put(BOUGHT, charge("captured", 1000, minor, "authorize", "capture", "refund"));
    entry("t" + minor, BOUGHT, "card_network", -minor);
    entry("t" + minor, BOUGHT, "revenue", minor);
  }

  /**
   * Gives back money and goods of the order that was bought.
   *
   * @param stillSold what the shelf says of it all the same
   */
  private void refunded(long stillSold) {
    order(BOUGHT, "STATE_REFUNDED", 1000, 2);
    ledger.removeIf(entry -> entry.getTransactionId().equals("t-1000"));
    movements.removeIf(movement -> movement.getKind() == Kind.KIND_RETURN);
    charges.put(BOUGHT, charge("captured", 1000, 1000, "authorize", "capture", "refund"));
    entry("t-1000", BOUGHT, "card_network", -1000);
    entry("t-1000", BOUGHT, "revenue", 1000);
    move(BOUGHT, Kind.KIND_RETURN, 2);
    stock.put(PRODUCT, new Goods.Stock(10, 10 - stillSold, 0, stillSold));
  }

  private void order(String id, String state, long total, long quantity) {
    order(id, state, total, quantity, "");
  }

  private void order(String id, String state, long total, long quantity, String reason) {
    orders.put(
        id, new Order(id, "ada", state, reason, total, Map.of(PRODUCT, quantity), payment(state)));
  }

  private void entry(String transaction, String order, String account, long minor) {
    ledger.add(
        LedgerEntry.newBuilder()
            .setTransactionId(transaction)
            .setOrderId(order)
            .setAccount(account)
            .setAmount(
                Money.newBuilder()
                    .setCurrencyCode("EUR")
                    .setUnits(minor / 100)
                    .setNanos((int) (minor % 100) * 10_000_000))
            .build());
  }

  private void move(String order, Kind kind, long quantity) {
    movements.add(
        StockMovement.newBuilder()
            .setOrderId(order)
            .setProductId(PRODUCT)
            .setKind(kind)
            .setQuantity(quantity)
            .build());
  }

  private static Charge charge(String status, long captured, long refunded, String... operations) {
    return new Charge(
        "ch",
        status,
        captured,
        refunded,
        Arrays.stream(operations)
            .map(operation -> new NetworkEntry(Instant.EPOCH, operation, status))
            .toList());
  }

  private static Step paid() {
    return new Step("authorize", true, "STATE_DONE", 1, PAYMENT);
  }

  private static String payment(String state) {
    return state.equals("STATE_CANCELLED") ? "" : PAYMENT;
  }

  private static Step done(String name, boolean forward) {
    return new Step(name, forward, "STATE_DONE", 1, "");
  }
}
