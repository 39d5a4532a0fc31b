package dev.weft.prove;

import dev.weft.prove.Books.Charge;
import dev.weft.prove.Books.Order;
import dev.weft.prove.Books.Saga;
import dev.weft.prove.Books.Step;
import dev.weft.prove.History.Contest;
import dev.weft.prove.History.Leaving;
import dev.weft.prove.History.Placed;
import dev.weft.prove.History.Refund;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.payment.v1.LedgerEntry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Holds the books against each other and against what clients were told. Pure: the same history and
 * books always get the same verdict.
 */
final class Judge {
  /** What clients see at once, and the requests that try it. */
  private static final Map<Invariant, Op.Kind> SEEN_BY =
      Map.ofEntries(
          Map.entry(Invariant.I1, Op.Kind.REPEAT),
          Map.entry(Invariant.I2, Op.Kind.REUSE),
          Map.entry(Invariant.I3, Op.Kind.RACE),
          Map.entry(Invariant.I4, Op.Kind.FOREIGN_KEY),
          Map.entry(Invariant.I5, Op.Kind.NO_KEY),
          Map.entry(Invariant.I7, Op.Kind.REPEAT_AT_END),
          Map.entry(Invariant.I9, Op.Kind.REPEAT_REORDERED),
          Map.entry(Invariant.A1, Op.Kind.FOREIGN_READ),
          Map.entry(Invariant.O1, Op.Kind.WITNESS),
          Map.entry(Invariant.E7, Op.Kind.POISONED),
          Map.entry(Invariant.E9, Op.Kind.UNROUTABLE),
          Map.entry(Invariant.E10, Op.Kind.NEWER_SCHEMA),
          Map.entry(Invariant.Q3, Op.Kind.LIST),
          Map.entry(Invariant.Q4, Op.Kind.READ_AFTER),
          Map.entry(Invariant.Q5, Op.Kind.PAGES));

  /** The steps of an order's way that leave something to undo. */
  private static final Set<String> COMPENSABLE = Set.of("reserve", "authorize");

  /** What may be asked of an order with a key, and must then be so. */
  private static final Set<Op.Kind> PLACING =
      Set.of(Op.Kind.CREATE, Op.Kind.REPEAT, Op.Kind.REPEAT_REORDERED, Op.Kind.RACE);

  /** How a reservation ends. */
  private static final Set<StockMovement.Kind> ENDS =
      Set.of(
          StockMovement.Kind.KIND_CONFIRM,
          StockMovement.Kind.KIND_RELEASE,
          StockMovement.Kind.KIND_EXPIRE);

  /** What happens to a line of an order that is refunded. */
  private static final List<StockMovement.Kind> BACK =
      List.of(
          StockMovement.Kind.KIND_RESERVE,
          StockMovement.Kind.KIND_CONFIRM,
          StockMovement.Kind.KIND_RETURN);

  private static final Duration ENDED_WITHIN = Duration.ofSeconds(30);

  /** After so many failures in a row an undoing counts as stalled. */
  private static final int STALLED_AFTER = 10;

  private static final int HTTP_CONFLICT = 409;

  private final History history;
  private final Books books;
  private final List<Goods> goods;
  private final Verdict.Findings findings = new Verdict.Findings();

  private Judge(History history, Books books, List<Goods> goods) {
    this.history = history;
    this.books = books;
    this.goods = goods;
  }

  static Verdict of(History history, Books books, List<Goods> goods) {
    Judge judge = new Judge(history, books, goods);
    judge.whatWasSeen();
    judge.money();
    judge.stock();
    judge.orders();
    judge.cancels();
    judge.leavings();
    judge.lostAnswers();
    judge.sagas();
    judge.check(Invariant.AUDIT, books.auditHolds(), "GET /v1/audit/invariants says otherwise");
    return judge.findings.verdict();
  }

  private void whatWasSeen() {
    SEEN_BY.forEach((invariant, kind) -> findings.tried(invariant, history.count(kind)));
    for (Violation violation : history.violations()) {
      findings.violated(Invariant.valueOf(violation.invariant()), violation.what());
    }
  }

