package dev.weft.order;

import dev.weft.durable.Database;
import dev.weft.durable.Saga;
import dev.weft.durable.SagaRunner;
import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.Rejection;
import dev.weft.order.Findings.Promise;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.payment.v1.LedgerEntry;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Holds orders, ledger, stock movements and sagas against each other: first what the books promise
 * by themselves, then some orders after the other with all that the books say of those. It keeps no
 * more than such a page in memory, whatever the books' size, and a sum for each product.
 *
 * <p>They are read one after the other while the shop goes on. That is sound because orders are
 * read before the books, which only grow: whatever belongs to an order that had ended by then is in
 * books that are read later. Orders that had not ended are counted and otherwise left alone, and so
 * are confirmed ones that were called off meanwhile.
 */
final class Audit {
  /** Few enough for what the books say of them to be a page or two. */
  static final int ORDERS = 200;

  /** Longer than a saga may go forward before it gives up, and its way back. */
  private static final Duration STUCK = Duration.ofMinutes(10);

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
   * @param beforeEachPage may end it by what it throws
   * @throws Rejection if books cannot be read
   */
  AuditReport run(Runnable beforeEachPage) {
    return new Run(database.inTransaction(OrderStore::now), beforeEachPage).report();
  }

  /** A transaction of the ledger, as far as it is in one currency. */
  private record Entry(String transaction, String currency) {}

  /** A product's stock, as its movements so far add up. */
  private static final class Shelf {
    long available;
    long reserved;
    long sold;
  }

  private final class Run {
    private final Instant began;
    private final Runnable beforeEachPage;
    private final Findings findings = new Findings();
    private final Map<Entry, Long> unbalanced = new HashMap<>();
    private final Map<UUID, Shelf> shelves = new HashMap<>();
    private long judged;
    private long open;

    Run(Instant began, Runnable beforeEachPage) {
      this.began = began;
      this.beforeEachPage = beforeEachPage;
    }

    AuditReport report() {
      books.ledger(List.of(), this::balance);
      unbalanced.forEach(
          (entry, sum) ->
              findings.violated(
                  Promise.LEDGER_BALANCES,
                  entry.transaction(),
                  "transaction %s sums to %d %s"
                      .formatted(entry.transaction(), sum, entry.currency())));
      books.movements(List.of(), this::stock);
      findings.checked(Promise.STOCK_NEVER_NEGATIVE, shelves.size());
      judgeOrders();
      return findings.report(judged, open, began);
    }

    private void balance(List<LedgerEntry> page) {
      beforeEachPage.run();
      for (LedgerEntry line : page) {
        unbalanced.merge(
            new Entry(line.getTransactionId(), line.getAmount().getCurrencyCode()),
            MinorUnits.of(line.getAmount()),
            (sum, more) -> sum + more == 0 ? null : Long.valueOf(sum + more));
      }
      findings.checked(Promise.LEDGER_BALANCES, page.size());
      insistOnOrders(page.stream().map(LedgerEntry::getOrderId));
    }

    private void stock(List<StockMovement> page) {
      beforeEachPage.run();
      page.forEach(this::stock);
      insistOnOrders(
          page.stream().map(StockMovement::getOrderId).filter(order -> !order.isEmpty()));
    }

    private void stock(StockMovement movement) {
      String product = movement.getProductId();
      Shelf shelf = shelves.computeIfAbsent(UUID.fromString(product), _ -> new Shelf());
      long quantity = movement.getQuantity();
      switch (movement.getKind()) {
        case KIND_RESTOCK -> shelf.available += quantity;
        case KIND_RESERVE -> {
          shelf.available -= quantity;
          shelf.reserved += quantity;
        }
        case KIND_CONFIRM -> {
          shelf.reserved -= quantity;
          shelf.sold += quantity;
        }
        case KIND_RELEASE, KIND_EXPIRE -> {
          shelf.reserved -= quantity;
          shelf.available += quantity;
        }
        case KIND_RETURN -> {
          shelf.sold -= quantity;
          shelf.available += quantity;
        }
        case KIND_UNSPECIFIED, UNRECOGNIZED ->
            findings.violated(
                Promise.STOCK_MATCHES_ORDERS,
                product,
                "movement " + movement.getMovementId() + " is of no known kind");
      }
      if (shelf.available < 0 || shelf.reserved < 0 || shelf.sold < 0) {
        findings.violated(
            Promise.STOCK_NEVER_NEGATIVE,
            product,
            "product %s after movement %d: %d available, %d reserved, %d sold"
                .formatted(
                    product,
                    movement.getMovementId(),
                    shelf.available,
                    shelf.reserved,
                    shelf.sold));
      }
    }

    // An order is committed before anything moves for it.
    private void insistOnOrders(Stream<String> orderIds) {
      Set<UUID> unknown = orderIds.map(UUID::fromString).collect(Collectors.toSet());
      findings.checked(Promise.NOTHING_WITHOUT_ORDER, unknown.size());
      unknown.removeAll(database.read(tx -> store.versions(tx, Set.copyOf(unknown))).keySet());
      for (UUID order : unknown) {
        findings.violated(
            Promise.NOTHING_WITHOUT_ORDER, order.toString(), "there is no order " + order);
      }
    }

