package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.UuidV7;
import dev.weft.shop.inventory.v1.GetProductRequest;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc.InventoryServiceBlockingStub;
import dev.weft.shop.inventory.v1.ReserveStockRequest;
import dev.weft.testkit.LocalRedis;
import dev.weft.testkit.PostgresExtension;
import dev.weft.testkit.ProcessMesh;
import dev.weft.testkit.ProcessMesh.Running;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Two processes that share a Redis, as {@code REDIS_URL} has it. */
@Timeout(120)
class RedisProcessTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final LocalRedis redis = new LocalRedis();
  @RegisterExtension final ProcessMesh processes = new ProcessMesh();

  private static final String REDIS = "\"name\":\"redis\",\"critical\":false,\"status\":";

  private final UUID product = UuidV7.next();
  private final List<ManagedChannel> channels = new ArrayList<>();

  @BeforeEach
  void add() {
    redis.start();
    Shop.add(postgres.database(), product, 100);
  }

  @AfterEach
  void close() {
    channels.forEach(ManagedChannel::shutdownNow);
  }

  @Test
  void bothShowWhatIsLeftAfterAnOrderThatOneOfThemTook() {
    Running one = start();
    Running other = start();
    InventoryServiceBlockingStub atOne = at(one);
    InventoryServiceBlockingStub atOther = at(other);
    for (int left = 100; left > 95; left--) {
      assertThat(available(atOne)).isEqualTo(left);
      assertThat(available(atOther)).isEqualTo(left);
      reserve();
      int now = left - 1;
      await().until(() -> available(atOne) == now && available(atOther) == now);
    }
    assertThat(metrics(one)).contains("weft_product_cache_lookups_total{", "tier=\"redis\"");
    assertThat(metrics(one)).containsPattern("weft_redis_connected\\{.*purpose=\"broadcast\".*} 1");
  }

  @Test
  void withoutItsRedisAProcessIsDegradedAndServes() {
    Running one = start();
    await().untilAsserted(() -> assertThat(ready(one)).contains(REDIS + "\"pass\""));
    assertThat(available(at(one))).isEqualTo(100);

    redis.kill();
    await().untilAsserted(() -> assertThat(ready(one)).contains(REDIS + "\"fail\""));
    assertThat(ready(one)).contains("\"status\":\"degraded\"");
    assertThat(one.get("/readyz").statusCode()).isEqualTo(200);
    reserve();
    assertThat(available(at(one))).isEqualTo(99);

    redis.start();
    await().untilAsserted(() -> assertThat(ready(one)).contains(REDIS + "\"pass\""));
  }

  private Running start() {
    return processes.start(
        InventoryServer.NAME,
        InventoryServer.class,
        Map.of("DATABASE_URL", postgres.url(), "REDIS_URL", redis.url()));
  }

  /** One item, at whichever process the mesh chooses. */
  private void reserve() {
    InventoryServiceBlockingStub stub =
        InventoryServiceGrpc.newBlockingStub(
            processes.mesh("order-svc").channel(InventoryServer.NAME));
    ReserveStockRequest order =
        Shop.reserve(UuidV7.next().toString(), Map.of(product.toString(), 1));
    await()
        .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
        .until(() -> stub.reserveStock(order).hasReservation());
  }

  private InventoryServiceBlockingStub at(Running running) {
    ManagedChannel channel =
        Grpc.newChannelBuilder("127.0.0.1:" + running.port(), InsecureChannelCredentials.create())
            .build();
    channels.add(channel);
    return InventoryServiceGrpc.newBlockingStub(channel);
  }

  private long available(InventoryServiceBlockingStub at) {
    return at.getProduct(GetProductRequest.newBuilder().setProductId(product.toString()).build())
        .getProduct()
        .getAvailableQuantity();
  }

  private static String ready(Running running) {
    return running.get("/readyz").body();
  }

  private static String metrics(Running running) {
    return running.get("/metrics").body();
  }
}
