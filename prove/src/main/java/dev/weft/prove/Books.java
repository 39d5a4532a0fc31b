package dev.weft.prove;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.type.Money;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.ListStockMovementsRequest;
import dev.weft.shop.inventory.v1.ListStockMovementsResponse;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.payment.v1.LedgerEntry;
import dev.weft.shop.payment.v1.ListLedgerEntriesRequest;
import dev.weft.shop.payment.v1.ListLedgerEntriesResponse;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Everything that the system keeps, read back when it is quiet: from the edge, from the ledgers of
 * the services, and from the card network, which is none of the shop's.
 */
record Books(
    Map<String, Order> orders,
    Map<String, Saga> sagas,
    List<LedgerEntry> ledger,
    Map<String, Charge> charges,
    List<StockMovement> movements,
    Map<String, Goods.Stock> stock,
    Set<String> stalled,
    boolean auditHolds) {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration LISTS = Duration.ofSeconds(60);

  /** It reads all there is; its contract gives it a minute. */
  private static final Duration AUDIT = Duration.ofSeconds(65);

  private static final int PAGE = 200;
  private static final int SERVICE_PAGE = 1000;
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  /** An order as its admin sees it. */
  record Order(
      String id,
      String user,
      String state,
      String reason,
      long totalMinor,
      Map<String, Long> items,
      String payment) {
    boolean confirmed() {
      return state.equals("STATE_CONFIRMED");
    }

    /** Confirmed once, and called off or given back in full since. */
    boolean refunded() {
      return state.equals("STATE_REFUNDED");
    }

    /** Paid for and sold, whatever became of it since. */
    boolean sold() {
      return confirmed() || refunded() || state.equals("STATE_REFUNDING");
    }

    boolean cancelled() {
      return state.equals("STATE_CANCELLED");
    }

    boolean ended() {
      return confirmed() || cancelled() || refunded();
    }
  }

  /**
   * A saga with its steps in the order of its list.
   *
   * @param reason why it turned back; empty if it did not
   */
  record Saga(String id, String state, String reason, List<Step> steps) {
    boolean ended() {
      return state.equals("STATE_COMPLETED") || state.equals("STATE_COMPENSATED");
    }
  }

  /** One step of a saga in one direction. */
  record Step(String name, boolean forward, String state, int attempts, String result) {
    boolean done() {
      return state.equals("STATE_DONE");
    }

    /** Given up without knowing what came of it. */
    boolean unknown() {
      return state.equals("STATE_UNKNOWN");
    }

    @Override
    public String toString() {
      return "%s %s %s, %d attempts"
          .formatted(forward ? "do" : "undo", name, state.replace("STATE_", ""), attempts);
    }
  }

  /**
   * A charge as the card network last wrote it, with all that the network did to it, in its order.
   */
  record Charge(
      String id,
      String status,
      long capturedMinor,
      long refundedMinor,
      List<NetworkEntry> entries) {
    /** How often the network did such a thing: authorize, capture, void or refund. */
    long times(String operation) {
      return entries.stream().filter(entry -> entry.operation().equals(operation)).count();
    }
  }

  /** A line of the card network's ledger: what it did, and where the charge stood then. */
  record NetworkEntry(Instant time, String operation, String status) {}

  static Books read(Shop shop, Shopper admin, List<Goods> goods) {
    awaitLists(admin);
    Map<String, Order> orders = new LinkedHashMap<>();
    for (JsonNode order : pages(admin, "/v1/orders", "orders")) {
      Order read = order(order);
      orders.put(read.id(), read);
    }
    Map<String, Saga> sagas = new LinkedHashMap<>();
    for (JsonNode saga : pages(admin, "/v1/sagas?definition=order", "sagas")) {
      sagas.put(saga.path("orderId").asText(), saga(saga));
    }
    Map<String, Goods.Stock> stock = new LinkedHashMap<>();
    for (Goods one : goods) {
      Answer answer = Shopper.patiently(() -> admin.get("/v1/products/" + one.id() + "/stock"));
      stock.put(one.id(), Goods.Stock.of(answer.body()));
    }
    Answer audit = Shopper.patiently(() -> admin.get("/v1/audit/invariants", AUDIT));
    return new Books(
        orders,
        sagas,
        ledger(shop),
        charges(shop),
        movements(shop),
        stock,
        stalled(admin),
        audit.body().path("holds").asBoolean());
  }

  /** Lists of orders follow what happens to orders: waits until they have come as far. */
  private static void awaitLists(Shopper admin) {
    if (!Shop.await(LISTS, () -> listsShowWhatIs(admin))) {
      throw new ProofException(
          "after %d s lists do not show the orders as they are: %s"
              .formatted(LISTS.toSeconds(), admin.get("/v1/order-view")));
    }
  }

  static boolean listsShowWhatIs(Shopper admin) {
    Answer view = admin.get("/v1/order-view");
    return view.ok()
        && view.body().path("behind").asLong() == 0
        && view.body().path("waiting").asLong() == 0;
  }

  private static Set<String> stalled(Shopper admin) {
    Set<String> orders = new HashSet<>();
    for (JsonNode saga : pages(admin, "/v1/sagas?state=STATE_COMPENSATION_STALLED", "sagas")) {
      orders.add(saga.path("orderId").asText());
    }
    return orders;
  }

  /** What the shop's own ledger says the network owes it, by order. */
  Map<String, List<LedgerEntry>> networkEntries() {
    Map<String, List<LedgerEntry>> byOrder = new LinkedHashMap<>();
    for (LedgerEntry entry : ledger) {
      if (entry.getAccount().equals("card_network")) {
        byOrder.computeIfAbsent(entry.getOrderId(), _ -> new ArrayList<>()).add(entry);
      }
    }
    return byOrder;
  }

  static long minor(Money money) {
    return money.getUnits() * 100 + money.getNanos() / 10_000_000;
  }

  static List<LedgerEntry> ledger(Shop shop) {
    List<LedgerEntry> entries = new ArrayList<>();
    try (Calls calls = Calls.to(shop, Shop.PAYMENT, Shop.ORDER)) {
      var payments = PaymentServiceGrpc.newBlockingStub(calls.channel());
      String page = "";
      do {
        ListLedgerEntriesResponse reply =
            payments
                .withDeadlineAfter(10, TimeUnit.SECONDS)
                .listLedgerEntries(
                    ListLedgerEntriesRequest.newBuilder()
                        .setPageSize(SERVICE_PAGE)
                        .setPageToken(page)
                        .build());
        entries.addAll(reply.getEntriesList());
        page = reply.getNextPageToken();
      } while (!page.isEmpty());
    }
    return entries;
  }

  private static List<StockMovement> movements(Shop shop) {
    List<StockMovement> movements = new ArrayList<>();
    try (Calls calls = Calls.to(shop, Shop.INVENTORY, Shop.ORDER)) {
      var inventory = InventoryServiceGrpc.newBlockingStub(calls.channel());
      String page = "";
      do {
        ListStockMovementsResponse reply =
            inventory
                .withDeadlineAfter(10, TimeUnit.SECONDS)
                .listStockMovements(
                    ListStockMovementsRequest.newBuilder()
                        .setPageSize(SERVICE_PAGE)
                        .setPageToken(page)
                        .build());
        movements.addAll(reply.getMovementsList());
        page = reply.getNextPageToken();
      } while (!page.isEmpty());
    }
    return movements;
  }

  private static Map<String, Charge> charges(Shop shop) {
    Map<String, Charge> charges = new LinkedHashMap<>();
    String from = "0";
    while (true) {
      JsonNode page =
          fetch(
              "http://127.0.0.1:%d/v1/ledger?from=%s&limit=1000"
                  .formatted(shop.folder().port(Shop.CARD_NETWORK), from));
      if (page.path("entries").isEmpty()) {
        return charges;
      }
      for (JsonNode entry : page.path("entries")) {
        JsonNode charge = entry.path("charge");
        String reference = charge.path("reference").asText();
        @Nullable Charge before = charges.get(reference);
        List<NetworkEntry> entries = new ArrayList<>(before == null ? List.of() : before.entries());
        entries.add(
            new NetworkEntry(
                Instant.parse(charge.path("updateTime").asText()),
                entry.path("operation").asText(),
                charge.path("status").asText()));
        charges.put(
            reference,
            new Charge(
                charge.path("chargeId").asText(),
                charge.path("status").asText(),
                charge.path("capturedAmount").asLong(),
                charge.path("refundedAmount").asLong(),
                entries));
      }
      from = page.path("next").asText();
    }
  }

  /** Whether a page is there and well. */
  static boolean answers(String url) {
    try {
      return HTTP.send(
                  HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(2)).build(),
                  BodyHandlers.discarding())
              .statusCode()
          == 200;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }

  private static JsonNode fetch(String url) {
    try {
      return JSON.readTree(
          HTTP.send(
                  HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(10)).build(),
                  BodyHandlers.ofString())
              .body());
    } catch (IOException e) {
      throw new ProofException(url + " cannot be read", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }

  private static List<JsonNode> pages(Shopper admin, String path, String field) {
    List<JsonNode> all = new ArrayList<>();
    String token = "";
    do {
      String query =
          (path.contains("?") ? "&" : "?")
              + "pageSize="
              + PAGE
              + (token.isEmpty() ? "" : "&pageToken=" + token);
      Answer page = Shopper.patiently(() -> admin.get(path + query));
      if (!page.ok()) {
        throw new ProofException(path + " cannot be read: " + page);
      }
      page.body().path(field).forEach(all::add);
      token = page.text("nextPageToken");
    } while (!token.isEmpty());
    return all;
  }

  private static Order order(JsonNode order) {
    Map<String, Long> items = new LinkedHashMap<>();
    for (JsonNode item : order.path("items")) {
      items.merge(item.path("productId").asText(), item.path("quantity").asLong(), Long::sum);
    }
    JsonNode total = order.path("total");
    return new Order(
        order.path("orderId").asText(),
        order.path("userId").asText(),
        order.path("state").asText(),
        order.path("cancelReason").asText(),
        total.path("units").asLong() * 100 + total.path("nanos").asLong() / 10_000_000,
        items,
        order.path("paymentId").asText());
  }

  private static Saga saga(JsonNode saga) {
    List<Step> steps = new ArrayList<>();
    for (JsonNode step : saga.path("steps")) {
      steps.add(
          new Step(
              step.path("name").asText(),
              step.path("direction").asText().equals("DIRECTION_FORWARD"),
              step.path("state").asText(),
              step.path("attempts").asInt(),
              step.path("result").asText()));
    }
    return new Saga(
        saga.path("sagaId").asText(),
        saga.path("state").asText(),
        saga.path("reason").asText(),
        steps);
  }
}
