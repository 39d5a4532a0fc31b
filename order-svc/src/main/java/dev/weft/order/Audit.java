package dev.weft.order;

import com.google.type.Money;
import dev.weft.durable.Database;
import dev.weft.durable.Saga;
import dev.weft.durable.SagaRunner;
import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.Rejection;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.payment.v1.LedgerEntry;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Holds orders, ledger, stock movements and sagas against each other.
 *
 * <p>The four are read one after the other while the shop goes on. That is sound because orders are
 * read first and the books only grow: whatever belongs to an order that had ended by then is in
 * books that are read later. Orders that had not ended are counted and otherwise left alone, and so
 * are confirmed ones that were called off meanwhile.
 */
final class Audit {
  private static final int MAX_ORDERS = 50_000;
  private static final int PAGE = 1_000;
  private static final int SHOWN = 20;

  /** Longer than a saga may go forward before it gives up, and its way back. */
  private static final Duration STUCK = Duration.ofMinutes(10);

  private static final String NETWORK = "card_network";

  /** What is promised of the books. */
  private enum Promise {
    LEDGER_BALANCES("the lines of each ledger transaction sum to zero"),
    ONE_CAPTURE_PER_ORDER("no order was paid for twice"),
    MONEY_MATCHES_ORDERS(
        "what was taken for a confirmed order is its total, and some of it was kept, or the order"
            + " followed within 10 minutes; of a cancelled or refunded order nothing was kept"),
    STOCK_NEVER_NEGATIVE("at no time was a product's available, reserved or sold below zero"),
    STOCK_MATCHES_ORDERS(
        "what was sold are the lines of confirmed orders; an order that ended holds nothing back"),
    SAGAS_MATCH_ORDERS(
        "a cancelled order's saga was undone, a confirmed or refunded order's was completed"),
    NOTHING_WITHOUT_ORDER("money and goods moved for orders only that exist"),
    NO_ORDER_IS_STUCK("no order has been on its way for more than 10 minutes");

    final String description;

    Promise(String description) {
      this.description = description;
    }
  }

  private final Database database;
  private final OrderStore store;
  private final SagaRunner sagas;
  private final BooksClient books;

  Audit(Database database, OrderStore store, SagaRunner sagas, BooksClient books) {
    this.database = database;
    this.store = store;
    this.sagas = sagas;
    this.books = books;
  }

  /**
   * Reads everything and judges it.
   *
   * @throws Rejection if there are too many orders, or books cannot be read
   */
  AuditReport run() {
    var run = new Run(database.read(store::now));
    run.readOrders();
    run.readSagas();
    books.ledger(run::read);
    books.movements(run::read);
    return run.judge();
  }

  /** What the books say one order did. */
  private static final class Tally {
    int captures;
    final Map<String, Long> captured = new HashMap<>(); // by currency, in minor units
    final Map<String, Long> refunded = new HashMap<>(); // likewise
    final Map<UUID, Long> held = new HashMap<>(); // by product
    final Map<UUID, Long> sold = new HashMap<>();
    Instant lastRefund = Instant.EPOCH;
    boolean returned;
  }

  /** A product's stock, as its movements so far add up. */
  private static final class Shelf {
    long available;
    long reserved;
    long sold;
  }

  private final class Run {
    private final Instant began;
    private final Map<UUID, Order> orders = new HashMap<>();
    private final Map<UUID, Saga.State> sagaStates = new HashMap<>();
    private final Map<UUID, Tally> tallies = new HashMap<>();
    private final Map<String, Long> unbalanced = new HashMap<>(); // by transaction and currency
    private final Map<UUID, Shelf> shelves = new HashMap<>();
    private final Map<Promise, Long> checked = new EnumMap<>(Promise.class);
    private final Map<Promise, List<String>> violations = new EnumMap<>(Promise.class);
    private final Map<Promise, Long> violationCounts = new EnumMap<>(Promise.class);
    private final Set<String> transactions = new HashSet<>();

    Run(Instant began) {
      this.began = began;
    }

    void readOrders() {
      Optional<UUID> before = Optional.empty();
      List<Order> page;
      do {
        Optional<UUID> from = before;
        page = database.read(tx -> store.list(tx, from, PAGE));
        page.forEach(order -> orders.put(order.id(), order));
        if (orders.size() > MAX_ORDERS) {
          throw Rejection.notAllowedNow(
              "BOOKS_TOO_LARGE", "more than " + MAX_ORDERS + " orders are not audited at once");
        }
        before = page.isEmpty() ? before : Optional.of(page.getLast().id());
      } while (page.size() == PAGE);
    }

