package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.UuidV7;
import dev.weft.redis.Redis;
import dev.weft.redis.RedisConfig;
import dev.weft.testkit.LocalRedis;
import dev.weft.testkit.ManagementPort;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The caches of two processes and a real Redis; what each keeps for itself outlives the test. */
@Timeout(60)
class SharedProductsTest {
  @RegisterExtension static final LocalRedis server = new LocalRedis();

  private static final Duration LONG = Duration.ofMinutes(1);
  private static final Duration PATIENT = Duration.ofSeconds(10);

  private final UUID id = UuidV7.next();
  private final AtomicLong available = new AtomicLong(1);
  private final AtomicLong reads = new AtomicLong();
  private final List<Instance> processes = new ArrayList<>();

  /** What a process has of all this. */
  private record Instance(ManagementPort port, Redis redis, ProductCache cache) {
    void close() {
      cache.close();
      redis.close();
      port.close();
    }
  }

  @BeforeEach
  void start() {
    server.start();
  }

  @AfterEach
  void close() {
    processes.forEach(Instance::close);
  }

  @Test
  void oneReadsForAllProcesses() {
    Instance one = process(PATIENT);
    Instance other = process(PATIENT);
    seenByBoth(one, other);
    assertThat(reads.get()).isEqualTo(1);
    assertThat(lookups(other, "hit")).isEqualTo(1);
  }

  @Test
  void aChangeIsSeenAtOnceByWhoMadeItAndSoonByTheOthers() {
    Instance one = process(PATIENT);
    Instance other = process(PATIENT);
    seenByBoth(one, other);

    available.set(2);
    one.cache().forget(List.of(id));

    assertThat(seenBy(one.cache())).isEqualTo(2);
    await().until(() -> seenBy(other.cache()) == 2);
  }

  @Test
  void whoMadeAChangeDoesNotForgetOnceMoreWhenHeHearsOfIt() {
    Instance one = process(PATIENT);
    Instance other = process(PATIENT);
    seenByBoth(one, other);
    UUID last = UuidV7.next();
    assertThat(one.cache().get(last)).isPresent();

    available.set(2);
    one.cache().forget(List.of(id));
    assertThat(seenBy(one.cache())).isEqualTo(2);
    await().until(() -> seenBy(other.cache()) == 2);
    other.cache().forget(List.of(last));
    await().until(() -> one.cache().get(last).orElseThrow().getAvailableQuantity() == 2);

    // It has heard its own message by now.
    long before = lookups(one, "hit");
    assertThat(seenBy(one.cache())).isEqualTo(2);
    assertThat(lookups(one, "hit")).isEqualTo(before);
  }

  @Test
  void manyChangesAtOnceAreToldAsWell() {
    Instance one = process(PATIENT);
    Instance other = process(PATIENT);
    seenByBoth(one, other);
    available.set(2);
    one.cache()
        .forget(
            Stream.concat(Stream.of(id), Stream.generate(UuidV7::next).limit(ProductChange.IDS_MAX))
                .toList());
    await().until(() -> seenBy(other.cache()) == 2);
  }

  @Test
  void whoDidNotHearOfAChangeForgetsAllWhenItListensAgain() {
    Instance one = process(PATIENT);
    Instance other = process(PATIENT);
    seenByBoth(one, other);

    server.kill();
    available.set(2);
    one.cache().forget(List.of(id));
    assertThat(seenBy(one.cache())).isEqualTo(2);
    server.start();

    await().until(() -> seenBy(other.cache()) == 2);
  }

  @Test
  void withoutRedisProductsAreReadWhereTheyAreTrue() {
    Instance process = process(PATIENT);
    server.kill();
    await().until(() -> !process.redis().healthy());
    assertThat(seenBy(process.cache())).isEqualTo(1);
    available.set(2);
    process.cache().forget(List.of(id));
    assertThat(seenBy(process.cache())).isEqualTo(2);
    assertThat(lookups(process, "error")).isEqualTo(2);
  }

  @Test
  void aRedisThatHangsCostsALittleTimeAndNoAnswer() {
    Instance process = process(Duration.ofMillis(50));
    server.hang();
    try {
      for (int i = 1; i <= 20; i++) {
        available.set(i);
        process.cache().forget(List.of(id));
        long began = System.nanoTime();
        assertThat(seenBy(process.cache())).isEqualTo(i);
        // Twenty times what it is to take, for a machine that does something else as well.
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(1));
      }
    } finally {
      server.goOn();
    }
    await().until(() -> process.redis().healthy());
    available.set(21);
    process.cache().forget(List.of(id));
    assertThat(seenBy(process.cache())).isEqualTo(21);
  }

  private Instance process(Duration patience) {
    ManagementPort port = new ManagementPort(InventoryServer.NAME);
    CacheMetrics metrics = new CacheMetrics(port.telemetry());
    Redis redis =
        Redis.open(
            RedisConfig.parse(server.url()).patience(patience),
            InventoryServer.NAME,
            port.telemetry());
    await().until(redis::healthy);
    ProductCache cache =
        new ProductCache(
            this::read,
            new LocalTier(LONG, metrics),
            Optional.of(new RedisTier(redis, LONG, metrics)),
            Optional.of(redis.broadcast()),
            metrics);
    Instance process = new Instance(port, redis, cache);
    processes.add(process);
    // It listens.
    await().until(() -> port.metric("weft_redis_broadcast_missed_total") > 0);
    return process;
  }

  private Optional<dev.weft.shop.inventory.v1.Product> read(UUID wanted) {
    reads.incrementAndGet();
    return Optional.of(CacheTierContract.product(wanted, available.get()));
  }

  private void seenByBoth(Instance one, Instance other) {
    assertThat(seenBy(one.cache())).isEqualTo(1);
    assertThat(one.redis().healthy()).isTrue(); // so that Redis has what was filled in before
    assertThat(seenBy(other.cache())).isEqualTo(1);
  }

  private long seenBy(ProductCache cache) {
    return cache.get(id).orElseThrow().getAvailableQuantity();
  }

  private static long lookups(Instance process, String outcome) {
    return process
        .port()
        .metric(
            "weft_product_cache_lookups_total", "tier=\"redis\"", "outcome=\"" + outcome + "\"");
  }
}
