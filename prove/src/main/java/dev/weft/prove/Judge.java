package dev.weft.prove;

import dev.weft.prove.Books.Charge;
import dev.weft.prove.Books.Order;
import dev.weft.prove.Books.Saga;
import dev.weft.prove.Books.Step;
import dev.weft.prove.History.Placed;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.payment.v1.LedgerEntry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Holds the books against each other and against what clients were told. Pure: the same history and
 * books always get the same verdict.
 */
final class Judge {
  /** What is promised; {@code (A)} at every moment, {@code (Q)} when the system is quiet. */
  enum Invariant {
    M1("a capture belongs to one confirmed order or was given back (the card network's ledger)"),
    M2("what was taken less what was given back is the total of confirmed orders, per user"),
    M3("at most one capture per order"),
    M4("not more is given back than was taken"),
    M5("the charge is the price of what was ordered, never what a client says"),
    M6("ledger lines never change, and each transaction sums to zero"),
    M7("no declined payment has a confirmed order"),
    M8("no authorization is left open"),
    K1("received = available + reserved + sold, and what was brought in is there"),
    K2("no part of a stock is ever below zero"),
    K3("nothing is reserved when all is quiet"),
    K4("sold are the items of confirmed orders"),
    K5("of a scarce product not more is sold than there was"),
    K6("a reservation ends once: confirmed, released or expired"),
    K8("all lines of an order are reserved, or none"),
    O1("an order only moves as the contract says, and stays where it ended"),
    O2("every order ends after the faults did"),
    O3("an order that was acknowledged is there"),
    O4("a request of unknown outcome made one order at most, exactly one once repeated"),
    O5("a refused request left nothing behind"),
    O6("an order stands where its saga stands"),
    O8("undone are only steps that ran or may have run, in reverse"),
    O9("each step has its effect once, however often it was tried"),
    I1("the same key and request get the same order"),
    I2("a key with another request is refused with 422"),
    I3("one key at the same moment makes one order"),
    I4("a key is its user's own"),
    I5("an order without a key is refused with 400"),
    I9("the order of fields makes no other request"),
    A1("nobody sees another's order"),
    AUDIT("the system's own audit agrees");

    final String text;

    Invariant(String text) {
      this.text = text;
    }
  }

  /** What clients see at once, and the requests that try it. */
  private static final Map<Invariant, Op.Kind> SEEN_BY =
      Map.of(
          Invariant.I1, Op.Kind.REPEAT,
          Invariant.I2, Op.Kind.REUSE,
          Invariant.I3, Op.Kind.RACE,
          Invariant.I4, Op.Kind.FOREIGN_KEY,
          Invariant.I5, Op.Kind.NO_KEY,
          Invariant.I9, Op.Kind.REPEAT_REORDERED,
          Invariant.A1, Op.Kind.FOREIGN_READ,
          Invariant.O1, Op.Kind.WITNESS);

  /** An order's way, in its order. */
  private static final List<String> STEPS =
      List.of("check-user", "reserve", "authorize", "pin", "capture", "confirm");

  private final History history;
  private final Books books;
  private final List<Goods> goods;
  private final Map<Invariant, List<String>> violations = new TreeMap<>();
  private final Map<Invariant, Long> checked = new TreeMap<>();

  private Judge(History history, Books books, List<Goods> goods) {
    this.history = history;
    this.books = books;
    this.goods = goods;
  }

  /**
   * @param checked how many orders, products or ledger lines each invariant was held against
   */
  record Verdict(Map<Invariant, List<String>> violations, Map<Invariant, Long> checked) {
    boolean holds() {
      return violations.isEmpty();
    }
  }

  static Verdict of(History history, Books books, List<Goods> goods) {
    Judge judge = new Judge(history, books, goods);
    judge.whatWasSeen();
    judge.money();
    judge.stock();
    judge.orders();
    judge.sagas();
    judge.check(Invariant.AUDIT, books.auditHolds(), "GET /v1/audit/invariants says otherwise");
    return new Verdict(judge.violations, judge.checked);
  }

