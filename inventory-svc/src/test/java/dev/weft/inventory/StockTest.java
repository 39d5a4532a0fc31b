package dev.weft.inventory;

import static dev.weft.inventory.Shop.refused;
import static dev.weft.inventory.Shop.reserve;
import static dev.weft.inventory.Shop.unique;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.PageToken;
import dev.weft.durable.UuidV7;
import dev.weft.shop.inventory.v1.DeleteProductRequest;
import dev.weft.shop.inventory.v1.ListStockMovementsRequest;
import dev.weft.shop.inventory.v1.ListStockMovementsResponse;
import dev.weft.shop.inventory.v1.RestockProductRequest;
import dev.weft.shop.inventory.v1.Stock;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.inventory.v1.WatchStockRequest;
import dev.weft.shop.inventory.v1.WatchStockResponse;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Context;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How much is there: booked once, listed for ever, watched as it changes. */
class StockTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private Shop shop;

  @BeforeEach
  void open() {
    shop = new Shop(mesh, postgres.database());
    shop.feed.start();
  }

  @AfterEach
  void close() {
    shop.feed.close();
  }

  @Test
  void booksADeliveryOncePerRequestId() {
    UUID admin = UuidV7.next();
    RestockProductRequest request =
        RestockProductRequest.newBuilder()
            .setProductId(shop.product().getProductId())
            .setQuantity(10)
            .setRequestId(unique("restock"))
            .build();

    Stock first = shop.admin(admin).restockProduct(request).getStock();
    shop.restock(request.getProductId(), 5);

    assertThat(first.getAvailable()).isEqualTo(10);
    assertThat(shop.admin(admin).restockProduct(request).getStock()).isEqualTo(first);
    shop.hasStock(request.getProductId(), 15, 15, 0, 0);
    refused(
        Status.Code.INVALID_ARGUMENT,
        "IDEMPOTENCY_KEY_REUSED",
        () -> shop.admin(admin).restockProduct(request.toBuilder().setQuantity(11).build()));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, 1_000_001, Long.MAX_VALUE})
  void refusesAQuantityThatIsNone(long quantity) {
    String id = shop.product().getProductId();
    refused(
        Status.Code.INVALID_ARGUMENT,
        "INVALID_FIELD",
        () ->
            shop.admin()
                .restockProduct(
                    RestockProductRequest.newBuilder()
                        .setProductId(id)
                        .setQuantity(quantity)
                        .setRequestId(unique("restock"))
                        .build()));
  }

  @Test
  void listsEveryMovementOnceThoughOthersAreAddedMeanwhile() {
    String mug = shop.stocked(100);
    String pot = shop.stocked(100);
    long before = movements("", 1_000, "").getMovementsList().getLast().getMovementId();
    for (int i = 0; i < 3; i++) {
      shop.orders().reserveStock(reserve(UuidV7.next().toString(), Map.of(mug, 1, pot, 2)));
    }
    List<StockMovement> all = new ArrayList<>();
    String token = "";
    do {
      ListStockMovementsResponse page = movements("", 2, token);
      all.addAll(page.getMovementsList());
      token = page.getNextPageToken();
      if (all.size() == 4) {
        shop.restock(mug, 1);
      }
    } while (!token.isEmpty());

    assertThat(all).extracting(StockMovement::getMovementId).isSorted().doesNotHaveDuplicates();
    assertThat(all.stream().filter(one -> one.getMovementId() > before)).hasSize(7);
    assertThat(movements(pot, 0, "").getMovementsList())
        .isEqualTo(all.stream().filter(one -> one.getProductId().equals(pot)).toList())
        .hasSize(4);
  }

  @Test
  void listsTheMovementsForSomeOrders() {
    String mug = shop.stocked(100);
    List<String> orders = Stream.generate(() -> UuidV7.next().toString()).limit(3).toList();
    orders.forEach(order -> shop.orders().reserveStock(reserve(order, Map.of(mug, 1))));

    ListStockMovementsResponse ofTwo =
        shop.orders()
            .listStockMovements(
                ListStockMovementsRequest.newBuilder()
                    .addAllOrderIds(orders.subList(0, 2))
                    .build());

    assertThat(ofTwo.getMovementsList())
        .extracting(StockMovement::getOrderId)
        .containsExactlyElementsOf(orders.subList(0, 2));
  }

  @Test
  void listsMovementsBesideAnOpenTransactionWithoutHoldingUpWritersOrMissingItsOwn()
      throws Exception {
    String mug = shop.stocked(1);
    String pot = shop.stocked(1);
    long before = movements(pot, 0, "").getMovements(0).getMovementId();
    String from = PageToken.after(Long.toString(before), "movements", "", "");
    CountDownLatch moved = new CountDownLatch(1);
    CountDownLatch commit = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<?> writer =
          threads.submit(
              () ->
                  postgres
                      .database()
                      .inTransactionVoid(
                          tx -> {
                            new StockStore(_ -> {})
                                .move(
                                    tx,
                                    Movement.Kind.RESTOCK,
                                    List.of(new StockStore.Line(null, UUID.fromString(mug), 7)));
                            moved.countDown();
                            awaitLatch(commit);
                          }));
      assertThat(moved.await(10, TimeUnit.SECONDS)).isTrue();

      Future<ListStockMovementsResponse> reader = threads.submit(() -> movements("", 100, from));
      shop.restock(pot, 3);

      // What has committed lies behind what has not.
      ListStockMovementsResponse meanwhile = reader.get();
      assertThat(meanwhile.getMovementsList()).isEmpty();
      assertThat(meanwhile.getNextPageToken()).isNotEmpty();

      commit.countDown();
      writer.get();
      ListStockMovementsResponse rest = movements("", 100, meanwhile.getNextPageToken());
      assertThat(rest.getNextPageToken()).isEmpty();
      assertThat(rest.getMovementsList())
          .extracting(StockMovement::getQuantity)
          .containsExactly(7L, 3L);
    } finally {
      commit.countDown();
    }
  }

  private static void awaitLatch(CountDownLatch latch) {
    try {
      latch.await(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void refusesChangesOfMovementsAndOfStockThatDoesNotAddUp() {
    shop.stocked(10);
    for (String statement :
        List.of(
            "UPDATE stock_movement SET quantity = 1",
            "DELETE FROM stock_movement",
            "TRUNCATE stock_movement",
            "UPDATE stock SET available = available + 1",
            "UPDATE stock SET available = available - 1000, reserved = reserved + 1000",
            "UPDATE stock SET available = available - 1, sold = sold + 2")) {
      assertThatThrownBy(() -> postgres.database().inTransactionVoid(tx -> tx.execute(statement)))
          .as(statement)
          .hasMessageMatching("(?s).*(append-only|violates check constraint).*");
    }
  }

  @Test
  void tellsAWatcherWhatTheStockIsAndWhatItBecomes() {
    String mug = shop.stocked(10);
    try (Context.CancellableContext call = Context.current().withCancellation()) {
      Iterator<WatchStockResponse> states = watch(call, mug);
      assertThat(states.next().getStock()).isEqualTo(shop.stock(mug));
      // The same again, because nothing changes and a silent stream is a dead one.
      assertThat(states.next().getStock()).isEqualTo(shop.stock(mug));

      shop.orders().reserveStock(reserve(UuidV7.next().toString(), Map.of(mug, 3)));

      Stock state;
      do {
        state = states.next().getStock();
      } while (state.getReserved() == 0);
      assertThat(state).isEqualTo(shop.stock(mug));
    }
    await().until(() -> shop.feed.size() == 0);
  }

  @Test
  void endsAWatchWhenTheProductLeavesTheCatalogue() {
    String mug = shop.stocked(10);
    try (Context.CancellableContext call = Context.current().withCancellation()) {
      Iterator<WatchStockResponse> states = watch(call, mug);
      states.next();
      shop.admin().deleteProduct(DeleteProductRequest.newBuilder().setProductId(mug).build());
      refused(
          Status.Code.NOT_FOUND,
          "PRODUCT_NOT_FOUND",
          () -> {
            while (states.hasNext()) {
              states.next();
            }
          });
      refused(Status.Code.NOT_FOUND, "PRODUCT_NOT_FOUND", () -> watch(call, mug).next());
    }
    await().until(() -> shop.feed.size() == 0);
  }

  private Iterator<WatchStockResponse> watch(Context call, String productId) {
    try {
      return call.call(
          () ->
              shop.admin()
                  .watchStock(WatchStockRequest.newBuilder().setProductId(productId).build()));
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private ListStockMovementsResponse movements(String productId, int size, String token) {
    return shop.orders()
        .listStockMovements(
            ListStockMovementsRequest.newBuilder()
                .setProductId(productId)
                .setPageSize(size)
                .setPageToken(token)
                .build());
  }
}