  private void money() {
    Map<String, List<LedgerEntry>> entries = books.networkEntries();
    Map<String, Long> takenByUser = new HashMap<>();
    Map<String, Long> owedByUser = new HashMap<>();
    Map<String, List<Refund>> refunds =
        history.refunds().stream().collect(Collectors.groupingBy(Refund::order));
    for (Order order : books.orders().values()) {
      @Nullable Charge charge = books.charges().get(order.id());
      List<Refund> asked = refunds.getOrDefault(order.id(), List.of());
      long askedMinor = asked.stream().mapToLong(Refund::minor).sum();
      long taken = charge == null ? 0 : charge.capturedMinor() - charge.refundedMinor();
      long owed = order.confirmed() ? order.totalMinor() - askedMinor : 0;
      takenByUser.merge(order.user(), taken, Long::sum);
      owedByUser.merge(order.user(), owed, Long::sum);
      check(
          Invariant.M1,
          taken == owed,
          order + ": the card network holds " + taken + " and " + owed + " is owed");
      check(
          Invariant.M3,
          charge == null || charge.times("capture") <= 1,
          order + " was captured more than once");
      if (charge != null && (!asked.isEmpty() || charge.refundedMinor() > 0)) {
        long rest = order.refunded() ? charge.capturedMinor() - askedMinor : 0;
        check(
            Invariant.M4,
            charge.refundedMinor() == askedMinor + rest
                && charge.refundedMinor() <= charge.capturedMinor()
                && charge.times("refund") == asked.size() + (rest > 0 ? 1 : 0),
            order + " was to get back " + asked + ", and the card network has " + charge);
        check(
            Invariant.M1,
            !(order.confirmed() && charge.refundedMinor() == charge.capturedMinor()),
            order + " is confirmed, and all of its money was given back");
      }
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
    for (Contest contest : history.contests()) {
      long won =
          books.orders().values().stream()
              .filter(order -> order.confirmed() && order.items().containsKey(contest.product()))
              .count();
      check(
          Invariant.K5,
          won == Math.min(contest.stock(), contest.buyers()),
          contest + ": " + won + " orders were confirmed");
    }
    reservations();
    tombstones();
  }

  private void tombstones() {
    Set<String> held = new LinkedHashSet<>();
    Set<String> released = new HashSet<>();
    for (StockMovement movement : books.movements()) {
      String line = movement.getOrderId() + " " + movement.getProductId();
      if (movement.getKind() == StockMovement.Kind.KIND_RELEASE) {
        released.add(line);
      } else if (movement.getKind() == StockMovement.Kind.KIND_RESERVE && released.contains(line)) {
        held.add(movement.getOrderId());
      }
    }
    Set<String> moved =
        books.movements().stream().map(StockMovement::getOrderId).collect(Collectors.toSet());
    for (String late : history.sentAgain()) {
      @Nullable Order order = books.orders().get(late);
      if (order == null) {
        check(
            Invariant.K7,
            !moved.contains(late),
            late + " was released before it was reserved, and took stock");
      } else if (!order.confirmed()) {
        check(Invariant.K7, !held.contains(late), order + " took stock after it was released");
      }
    }
    held.removeAll(history.sentAgain());
    held.forEach(late -> check(Invariant.K7, false, late + " took stock after it was released"));
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
          boolean refunded = order != null && order.refunded();
          products.forEach(
              (product, movements) -> {
                String what = "order " + orderId + " product " + product + ": " + kinds(movements);
                check(
                    Invariant.K6,
                    refunded ? kinds(movements).equals(BACK) : endsOnce(kinds(movements)),
                    what);
                check(
                    Invariant.O9,
                    kinds(movements).stream().distinct().count() == movements.size(),
                    what);
              });
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
    check(
        Invariant.O2,
        history.quietAfter().compareTo(ENDED_WITHIN) <= 0,
        "the last order ended " + history.quietAfter().toMillis() + " ms after the last fault");
    for (Order order : books.orders().values()) {
      check(Invariant.O2, order.ended(), order + " has not ended");
      check(
          Invariant.O5,
          history.placed(order.id()).isPresent(),
          order + " is in the books, and no client was told of it");
    }
  }

  private void cancels() {
    for (List<Op> ops : history.byKey(Set.of(Op.Kind.CANCEL))) {
      @Nullable Order order = books.orders().get(ops.getFirst().order());
      if (order == null) {
        continue; // which O3 tells
      }
      boolean lost = ops.stream().anyMatch(Op::lost);
      boolean accepted = ops.stream().anyMatch(op -> op.result() == Op.Result.OK);
      boolean refused = ops.stream().anyMatch(op -> op.status() == HTTP_CONFLICT);
      if (accepted) {
        check(
            Invariant.O7,
            order.cancelled() || order.refunded(),
            order + ": its cancel was accepted");
        if (order.refunded()) {
          history.count("called off after it was confirmed");
        }
      } else if (refused) {
        check(
            lost ? Invariant.I6 : Invariant.O7,
            !order.reason().equals("CANCEL_REASON_REQUESTED"),
            order + ": its cancel was refused, and it was cancelled by request");
      }
    }
  }

  private void leavings() {
    for (Leaving leaving : history.leavings()) {
      String gone = " is of " + leaving.user() + ", who is gone";
      for (String id : leaving.kept()) {
        @Nullable Order order = books.orders().get(id);
        check(Invariant.O10, order != null && order.confirmed(), order + gone + "; it was bought");
      }
      for (String id : leaving.pending()) {
        @Nullable Order order = books.orders().get(id);
        check(
            Invariant.O10,
            order != null
                && order.state().equals("STATE_CANCELLED")
                && order.reason().equals("CANCEL_REASON_USER_NOT_ACTIVE"),
            order + gone);
      }
    }
  }

  private void lostAnswers() {
    for (List<Op> ops : history.byKey(PLACING)) {
      if (ops.stream().noneMatch(Op::lost)) {
        continue;
      }
      Set<String> told = new LinkedHashSet<>();
      for (Op op : ops) {
        if (op.result() == Op.Result.OK) {
          told.add(op.order());
        } else if (op.result() == Op.Result.FAIL) {
          told.add("no order: " + op.status());
        }
      }
      if (!told.isEmpty()) {
        check(
            Invariant.I6,
            told.size() == 1 && books.orders().containsKey(told.iterator().next()),
            "key " + ops.getFirst().key() + " lost an answer and was then told of " + told);
      }
    }
    // Whether each was made is in M4, by the card network's ledger.
    for (List<Op> ops : history.byKey(Set.of(Op.Kind.REFUND))) {
      if (ops.stream().anyMatch(Op::lost)) {
        check(
            Invariant.I6,
            ops.stream().anyMatch(op -> op.result() != Op.Result.UNKNOWN),
            "refund " + ops.getFirst().key() + " was never told what happened");
      }
    }
  }

  private void sagas() {
    for (Order order : books.orders().values()) {
      @Nullable Saga saga = books.sagas().get(order.id());
      String expected = order.sold() ? "STATE_COMPLETED" : "STATE_COMPENSATED";
      check(
          Invariant.O6,
          saga != null
              && saga.state().equals(expected)
              && (saga.reason().isEmpty() || order.reason().endsWith("_" + saga.reason())),
          order + " and its saga " + saga);
      if (saga != null) {
        steps(order, saga);
        stalled(order, saga);
      }
      effects(order);
    }
  }

  private void stalled(Order order, Saga saga) {
    boolean owed =
        saga.steps().stream()
            .anyMatch(step -> !step.forward() && !step.done() && step.attempts() >= STALLED_AFTER);
    boolean fails = saga.state().equals("STATE_COMPENSATION_STALLED") || owed;
    if (fails) {
      check(
          Invariant.O11,
          books.stalled().contains(order.id()),
          order + " cannot be undone and is not in the list: " + saga);
    }
  }

  /** What the card network did for an order, whatever was asked of it. */
  private void effects(Order order) {
    @Nullable Charge charge = books.charges().get(order.id());
    if (charge != null) {
      boolean once =
          charge.times("authorize") == 1
              && charge.times("capture") == (order.sold() ? 1 : 0)
              && charge.times("void") <= 1;
      check(Invariant.O9, once, order + " at the card network: " + charge);
      if (order.confirmed() && history.sentAgain().contains(order.id())) {
        check(Invariant.I8, once, order + " was charged by another key, too: " + charge);
      }
    }
  }

  private void steps(Order order, Saga saga) {
    List<String> owed = new ArrayList<>();
    List<String> undone = new ArrayList<>();
    Set<String> once = new HashSet<>();
    boolean captured = false;
    for (Step step : saga.steps()) {
      check(
          Invariant.O9,
          once.add(step.name() + step.forward()) && step.attempts() >= 1,
          order + ": " + step + " stands twice or was never tried");
      boolean ran = step.done() || step.unknown();
      if (!step.forward()) {
        undone.add(step.name());
      } else if (ran && COMPENSABLE.contains(step.name())) {
        owed.add(step.name());
      }
      captured |= step.forward() && step.name().equals("capture") && ran;
      if (!step.forward() && step.done() && step.name().equals("authorize")) {
        history.count("undone after the authorization");
      }
      if (step.forward() && step.unknown() && saga.ended()) {
        history.count("undone though its outcome was unknown");
      }
      if (step.attempts() > 1) {
        history.count("a step tried again");
      }
      check(
          Invariant.O6,
          !(order.sold() && step.name().equals("authorize"))
              || step.result().equals(order.payment()),
          order + " was paid by " + order.payment() + ", and its saga says " + step.result());
    }
    boolean back = saga.state().equals("STATE_COMPENSATED");
    check(
        Invariant.O8,
        !saga.ended() || (undone.equals(back ? owed.reversed() : List.of()) && !(captured && back)),
        order + ": " + saga.steps());
  }

  private static boolean endsOnce(List<StockMovement.Kind> kinds) {
    return kinds.size() == 2
        && kinds.getFirst() == StockMovement.Kind.KIND_RESERVE
        && ENDS.contains(kinds.getLast());
  }

  private static List<StockMovement.Kind> kinds(List<StockMovement> movements) {
    return movements.stream().map(StockMovement::getKind).toList();
  }

  private void check(Invariant invariant, boolean holds, String otherwise) {
    findings.check(invariant, holds, otherwise);
  }
}
