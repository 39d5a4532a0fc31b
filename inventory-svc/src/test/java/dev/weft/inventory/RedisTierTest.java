package dev.weft.inventory;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.inventory.CacheTier.Away;
import dev.weft.inventory.CacheTier.Hit;
import dev.weft.inventory.CacheTier.Miss;
import dev.weft.redis.Redis;
import dev.weft.redis.RedisConfig;
import dev.weft.testkit.LocalRedis;
import dev.weft.testkit.ManagementPort;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class RedisTierTest extends CacheTierContract {
  @RegisterExtension static final LocalRedis server = new LocalRedis();

  private final ManagementPort port = new ManagementPort(InventoryServer.NAME);
  private Redis redis;

  @BeforeEach
  void connect() {
    server.start();
    redis =
        Redis.open(
            RedisConfig.parse(server.url()).patience(Duration.ofSeconds(10)),
            InventoryServer.NAME,
            port.telemetry());
    await().until(redis::healthy);
  }

  @AfterEach
  void close() {
    redis.close();
    port.close();
  }

  @Override
  CacheTier tier(Duration life, CacheMetrics metrics) {
    return new RedisTier(redis, life, metrics);
  }

  @Test
  void processesShareWhatIsKeptAndWhatIsForgotten() {
    CacheTier one = tier(Duration.ofMinutes(1));
    CacheTier other = tier(Duration.ofMinutes(1));
    one.fill(id, lease(other), product(id, 1));
    assertThat(other.lookup(id)).isInstanceOf(Hit.class);
    other.forget(List.of(id));
    assertThat(one.lookup(id)).isInstanceOf(Miss.class);
  }

  @Test
  void aRedisThatLostEverythingKeepsNothingThatWasReadBefore() {
    CacheTier tier = tier(Duration.ofMinutes(1));
    long lease = lease(tier);
    server.kill();
    assertThat(tier.lookup(id)).isInstanceOf(Away.class);
    server.start();
    await().until(redis::healthy);
    tier.fill(id, lease, product(id, 1));
    assertThat(tier.lookup(id)).isInstanceOf(Miss.class);
  }

  @Test
  void whatCannotBeReadIsForgotten() {
    CacheTier tier = tier(Duration.ofMinutes(1));
    byte[] key = ("weft:product:1:" + id).getBytes(UTF_8);
    for (String wrong : List.of("", "x", "L", "P\u0001nonsense")) {
      redis.send(commands -> commands.set(key, wrong.getBytes(UTF_8))).join();
      assertThat(tier.lookup(id)).as(wrong).isInstanceOf(Away.class);
      assertThat(tier.lookup(id)).as(wrong).isInstanceOf(Miss.class);
    }
  }

  @Test
  void everyKeyEndsByItself() {
    CacheTier tier = tier(CacheTimes.SHARED);
    byte[] key = ("weft:product:1:" + id).getBytes(UTF_8);
    long lease = lease(tier);
    assertThat(redis.<Long>send(commands -> commands.pttl(key)).join())
        .isBetween(1L, CacheTimes.LEASE.toMillis());
    tier.fill(id, lease, product(id, 1));
    assertThat(redis.<Long>send(commands -> commands.pttl(key)).join())
        .isBetween(CacheTimes.SHARED.toMillis() / 2, CacheTimes.SHARED.toMillis());
  }
}
