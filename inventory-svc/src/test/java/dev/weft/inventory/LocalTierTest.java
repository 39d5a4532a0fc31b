package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.durable.UuidV7;
import dev.weft.inventory.CacheTier.Hit;
import dev.weft.inventory.CacheTier.Miss;
import dev.weft.shop.inventory.v1.Product;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class LocalTierTest extends CacheTierContract {
  @Override
  CacheTier tier(Duration life, CacheMetrics metrics) {
    return new LocalTier(life, metrics);
  }

  @Test
  void keepsNoMoreThanItMay() {
    CacheTier tier = tier(Duration.ofMinutes(1));
    Product large = Product.newBuilder().setDescription("x".repeat(10_000)).build();
    List<UUID> ids = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      UUID one = UuidV7.next();
      ids.add(one);
      tier.fill(one, ((Miss) tier.lookup(one)).lease(), large);
    }
    long kept = ids.stream().filter(one -> tier.lookup(one) instanceof Hit).count();
    assertThat(kept * large.getSerializedSize()).isPositive().isLessThan(LocalTier.BYTES_MAX);
  }

  @Test
  void forgetsAll() {
    LocalTier tier = (LocalTier) tier(Duration.ofMinutes(1));
    tier.fill(id, lease(tier), product(id, 1));
    UUID underWay = UuidV7.next();
    long lease = ((Miss) tier.lookup(underWay)).lease();
    tier.clear();
    tier.fill(underWay, lease, product(underWay, 1));
    assertThat(tier.lookup(id)).isInstanceOf(Miss.class);
    assertThat(tier.lookup(underWay)).isInstanceOf(Miss.class);
  }
}
