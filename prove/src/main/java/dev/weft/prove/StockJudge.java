package dev.weft.prove;

import dev.weft.prove.Books.Order;
import dev.weft.prove.History.Contest;
import dev.weft.shop.inventory.v1.StockMovement;
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

/** Holds the shelves and all that was moved on them against orders. */
final class StockJudge {
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

  private final History history;
  private final Books books;
  private final List<Goods> goods;
  private final Verdict.Findings findings;

  StockJudge(History history, Books books, List<Goods> goods, Verdict.Findings findings) {
    this.history = history;
    this.books = books;
    this.goods = goods;
    this.findings = findings;
  }

  void judge() {
    Map<String, Long> bought = new HashMap<>();
    for (Order order : books.orders().values()) {
      if (order.confirmed()) {
        order.items().forEach((product, quantity) -> bought.merge(product, quantity, Long::sum));
      }
    }
    for (Goods one : goods) {
      Goods.Stock stock = books.stock().getOrDefault(one.id(), new Goods.Stock(0, 0, 0, 0));
      String what = "product " + one.id() + ": " + stock;
      findings.check(
          Invariant.K1,
          stock.conserved() && stock.received() == one.received(),
          what + ", brought in " + one.received());
      findings.check(Invariant.K2, stock.available() >= 0 && stock.sold() >= 0, what);
      findings.check(Invariant.K3, stock.reserved() == 0, what);
      long sold = bought.getOrDefault(one.id(), 0L);
      findings.check(Invariant.K4, stock.sold() == sold, what + ", confirmed orders hold " + sold);
      findings.check(Invariant.K5, stock.sold() <= one.received(), what);
    }
    for (Contest contest : history.contests()) {
      long won =
          books.orders().values().stream()
              .filter(order -> order.confirmed() && order.items().containsKey(contest.product()))
              .count();
      findings.check(
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
        findings.check(
            Invariant.K7,
            !moved.contains(late),
            late + " was released before it was reserved, and took stock");
      } else if (!order.confirmed()) {
        findings.check(
            Invariant.K7, !held.contains(late), order + " took stock after it was released");
      }
    }
    held.removeAll(history.sentAgain());
    held.forEach(
        late -> findings.check(Invariant.K7, false, late + " took stock after it was released"));
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
                findings.check(
                    Invariant.K6,
                    refunded ? kinds(movements).equals(BACK) : endsOnce(kinds(movements)),
                    what);
                findings.check(
                    Invariant.O9,
                    kinds(movements).stream().distinct().count() == movements.size(),
                    what);
              });
          if (products.values().stream()
              .anyMatch(one -> one.getLast().getKind() == StockMovement.Kind.KIND_EXPIRE)) {
            history.count("a reservation expired");
          }
          findings.check(
              Invariant.K8,
              order != null && products.keySet().equals(order.items().keySet()),
              "order " + orderId + " reserved " + products.keySet() + " of " + order);
        });
  }

  private static boolean endsOnce(List<StockMovement.Kind> kinds) {
    return kinds.size() == 2
        && kinds.getFirst() == StockMovement.Kind.KIND_RESERVE
        && ENDS.contains(kinds.getLast());
  }

  private static List<StockMovement.Kind> kinds(List<StockMovement> movements) {
    return movements.stream().map(StockMovement::getKind).toList();
  }
}
