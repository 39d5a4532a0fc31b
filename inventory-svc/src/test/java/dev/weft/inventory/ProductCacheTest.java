package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.UuidV7;
import dev.weft.shop.inventory.v1.Product;
import dev.weft.testkit.ManagementPort;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The cache of one process, with a source whose readers a test can hold up. */
@Timeout(60)
class ProductCacheTest {
  private static final Duration LONG = Duration.ofMinutes(1);
  private static final Set<Thread.State> WAITING =
      EnumSet.of(Thread.State.WAITING, Thread.State.TIMED_WAITING);

  private final ManagementPort port = new ManagementPort(InventoryServer.NAME);
  private final CacheMetrics metrics = new CacheMetrics(port.telemetry());
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final UUID id = UuidV7.next();
  private final Source source = new Source();
  private final LocalTier local = new LocalTier(LONG, metrics);
  private final ProductCache cache =
      new ProductCache(source::read, local, Optional.empty(), Optional.empty(), metrics);

  @AfterEach
  void close() {
    threads.shutdownNow();
    port.close();
  }

  @Test
  void readsAProductOnceAndAgainAfterItChanged() {
    source.now(1);
    assertThat(available(cache)).isEqualTo(1);
    assertThat(available(cache)).isEqualTo(1);
    assertThat(source.reads.get()).isEqualTo(1);

    source.now(2);
    cache.forget(List.of(id));
    assertThat(available(cache)).isEqualTo(2);
    assertThat(source.reads.get()).isEqualTo(2);

    assertThat(lookups("hit")).isEqualTo(1);
    assertThat(lookups("miss")).isEqualTo(2);
  }

  @Test
  void asksOnceForAllWhoWantTheSameAtTheSameTime() throws Exception {
    source.now(1);
    var _ = source.hold();
    List<FutureTask<Long>> crowd = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      crowd.add(waiting());
    }
    source.letGo();
    for (FutureTask<Long> one : crowd) {
      assertThat(one.get()).isEqualTo(1);
    }
    assertThat(source.reads.get()).isEqualTo(1);
  }

  @Test
  void whoReadBeforeAChangeDoesNotFillInWhatHeReadAfterIt() throws Exception {
    source.now(1);
    var _ = source.hold();
    Future<Long> early = threads.submit(() -> available(cache));
    source.awaitReader();

    source.now(2);
    cache.forget(List.of(id));
    source.letGo();

    assertThat(early.get()).isEqualTo(1);
    assertThat(available(cache)).isEqualTo(2);
    assertThat(port.metric("weft_product_cache_fills_total", "outcome=\"overtaken\"")).isEqualTo(1);
  }

  @Test
  void whoComesAfterAChangeDoesNotGetWhatSomebodyReadsSinceBefore() throws Exception {
    source.now(1);
    CompletableFuture<Void> held = source.hold();
    Future<Long> early = threads.submit(() -> available(cache));
    source.awaitReader();

    source.now(2);
    cache.forget(List.of(id));
    source.holdNobody();

    // While the other one is still at it.
    assertThat(threads.submit(() -> available(cache)).get(3, TimeUnit.SECONDS)).isEqualTo(2);
    held.complete(null);
    assertThat(early.get()).isEqualTo(1);
    assertThat(available(cache)).isEqualTo(2);
  }

  @Test
  void theFailureOfWhoReadsIsNotThatOfThoseWhoWait() throws Exception {
    source.now(1);
    CompletableFuture<Void> held = source.hold();
    Future<Long> first = threads.submit(() -> available(cache));
    source.awaitReader();
    FutureTask<Long> second = waiting();
    source.holdNobody();
    held.completeExceptionally(new IllegalStateException("his deadline"));

    assertThatThrownBy(first::get).hasStackTraceContaining("his deadline");
    assertThat(second.get()).isEqualTo(1);
  }

  @Test
  void doesNotKeepThatSomethingIsNotThere() {
    assertThat(cache.get(id)).isEmpty();
    source.now(1);
    assertThat(available(cache)).isEqualTo(1);
  }

  @Test
  void forgetsWhatIsSharedBeforeWhatIsNear() {
    LocalTier behind = new LocalTier(LONG, metrics);
    ProductCache[] both = new ProductCache[1];
    CacheTier shared =
        new CacheTier() {
          @Override
          public String name() {
            return "shared";
          }

          @Override
          public Found lookup(UUID id) {
            return behind.lookup(id);
          }

          @Override
          public void fill(UUID id, long lease, Product product) {
            behind.fill(id, lease, product);
          }

          @Override
          public void forget(Collection<UUID> ids) {
            // Somebody comes by just before.
            ids.forEach(both[0]::get);
            behind.forget(ids);
          }
        };
    both[0] = new ProductCache(source::read, local, Optional.of(shared), Optional.empty(), metrics);
    source.now(1);
    assertThat(available(both[0])).isEqualTo(1);
    source.now(2);
    both[0].forget(List.of(id));
    assertThat(available(both[0])).isEqualTo(2);
  }

  /** Somebody who wants the product and waits for it, by himself or with others. */
  private FutureTask<Long> waiting() {
    FutureTask<Long> wanted = new FutureTask<>(() -> available(cache));
    Thread thread = Thread.ofVirtual().start(wanted);
    await().pollInterval(Duration.ofMillis(2)).until(() -> WAITING.contains(thread.getState()));
    return wanted;
  }

  private long available(ProductCache from) {
    return from.get(id).orElseThrow().getAvailableQuantity();
  }

  private long lookups(String outcome) {
    return port.metric(
        "weft_product_cache_lookups_total", "tier=\"local\"", "outcome=\"" + outcome + "\"");
  }

  /** Where products are true. A reader that is held has read by then what was true before. */
  private static final class Source {
    final AtomicLong reads = new AtomicLong();
    private final AtomicLong waiting = new AtomicLong();
    private volatile Optional<Long> available = Optional.empty();
    private volatile CompletableFuture<Void> gate = CompletableFuture.completedFuture(null);

    void now(long many) {
      available = Optional.of(many);
    }

    /** Holds all readers from now on until what it returns is completed. */
    CompletableFuture<Void> hold() {
      CompletableFuture<Void> held = new CompletableFuture<>();
      gate = held;
      return held;
    }

    void holdNobody() {
      gate = CompletableFuture.completedFuture(null);
    }

    void letGo() {
      CompletableFuture<Void> held = gate;
      holdNobody();
      held.complete(null);
    }

    void awaitReader() {
      await().until(() -> waiting.get() > 0);
    }

    Optional<Product> read(UUID id) {
      Optional<Product> product = available.map(many -> CacheTierContract.product(id, many));
      CompletableFuture<Void> held = gate;
      reads.incrementAndGet();
      waiting.incrementAndGet();
      held.join();
      waiting.decrementAndGet();
      return product;
    }
  }
}
