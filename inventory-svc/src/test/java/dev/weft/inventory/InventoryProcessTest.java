package dev.weft.inventory;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.UuidV7;
import dev.weft.mesh.Mesh;
import dev.weft.shop.inventory.v1.ConfirmReservationRequest;
import dev.weft.shop.inventory.v1.GetProductRequest;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc.InventoryServiceBlockingStub;
import dev.weft.shop.inventory.v1.ListProductsRequest;
import dev.weft.testkit.PostgresExtension;
import dev.weft.testkit.ProcessMesh;
import dev.weft.testkit.ProcessMesh.Running;
import io.grpc.StatusRuntimeException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The process as {@code ./weft up} starts it, called over the registry as order-svc calls it. */
@Timeout(120)
class InventoryProcessTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension final ProcessMesh processes = new ProcessMesh();
  private final UUID product = UuidV7.next();
  private Mesh orders;

  @BeforeEach
  void open() {
    orders = processes.mesh("order-svc");
    Shop.add(postgres.database(), product, 1_000);
  }

  @Test
  void startsRegistersServesAndLeavesTheRegistryBeforeItStops() throws Exception {
    Running running = start(Map.of("WEFT_RESERVATION_LIFE", "PT0.5S"));

    assertThat(running.get("/readyz").statusCode()).isEqualTo(200);
    assertThat(running.get("/info").body()).contains("\"name\":\"inventory-svc\"");
    assertThat(inventory().listProducts(ListProductsRequest.getDefaultInstance()).getProductsList())
        .anyMatch(one -> one.getProductId().equals(product.toString()));
    reserve(UuidV7.next());
    assertThat(stock().reserved()).isEqualTo(1);
    // Its sweep runs.
    await().until(() -> stock().reserved() == 0);

    assertThat(running.stop()).isEqualTo(143);
  }

  @Test
  void sellsOncePerOrderThoughItIsKilledMeanwhile() throws Exception {
    Running dying = start(Map.of());
    List<UUID> asked = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      asked.add(UuidV7.next());
    }
    CountDownLatch some = new CountDownLatch(20);
    Thread killer =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    some.await();
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                  dying.process().destroyForcibly();
                });
    int failed = 0;
    for (UUID order : asked) {
      try {
        sell(order);
      } catch (StatusRuntimeException e) {
        failed++;
      }
      some.countDown();
    }
    killer.join();
    assertThat(failed).isPositive();

    start(Map.of());
    for (UUID order : asked) {
      await()
          .atMost(ProcessMesh.START_MAX)
          .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
          .until(
              () -> {
                sell(order);
                return true;
              });
    }

    assertThat(stock()).isEqualTo(new Stock(product, 1_000, 900, 0, 100));
  }

  @Test
  void namesAMissingOrWrongVariableInOneLineAndExits64() throws Exception {
    for (Map.Entry<String, String> wrong :
        Map.of(
                "DATABASE_URL",
                "mysql://u:secret@h/d",
                "REDIS_URL",
                "http://:secret@h",
                "WEFT_RESERVATION_LIFE",
                "ten minutes")
            .entrySet()) {
      Process process =
          processes.launch(
              InventoryServer.NAME,
              InventoryServer.class,
              environment(Map.of(wrong.getKey(), wrong.getValue())));

      assertThat(process.waitFor()).isEqualTo(64);
      assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
          .startsWith("inventory-svc: " + wrong.getKey())
          .doesNotContain("secret")
          .hasLineCount(1);
    }
  }

  @Test
  void loadsNoClassOfRedisClientWithoutRedis(@TempDir Path dir) throws Exception {
    Path loaded = dir.resolve("classes");
    Running running = start(Map.of("JAVA_TOOL_OPTIONS", "-Xlog:class+load:file=" + loaded));
    GetProductRequest request =
        GetProductRequest.newBuilder().setProductId(product.toString()).build();
    await()
        .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
        .until(() -> inventory().getProduct(request).getProduct().getAvailableQuantity() == 1_000);
    assertThat(running.get("/readyz").body()).doesNotContain("redis");
    assertThat(running.stop()).isEqualTo(143);

    assertThat(Files.readString(loaded))
        .contains("dev.weft.inventory.ProductCache ")
        .doesNotContain(" io.lettuce.", " io.netty.", " reactor.", "dev.weft.inventory.RedisTier ");
  }

  private Running start(Map<String, String> overrides) {
    return processes.start(InventoryServer.NAME, InventoryServer.class, environment(overrides));
  }

  private static Map<String, String> environment(Map<String, String> overrides) {
    Map<String, String> environment = new HashMap<>(overrides);
    environment.putIfAbsent("DATABASE_URL", postgres.url());
    return environment;
  }

  private void sell(UUID order) {
    reserve(order);
    inventory()
        .confirmReservation(
            ConfirmReservationRequest.newBuilder()
                .setOrderId(order.toString())
                .setCommandId("saga:confirm:do")
                .build());
  }

  private void reserve(UUID order) {
    inventory().reserveStock(Shop.reserve(order.toString(), Map.of(product.toString(), 1)));
  }

  private InventoryServiceBlockingStub inventory() {
    return InventoryServiceGrpc.newBlockingStub(orders.channel(InventoryServer.NAME));
  }

  private Stock stock() {
    return postgres.database().read(tx -> new StockStore(_ -> {}).find(tx, product)).orElseThrow();
  }
}
