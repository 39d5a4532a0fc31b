package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.UuidV7;
import dev.weft.inventory.CacheTier.Hit;
import dev.weft.inventory.CacheTier.Miss;
import dev.weft.shop.inventory.v1.Product;
import dev.weft.testkit.ManagementPort;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What every tier of the cache has to do, wherever it keeps its products. */
@Timeout(60)
abstract class CacheTierContract {
  private static final Duration LONG = Duration.ofMinutes(1);

  private final ManagementPort port = new ManagementPort(InventoryServer.NAME);
  final UUID id = UuidV7.next();

  /** A tier that keeps products for so long; all with the same products, if they share any. */
  abstract CacheTier tier(Duration life, CacheMetrics metrics);

  @AfterEach
  void closePort() {
    port.close();
  }

  @Test
  void keepsWhatWasReadWithTheLease() {
    CacheTier tier = tier(LONG);
    Product product = product(id, 7);
    tier.fill(id, lease(tier), product);
    assertThat(tier.lookup(id)).isEqualTo(new Hit(product));
    assertThat(tier.lookup(UuidV7.next())).isInstanceOf(Miss.class);
    assertThat(fills("kept")).isOne();
  }

  @Test
  void allWhoMissAProductMayFillItInAndTheFirstDoes() {
    CacheTier tier = tier(LONG);
    long one = lease(tier);
    long other = lease(tier);
    assertThat(one).isEqualTo(other);
    tier.fill(id, one, product(id, 1));
    tier.fill(id, other, product(id, 2));
    assertThat(tier.lookup(id)).isEqualTo(new Hit(product(id, 1)));
  }

  @Test
  void doesNotKeepWhatWasReadBeforeAChange() {
    CacheTier tier = tier(LONG);
    long before = lease(tier);
    Product old = product(id, 1);

    tier.forget(List.of(id));
    tier.fill(id, before, old);
    assertThat(tier.lookup(id)).isInstanceOf(Miss.class);
    assertThat(fills("overtaken")).isOne();

    // Nor beside somebody who reads after it, nor in place of what that one read.
    long after = lease(tier);
    assertThat(after).isNotEqualTo(before);
    tier.fill(id, before, old);
    assertThat(tier.lookup(id)).isEqualTo(new Miss(after));
    tier.fill(id, after, product(id, 2));
    tier.fill(id, before, old);
    assertThat(tier.lookup(id)).isEqualTo(new Hit(product(id, 2)));
  }

  @Test
  void forgetsWhatIsNamedAndNothingElse() {
    CacheTier tier = tier(LONG);
    List<UUID> ids = List.of(UuidV7.next(), UuidV7.next(), UuidV7.next());
    for (UUID one : ids) {
      tier.fill(one, ((Miss) tier.lookup(one)).lease(), product(one, 1));
    }
    tier.forget(List.of(ids.get(0), ids.get(2)));
    assertThat(tier.lookup(ids.get(0))).isInstanceOf(Miss.class);
    assertThat(tier.lookup(ids.get(1))).isInstanceOf(Hit.class);
    assertThat(tier.lookup(ids.get(2))).isInstanceOf(Miss.class);
  }

  @Test
  void keepsNothingLongerThanItMay() {
    CacheTier tier = tier(Duration.ofMillis(200));
    tier.fill(id, lease(tier), product(id, 1));
    long end = System.nanoTime() + Duration.ofMillis(200).toNanos();
    await().until(() -> tier.lookup(id) instanceof Miss || System.nanoTime() > end);
    await().atMost(Duration.ofMillis(200)).until(() -> tier.lookup(id) instanceof Miss);
  }

  @Test
  void keepsAProductWhole() {
    CacheTier tier = tier(LONG);
    Product whole =
        InventoryMessages.product(
            new dev.weft.inventory.Product(
                id,
                new dev.weft.inventory.Product.Description(
                    "SKU-1", "Tässchen", "Zwei\nZeilen", "kitchen/coffee", new Price(1, "JPY")),
                Long.MAX_VALUE,
                12,
                Instant.parse("2026-01-02T03:04:05.000006Z"),
                Instant.parse("2026-01-02T03:04:05.000007Z")));
    tier.fill(id, lease(tier), whole);
    assertThat(tier.lookup(id)).isEqualTo(new Hit(whole));
  }

  final CacheTier tier(Duration life) {
    return tier(life, new CacheMetrics(port.telemetry()));
  }

  final long lease(CacheTier tier) {
    return ((Miss) tier.lookup(id)).lease();
  }

  static Product product(UUID id, long available) {
    return Product.newBuilder().setProductId(id.toString()).setAvailableQuantity(available).build();
  }

  private long fills(String outcome) {
    return port.metric("weft_product_cache_fills_total", "outcome=\"" + outcome + "\"");
  }
}