    void readSagas() {
      Optional<UUID> before = Optional.empty();
      List<Saga> page;
      do {
        page = sagas.list(Optional.empty(), Optional.of(OrderSaga.NAME), before, PAGE);
        page.forEach(saga -> sagaStates.put(UUID.fromString(saga.subject()), saga.state()));
        before = page.isEmpty() ? before : Optional.of(page.getLast().id());
      } while (page.size() == PAGE);
    }

    void read(LedgerEntry entry) {
      Money amount = entry.getAmount();
      long minor = MinorUnits.of(amount);
      transactions.add(entry.getTransactionId());
      unbalanced.merge(
          entry.getTransactionId() + " in " + amount.getCurrencyCode(),
          minor,
          (sum, line) -> sum + line == 0 ? null : Long.valueOf(sum + line));
      if (!entry.getAccount().equals(NETWORK)) {
        return;
      }
      Tally tally = tally(entry.getOrderId());
      if (minor > 0) {
        tally.captures++;
        tally.captured.merge(amount.getCurrencyCode(), minor, Long::sum);
      } else if (minor < 0) {
        tally.refunded.merge(amount.getCurrencyCode(), -minor, Long::sum);
        tally.lastRefund = Instant.ofEpochSecond(entry.getCreateTime().getSeconds());
      }
    }

    void read(StockMovement movement) {
      UUID product = UUID.fromString(movement.getProductId());
      Shelf shelf = shelves.computeIfAbsent(product, _ -> new Shelf());
      long quantity = movement.getQuantity();
      switch (movement.getKind()) {
        case KIND_RESTOCK -> shelf.available += quantity;
        case KIND_RESERVE -> {
          shelf.available -= quantity;
          shelf.reserved += quantity;
          tally(movement.getOrderId()).held.merge(product, quantity, Long::sum);
        }
        case KIND_CONFIRM -> {
          shelf.reserved -= quantity;
          shelf.sold += quantity;
          tally(movement.getOrderId()).held.merge(product, -quantity, Long::sum);
          tally(movement.getOrderId()).sold.merge(product, quantity, Long::sum);
        }
        case KIND_RELEASE, KIND_EXPIRE -> {
          shelf.reserved -= quantity;
          shelf.available += quantity;
          tally(movement.getOrderId()).held.merge(product, -quantity, Long::sum);
        }
        case KIND_RETURN -> {
          shelf.sold -= quantity;
          shelf.available += quantity;
          tally(movement.getOrderId()).sold.merge(product, -quantity, Long::sum);
          tally(movement.getOrderId()).returned = true;
        }
        case KIND_UNSPECIFIED, UNRECOGNIZED ->
            violated(
                Promise.STOCK_MATCHES_ORDERS,
                "movement " + movement.getMovementId() + " is of no known kind");
      }
      if (shelf.available < 0 || shelf.reserved < 0 || shelf.sold < 0) {
        violated(
            Promise.STOCK_NEVER_NEGATIVE,
            "product %s after movement %d: %d available, %d reserved, %d sold"
                .formatted(
                    product,
                    movement.getMovementId(),
                    shelf.available,
                    shelf.reserved,
                    shelf.sold));
      }
    }

    AuditReport judge() {
      checked.put(Promise.LEDGER_BALANCES, (long) transactions.size());
      unbalanced.forEach(
          (transaction, sum) ->
              violated(Promise.LEDGER_BALANCES, "transaction " + transaction + " sums to " + sum));
      checked.put(Promise.STOCK_NEVER_NEGATIVE, (long) shelves.size());
      judgeUnknownOrders();
      long judged = 0;
      Set<UUID> goneOn = goneOn();
      for (Order order : orders.values()) {
        Saga.State saga = sagaStates.get(order.id());
        Instant since =
            order.state() == OrderState.PENDING ? order.createTime() : order.updateTime();
        if (goneOn.contains(order.id())) {
          // It was called off since.
        } else if (order.state().rests() && (saga == null || saga.ended())) {
          judged++;
          judge(order, tallies.getOrDefault(order.id(), new Tally()), saga);
        } else if (since.plus(STUCK).isBefore(began)) {
          violated(
              Promise.NO_ORDER_IS_STUCK,
              "order %s is %s since %s".formatted(order.id(), order.state(), since));
        }
      }
      long open = orders.size() - judged;
      checked.put(Promise.NO_ORDER_IS_STUCK, open);
      for (Promise each :
          List.of(
              Promise.ONE_CAPTURE_PER_ORDER,
              Promise.MONEY_MATCHES_ORDERS,
              Promise.STOCK_MATCHES_ORDERS,
              Promise.SAGAS_MATCH_ORDERS)) {
        checked.put(each, judged);
      }
      List<AuditReport.Invariant> invariants = new ArrayList<>();
      for (Promise promise : Promise.values()) {
        invariants.add(
            new AuditReport.Invariant(
                promise.name(),
                promise.description,
                checked.getOrDefault(promise, 0L),
                violations.getOrDefault(promise, List.of()),
                violationCounts.getOrDefault(promise, 0L)));
      }
      return new AuditReport(invariants, judged, open, began);
    }