  private void whatWasSeen() {
    SEEN_BY.forEach((invariant, kind) -> checked.merge(invariant, history.count(kind), Long::sum));
    for (Violation violation : history.violations()) {
      violated(Invariant.valueOf(violation.invariant()), violation.what());
    }
  }

  private void money() {
    Map<String, List<LedgerEntry>> entries = books.networkEntries();
    Map<String, Long> takenByUser = new HashMap<>();
    Map<String, Long> owedByUser = new HashMap<>();
    for (Order order : books.orders().values()) {
      @Nullable Charge charge = books.charges().get(order.id());
      long taken = charge == null ? 0 : charge.capturedMinor() - charge.refundedMinor();
      long owed = order.confirmed() ? order.totalMinor() : 0;
      takenByUser.merge(order.user(), taken, Long::sum);
      owedByUser.merge(order.user(), owed, Long::sum);
      check(
          Invariant.M1,
          taken == owed,
          order + ": the card network holds " + taken + " and " + owed + " is owed");
      check(
          Invariant.M3,
          charge == null || charge.captures() <= 1,
          order + " was captured more than once");
      check(
          Invariant.M4,
          charge == null || charge.refundedMinor() <= charge.capturedMinor(),
          order + " got back more than was taken: " + charge);
      check(
          Invariant.M7,
          !(order.confirmed() && charge != null && charge.status().equals("declined")),
          order + " is confirmed and its card was declined");
      check(
          Invariant.M8,
          charge == null || !charge.status().equals("authorized"),
          order + " still holds money on a card: " + charge);
      long inOurBooks =
          entries.getOrDefault(order.id(), List.of()).stream()
              .mapToLong(entry -> Books.minor(entry.getAmount()))
              .sum();
      check(
          Invariant.M1,
          inOurBooks == taken,
          order + ": our ledger says " + inOurBooks + ", the card network's " + taken);
    }
    for (String unknown : books.charges().keySet()) {
      check(
          Invariant.M1,
          books.orders().containsKey(unknown),
          "the card network has a charge of " + unknown + ", which is no order");
    }
    takenByUser.forEach(
        (user, taken) ->
            check(
                Invariant.M2,
                taken.equals(owedByUser.get(user)),
                "user " + user + ": taken " + taken + ", owed " + owedByUser.get(user)));
    for (Placed placed : history.placed()) {
      @Nullable Order order = books.orders().get(placed.order());
      check(
          Invariant.M5,
          order == null || order.totalMinor() == placed.totalMinor(),
          order + " should cost " + placed.totalMinor());
    }
    Map<String, Long> sums = new HashMap<>();
    books
        .ledger()
        .forEach(
            entry ->
                sums.merge(entry.getTransactionId(), Books.minor(entry.getAmount()), Long::sum));
    sums.forEach(
        (transaction, sum) ->
            check(Invariant.M6, sum == 0, "transaction " + transaction + " sums to " + sum));
  }

  private void stock() {
    Map<String, Long> bought = new HashMap<>();
    for (Order order : books.orders().values()) {
      if (order.confirmed()) {
        order.items().forEach((product, quantity) -> bought.merge(product, quantity, Long::sum));
      }
    }
    for (Goods one : goods) {
      Goods.Stock stock = books.stock().getOrDefault(one.id(), new Goods.Stock(0, 0, 0, 0));
      String what = "product " + one.id() + ": " + stock;
      check(
          Invariant.K1,
          stock.conserved() && stock.received() == one.received(),
          what + ", brought in " + one.received());
      check(Invariant.K2, stock.available() >= 0 && stock.sold() >= 0, what);
      check(Invariant.K3, stock.reserved() == 0, what);
      long sold = bought.getOrDefault(one.id(), 0L);
      check(Invariant.K4, stock.sold() == sold, what + ", confirmed orders hold " + sold);
      check(Invariant.K5, stock.sold() <= one.received(), what);
    }
    reservations();
  }