    private void judgeOrders() {
      Optional<UUID> before = Optional.empty();
      List<Order> page;
      do {
        beforeEachPage.run();
        Optional<UUID> from = before;
        page = database.read(tx -> store.list(tx, from, ORDERS));
        if (!page.isEmpty()) {
          judge(page);
          before = Optional.of(page.getLast().id());
        }
      } while (page.size() == ORDERS);
      findings.checked(Promise.NO_ORDER_IS_STUCK, open);
      for (Promise each :
          List.of(
              Promise.ONE_CAPTURE_PER_ORDER,
              Promise.MONEY_MATCHES_ORDERS,
              Promise.STOCK_MATCHES_ORDERS,
              Promise.SAGAS_MATCH_ORDERS)) {
        findings.checked(each, judged);
      }
    }

    private void judge(List<Order> page) {
      List<String> ids = page.stream().map(order -> order.id().toString()).toList();
      Map<String, Saga.State> states =
          sagas.ofSubjects(OrderSaga.NAME, ids).stream()
              .collect(Collectors.toMap(Saga::subject, Saga::state, (_, newer) -> newer));
      Map<String, Tally> tallies =
          ids.stream().collect(Collectors.toMap(Function.identity(), _ -> new Tally()));
      books.ledger(
          ids, lines -> lines.forEach(line -> tally(tallies, line.getOrderId()).add(line)));
      books.movements(
          ids, moves -> moves.forEach(move -> tally(tallies, move.getOrderId()).add(move)));
      Set<UUID> goneOn = goneOn(page, tallies);
      for (Order order : page) {
        String id = order.id().toString();
        Saga.State saga = states.get(id);
        boolean ended = order.state().rests() && (saga == null || saga.ended());
        if (ended && !goneOn.contains(order.id())) {
          judged++;
          judge(order, tally(tallies, id), saga);
        } else {
          open++;
          insistOnProgress(order, ended);
        }
      }
    }

    private void judge(Order order, Tally tally, Saga.@Nullable State saga) {
      String id = order.id().toString();
      if (tally.captures > 1) {
        findings.violated(
            Promise.ONE_CAPTURE_PER_ORDER,
            id,
            "order %s was paid for %d times".formatted(id, tally.captures));
      }
      if (!moneyMatches(order, tally)) {
        findings.violated(
            Promise.MONEY_MATCHES_ORDERS,
            id,
            "order %s of %d %s is %s: %s was taken, %s given back (minor units)"
                .formatted(
                    id,
                    order.total().minor(),
                    order.total().currency(),
                    order.state(),
                    tally.captured,
                    tally.refunded));
      }
      Map<UUID, Long> bought = new HashMap<>();
      if (order.state() == OrderState.CONFIRMED) {
        order
            .lines()
            .forEach(line -> bought.merge(line.productId(), (long) line.quantity(), Long::sum));
      }
      if (!tally.sold.equals(bought) || !tally.held.isEmpty()) {
        findings.violated(
            Promise.STOCK_MATCHES_ORDERS,
            id,
            "order %s is %s: %s bought, %s sold, %s held"
                .formatted(id, order.state(), bought, tally.sold, tally.held));
      }
      Saga.State expected =
          order.state() == OrderState.CANCELLED ? Saga.State.COMPENSATED : Saga.State.COMPLETED;
      if (saga != expected) {
        findings.violated(
            Promise.SAGAS_MATCH_ORDERS,
            id,
            "order %s is %s and its saga %s".formatted(id, order.state(), saga));
      }
    }

    private boolean moneyMatches(Order order, Tally tally) {
      boolean paid = tally.captured.equals(Map.of(order.total().currency(), order.total().minor()));
      boolean allIsBack = tally.allMoneyIsBack();
      return switch (order.state()) {
        // An administrator may give back a part of what it cost; of all of it, the order hears.
        case CONFIRMED ->
            paid
                && tally.noMoreMoneyIsBackThanWasTaken()
                && !(allIsBack && tally.lastRefund.plus(STUCK).isBefore(began));
        case REFUNDED -> paid && allIsBack;
        case CANCELLED, PENDING, REFUNDING -> allIsBack;
      };
    }

    private void insistOnProgress(Order order, boolean ended) {
      Instant since = order.state() == OrderState.PENDING ? order.createTime() : order.updateTime();
      // One that had ended when it was read was called off since.
      if (!ended && since.plus(STUCK).isBefore(began)) {
        findings.violated(
            Promise.NO_ORDER_IS_STUCK,
            order.id().toString(),
            "order %s is %s since %s".formatted(order.id(), order.state(), since));
      }
    }

    /** Confirmed orders of a page that were called off after they were read. */
    private Set<UUID> goneOn(List<Order> page, Map<String, Tally> tallies) {
      Map<UUID, Long> versions = new HashMap<>();
      for (Order order : page) {
        if (order.state() == OrderState.CONFIRMED
            && tally(tallies, order.id().toString()).returned) {
          versions.put(order.id(), order.version());
        }
      }
      if (!versions.isEmpty()) {
        Set<UUID> ids = Set.copyOf(versions.keySet());
        versions.entrySet().removeAll(database.read(tx -> store.versions(tx, ids)).entrySet());
      }
      return versions.keySet();
    }

    private static Tally tally(Map<String, Tally> tallies, String orderId) {
      return tallies.computeIfAbsent(orderId, _ -> new Tally());
    }
  }
}