    private void judge(Order order, Tally tally, Saga.@Nullable State saga) {
      if (tally.captures > 1) {
        violated(
            Promise.ONE_CAPTURE_PER_ORDER,
            "order %s was paid for %d times".formatted(order.id(), tally.captures));
      }
      boolean confirmed = order.state() == OrderState.CONFIRMED;
      if (!moneyMatches(order, tally)) {
        violated(
            Promise.MONEY_MATCHES_ORDERS,
            "order %s of %d %s is %s: %s was taken, %s given back (minor units)"
                .formatted(
                    order.id(),
                    order.total().minor(),
                    order.total().currency(),
                    order.state(),
                    tally.captured,
                    tally.refunded));
      }
      Map<UUID, Long> bought = new HashMap<>();
      if (confirmed) {
        order
            .lines()
            .forEach(line -> bought.merge(line.productId(), (long) line.quantity(), Long::sum));
      }
      if (!withoutZeros(tally.sold).equals(bought) || !withoutZeros(tally.held).isEmpty()) {
        violated(
            Promise.STOCK_MATCHES_ORDERS,
            "order %s is %s: %s bought, %s sold, %s held"
                .formatted(order.id(), order.state(), bought, tally.sold, tally.held));
      }
      Saga.State expected =
          order.state() == OrderState.CANCELLED ? Saga.State.COMPENSATED : Saga.State.COMPLETED;
      if (saga != expected) {
        violated(
            Promise.SAGAS_MATCH_ORDERS,
            "order %s is %s and its saga %s".formatted(order.id(), order.state(), saga));
      }
    }

    private boolean moneyMatches(Order order, Tally tally) {
      boolean paid = tally.captured.equals(Map.of(order.total().currency(), order.total().minor()));
      boolean allIsBack = tally.captured.equals(tally.refunded);
      return switch (order.state()) {
        // An administrator may give back a part of what it cost; of all of it, the order hears.
        case CONFIRMED ->
            paid
                && noMoreIsBackThanWasTaken(tally)
                && !(allIsBack && tally.lastRefund.plus(STUCK).isBefore(began));
        case REFUNDED -> paid && allIsBack;
        case CANCELLED, PENDING, REFUNDING -> allIsBack;
      };
    }

    private static boolean noMoreIsBackThanWasTaken(Tally tally) {
      return tally.refunded.entrySet().stream()
          .allMatch(back -> back.getValue() <= tally.captured.getOrDefault(back.getKey(), 0L));
    }

    /** Confirmed orders that were called off after they were read. */
    private Set<UUID> goneOn() {
      Map<UUID, Long> versions = new HashMap<>();
      tallies.forEach(
          (id, tally) -> {
            Order order = orders.get(id);
            if (tally.returned && order != null && order.state() == OrderState.CONFIRMED) {
              versions.put(id, order.version());
            }
          });
      if (!versions.isEmpty()) {
        versions
            .entrySet()
            .removeAll(database.read(tx -> store.versions(tx, versions.keySet())).entrySet());
      }
      return versions.keySet();
    }

    // An order may have been placed after the orders were read: that is looked up once more.
    private void judgeUnknownOrders() {
      checked.put(Promise.NOTHING_WITHOUT_ORDER, (long) tallies.size());
      Set<UUID> unknown = new HashSet<>(tallies.keySet());
      unknown.removeAll(orders.keySet());
      if (!unknown.isEmpty()) {
        unknown.removeAll(database.read(tx -> store.versions(tx, unknown)).keySet());
      }
      for (UUID order : unknown) {
        violated(Promise.NOTHING_WITHOUT_ORDER, "there is no order " + order);
      }
    }

    private Tally tally(String orderId) {
      return tallies.computeIfAbsent(UUID.fromString(orderId), _ -> new Tally());
    }

    private void violated(Promise promise, String how) {
      violationCounts.merge(promise, 1L, Long::sum);
      List<String> shown = violations.computeIfAbsent(promise, _ -> new ArrayList<>());
      if (shown.size() < SHOWN) {
        shown.add(how);
      }
    }

    private static <K> Map<K, Long> withoutZeros(Map<K, Long> sums) {
      Map<K, Long> rest = new HashMap<>(sums);
      rest.values().removeIf(sum -> sum == 0);
      return rest;
    }
  }
}