  private void reservations() {
    Map<String, Map<String, List<StockMovement>>> byOrder = new LinkedHashMap<>();
    for (StockMovement movement : books.movements()) {
      if (!movement.getOrderId().isEmpty()) {
        byOrder
            .computeIfAbsent(movement.getOrderId(), _ -> new HashMap<>())
            .computeIfAbsent(movement.getProductId(), _ -> new ArrayList<>())
            .add(movement);
      }
    }
    byOrder.forEach(
        (orderId, products) -> {
          @Nullable Order order = books.orders().get(orderId);
          products.forEach(
              (product, movements) ->
                  check(
                      Invariant.K6,
                      movements.size() == 2
                          && movements.getFirst().getKind() == StockMovement.Kind.KIND_RESERVE
                          && movements.getLast().getKind() != StockMovement.Kind.KIND_RESERVE,
                      "order " + orderId + " product " + product + ": " + kinds(movements)));
          if (products.values().stream()
              .anyMatch(one -> one.getLast().getKind() == StockMovement.Kind.KIND_EXPIRE)) {
            history.count("a reservation expired");
          }
          check(
              Invariant.K8,
              order != null && products.keySet().equals(order.items().keySet()),
              "order " + orderId + " reserved " + products.keySet() + " of " + order);
        });
  }

  private void orders() {
    Map<String, String> byKey = new HashMap<>();
    for (Placed placed : history.placed()) {
      @Nullable Order order = books.orders().get(placed.order());
      check(Invariant.O3, order != null, "order " + placed.order() + " is gone");
      @Nullable String other = byKey.put(placed.owner().id() + " " + placed.key(), placed.order());
      check(
          Invariant.O4,
          other == null || other.equals(placed.order()),
          "key " + placed.key() + " made " + other + " and " + placed.order());
    }
    for (Order order : books.orders().values()) {
      check(Invariant.O2, order.ended(), order + " has not ended");
      check(
          Invariant.O5,
          history.placed(order.id()).isPresent(),
          order + " is in the books, and no client was told of it");
    }
  }

  private void sagas() {
    for (Order order : books.orders().values()) {
      @Nullable Saga saga = books.sagas().get(order.id());
      String expected = order.confirmed() ? "STATE_COMPLETED" : "STATE_COMPENSATED";
      check(
          Invariant.O6,
          saga != null && saga.state().equals(expected),
          order + " and its saga " + saga);
      if (saga != null) {
        steps(order, saga);
      }
    }
  }

  private void steps(Order order, Saga saga) {
    List<String> forward = new ArrayList<>();
    List<String> backward = new ArrayList<>();
    Set<String> once = new HashSet<>();
    boolean captured = false;
    boolean lastDone = false;
    for (Step step : saga.steps()) {
      (step.forward() ? forward : backward).add(step.name());
      check(
          Invariant.O9,
          once.add(step.name() + step.forward()) && step.attempts() >= 1,
          order + ": " + step + " stands twice or was never tried");
      lastDone = step.forward() ? step.done() : lastDone;
      captured |= step.forward() && step.name().equals("capture") && step.done();
      if (!step.forward() && step.done() && step.name().equals("authorize")) {
        history.count("undone after the authorization");
      }
      if (step.attempts() > 1) {
        history.count("a step tried again");
      }
    }
    // Nothing is recorded of a step whose outcome was still unknown when time was up.
    if (lastDone && backward.contains(after(forward))) {
      forward.add(after(forward));
      history.count("undone though its outcome was unknown");
    }
    List<String> reversed = forward.stream().filter(backward::contains).toList().reversed();
    check(
        Invariant.O8,
        backward.equals(reversed) && !(captured && !backward.isEmpty()),
        order + ": " + saga.steps());
  }

  /** The step after the last of these; empty if there is none. */
  private static String after(List<String> steps) {
    int next = STEPS.indexOf(steps.getLast()) + 1;
    return next < STEPS.size() ? STEPS.get(next) : "";
  }

  private static List<StockMovement.Kind> kinds(List<StockMovement> movements) {
    return movements.stream().map(StockMovement::getKind).toList();
  }

  private void check(Invariant invariant, boolean holds, String otherwise) {
    checked.merge(invariant, 1L, Long::sum);
    if (!holds) {
      violated(invariant, otherwise);
    }
  }

  private void violated(Invariant invariant, String what) {
    violations.computeIfAbsent(invariant, _ -> new ArrayList<>()).add(what);
  }
}
