package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Database;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.inventory.v1.ConfirmReservationRequest;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc.InventoryServiceBlockingStub;
import dev.weft.shop.inventory.v1.ItemQuantity;
import dev.weft.shop.inventory.v1.PinReservationRequest;
import dev.weft.shop.inventory.v1.QuoteItemsRequest;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Everybody wants one product, and its stock cannot be had: the others are sold as ever. */
@Timeout(60)
class HotProductTest {
  /** Many more than may wait, and than make a circuit judge. */
  private static final int CROWD = 40;

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private final Set<String> answers = ConcurrentHashMap.newKeySet();
  private final AtomicInteger asked = new AtomicInteger();
  private Shop shop;

  // One, because every way to a service has a circuit of its own.
  private InventoryServiceBlockingStub orders;

  @BeforeEach
  void open() {
    shop = new Shop(mesh, postgres.database());
    orders = shop.orders();
  }

  @Test
  void othersAreQuotedAndSoldWhileEverybodyWantsOneWhoseRowIsLocked() throws Exception {
    String hot = shop.stocked(1_000);
    String cold = shop.stocked(1_000);
    besieged(
        hot,
        Map.of(hot, 1),
        () -> {
          for (int i = 0; i < 10; i++) {
            buy(cold);
          }
        });
    assertThat(answers).containsExactly("ABORTED STOCK_BUSY");

    // It is avoided for a moment longer.
    await().ignoreExceptionsInstanceOf(StatusRuntimeException.class).untilAsserted(() -> buy(hot));
    shop.hasStock(hot, 1_000, 999, 0, 1);
    shop.hasStock(cold, 1_000, 990, 0, 10);
  }

  @Test
  void aProductIsSoldThoughEverybodyWantsItTogetherWithOneWhoseRowIsLocked() throws Exception {
    String cold = shop.stocked(1_000);
    String hot = shop.stocked(1_000);
    besieged(
        hot,
        Map.of(hot, 1, cold, 1),
        () -> {
          for (int i = 0; i < 10; i++) {
            buy(cold);
          }
        });
    assertThat(answers).containsExactly("ABORTED STOCK_BUSY");
    shop.hasStock(cold, 1_000, 990, 0, 10);
  }

  /** Does something while a crowd asks for these again and again, and one row stays locked. */
  private void besieged(String locked, Map<String, Integer> wanted, Runnable meanwhile)
      throws Exception {
    Database somebody = postgres.anotherDatabase();
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    AtomicBoolean enough = new AtomicBoolean();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Boolean> holder =
          threads.submit(
              () ->
                  somebody.inTransaction(
                      tx -> {
                        // The session's own limit would end it.
                        tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0");
                        new StockStore(_ -> {}).lockAvailable(tx, List.of(UUID.fromString(locked)));
                        held.countDown();
                        return awaitFor(end);
                      }));
      held.await();
      List<Future<?>> crowd = new ArrayList<>();
      for (int i = 0; i < CROWD; i++) {
        crowd.add(threads.submit(() -> ask(wanted, enough)));
      }
      try {
        await().until(() -> asked.get() >= 3 * CROWD);
        meanwhile.run();
      } finally {
        enough.set(true);
        for (Future<?> one : crowd) {
          one.get();
        }
        end.countDown();
      }
      assertThat(holder.get()).isTrue();
    }
  }

  private void ask(Map<String, Integer> wanted, AtomicBoolean enough) {
    String order = UuidV7.next().toString();
    while (!enough.get()) {
      RemoteError error =
          RemoteError.of(catchThrowable(() -> orders.reserveStock(Shop.reserve(order, wanted))))
              .orElseThrow();
      answers.add(error.code() + " " + error.reason());
      asked.incrementAndGet();
      LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
    }
  }

  /** All that order-svc asks for one order; a refusal fails the test. */
  private void buy(String product) {
    String order = UuidV7.next().toString();
    orders.quoteItems(
        QuoteItemsRequest.newBuilder()
            .addItems(ItemQuantity.newBuilder().setProductId(product).setQuantity(1))
            .build());
    orders.reserveStock(Shop.reserve(order, Map.of(product, 1)));
    orders.pinReservation(
        PinReservationRequest.newBuilder()
            .setOrderId(order)
            .setCommandId(order + ":pin:forward")
            .build());
    orders.confirmReservation(
        ConfirmReservationRequest.newBuilder()
            .setOrderId(order)
            .setCommandId(order + ":confirm:forward")
            .build());
  }

  private static boolean awaitFor(CountDownLatch latch) {
    try {
      return latch.await(50, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
