package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Database;
import dev.weft.durable.UuidV7;
import dev.weft.inventory.Reservation.State;
import dev.weft.mesh.Rejection;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Many at once: nothing is sold twice, nothing is lost, and nobody waits in a circle. */
class ConcurrencyTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  // More than there are connections.
  private final Semaphore crowd = new Semaphore(12);
  private Shop shop;

  @BeforeEach
  void open() {
    shop = new Shop(mesh, postgres.database());
  }

  @AfterEach
  void leaveNothingHeld() {
    postgres.database().shiftClock(Shop.LIFE.plusSeconds(1));
    shop.reservations.expire(1_000);
    postgres.database().shiftClock(Duration.ZERO);
  }

  @AfterEach
  void agreesWithTheListOfMovements() {
    assertThat(
            postgres
                .database()
                .<List<String>>read(
                    tx ->
                        tx.createQuery(
                                """
                                SELECT product_id FROM stock LEFT JOIN (
                                  SELECT product_id,
                                    sum(quantity) FILTER (WHERE kind = 'RESTOCK') AS received,
                                    sum(quantity) FILTER (WHERE kind = 'RESERVE') AS taken,
                                    sum(quantity) FILTER (WHERE kind = 'CONFIRM') AS sold,
                                    sum(quantity) FILTER (WHERE kind IN ('RELEASE', 'EXPIRE')) AS back
                                  FROM stock_movement GROUP BY product_id) AS moved
                                USING (product_id)
                                WHERE stock.received <> coalesce(moved.received, 0)
                                   OR stock.sold <> coalesce(moved.sold, 0)
                                   OR stock.reserved <> coalesce(taken, 0) - coalesce(moved.sold, 0)
                                        - coalesce(back, 0)
                                """)
                            .mapTo(String.class)
                            .list()))
        .as("products whose stock is not what its movements come to")
        .isEmpty();
  }

  @Test
  void sellsTheLastItemsOnce() throws Exception {
    String rare = shop.stocked(7);

    List<Boolean> held =
        inParallel(40, _ -> () -> tryToReserve(UuidV7.next(), lines(UUID.fromString(rare), 1)));

    assertThat(held.stream().filter(one -> one)).hasSize(7);
    shop.hasStock(rare, 7, 0, 7, 0);
  }

  @Test
  void holdsOnceWhatIsReservedManyTimesAtOnce() throws Exception {
    String mug = shop.stocked(10);
    UUID order = UuidV7.next();

    List<Boolean> held =
        inParallel(20, _ -> () -> tryToReserve(order, lines(UUID.fromString(mug), 3)));

    assertThat(held).doesNotContain(false);
    shop.hasStock(mug, 10, 7, 3, 0);
  }

  @Test
  void reservesInOppositeOrdersWithoutADeadlock() throws Exception {
    List<UUID> products = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      products.add(UUID.fromString(shop.stocked(1_000)));
    }
    List<Boolean> ended =
        inParallel(
            60,
            i ->
                () -> {
                  Random random = new Random(i);
                  SortedMap<UUID, Integer> lines = new TreeMap<>();
                  while (lines.size() < 4) {
                    lines.put(products.get(random.nextInt(products.size())), 1 + random.nextInt(3));
                  }
                  UUID order = UuidV7.next();
                  assertThat(tryToReserve(order, lines)).isTrue();
                  if (random.nextBoolean()) {
                    shop.reservations.pin(order, "pin");
                    return allowed(() -> shop.reservations.confirm(order, "confirm"));
                  }
                  return allowed(
                      () -> shop.reservations.release(order, Shop.command(order, "backward")));
                });
    assertThat(ended).doesNotContain(false);
    for (UUID product : products) {
      assertThat(shop.stock(product.toString()).getReserved()).isZero();
    }
    assertThat(deadlocks()).isZero();
  }

  @Test
  void endsAReservationInExactlyOneWay() throws Exception {
    String mug = shop.stocked(100);
    for (int round = 0; round < 10; round++) {
      UUID order = UuidV7.next();
      shop.reservations.reserve(
          order, lines(UUID.fromString(mug), 3), Shop.command(order, "forward"));
      inParallel(
          6,
          i ->
              () ->
                  switch (i % 3) {
                    case 0 -> allowed(() -> shop.reservations.confirm(order, "confirm"));
                    case 1 ->
                        allowed(
                            () ->
                                shop.reservations.release(order, Shop.command(order, "backward")));
                    default -> allowed(() -> shop.reservations.pin(order, "pin"));
                  });
      assertThat(shop.reservations.get(order).state()).isIn(State.CONFIRMED, State.RELEASED);
    }
    assertThat(shop.stock(mug).getReserved()).isZero();
  }

  @Test
  void takesNoStockWhenAReleaseMeetsItsReservation() throws Exception {
    String mug = shop.stocked(100);
    for (int round = 0; round < 10; round++) {
      UUID order = UuidV7.next();
      inParallel(
          2,
          i ->
              () ->
                  i == 0
                      ? tryToReserve(order, lines(UUID.fromString(mug), 3))
                      : allowed(
                          () -> shop.reservations.release(order, Shop.command(order, "backward"))));
      assertThat(shop.reservations.get(order).state()).isEqualTo(State.RELEASED);
    }
    shop.hasStock(mug, 100, 100, 0, 0);
  }

  @Test
  void expiresOnceWhenSeveralSweep() throws Exception {
    String mug = shop.stocked(100);
    for (int i = 0; i < 30; i++) {
      UUID order = UuidV7.next();
      shop.reservations.reserve(
          order, lines(UUID.fromString(mug), 2), Shop.command(order, "forward"));
    }
    postgres.database().shiftClock(Shop.LIFE.plusSeconds(1));

    List<Integer> expired = inParallel(4, _ -> () -> patiently(() -> shop.reservations.expire(20)));

    int rest = shop.reservations.expire(100);
    assertThat(expired.stream().mapToInt(Integer::intValue).sum() + rest).isEqualTo(30);
    shop.hasStock(mug, 100, 100, 0, 0);
  }

  @Test
  void leavesTheConnectionsToOthersWhileEverybodyWantsOneProduct() throws Exception {
    UUID wanted = UUID.fromString(shop.stocked(100));
    UUID other = UUID.fromString(shop.stocked(100));
    Database somebody = postgres.anotherDatabase();
    CountDownLatch locked = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Boolean> holder =
          threads.submit(
              () ->
                  somebody.inTransaction(
                      tx -> {
                        new StockStore(_ -> {}).lockAvailable(tx, List.of(wanted));
                        locked.countDown();
                        return awaitFor(end, Duration.ofSeconds(4));
                      }));
      locked.await();
      // What becomes of them does not matter here.
      List<Future<Boolean>> buyers = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        buyers.add(threads.submit(() -> tryToReserve(UuidV7.next(), lines(wanted, 1))));
      }
      assertThat(buyers).hasSize(12);
      await().until(() -> waiting(somebody) > 0);
      for (int i = 0; i < 10; i++) {
        assertThat(tryToReserve(UuidV7.next(), lines(other, 1))).isTrue();
        assertThat(waiting(somebody)).isLessThanOrEqualTo(1);
      }
      end.countDown();
      assertThat(holder.get()).isTrue();
    }
    shop.hasStock(other.toString(), 100, 90, 10, 0);
  }

  private static boolean awaitFor(CountDownLatch latch, Duration atMost) {
    try {
      return latch.await(atMost.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** How many sessions wait for a lock, seen from outside of a transaction. */
  private static int waiting(Database from) {
    return from.read(
        tx ->
            tx.createQuery(
                    """
                    SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event_type = 'Lock'
                    """)
                .mapTo(Integer.class)
                .one());
  }

  private boolean tryToReserve(UUID order, SortedMap<UUID, Integer> lines) throws Exception {
    return allowed(() -> shop.reservations.reserve(order, lines, Shop.command(order, "forward")));
  }

  /** Whether it was done, or refused. */
  private static boolean allowed(Callable<?> command) throws Exception {
    try {
      patiently(command);
      return true;
    } catch (Rejection e) {
      return false;
    }
  }

  /** Does it again while too many want the same, as a saga does. */
  private static <T> T patiently(Callable<T> command) throws Exception {
    while (true) {
      try {
        return command.call();
      } catch (Rejection e) {
        if (!e.reason().equals("STOCK_BUSY")) {
          throw e;
        }
        LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
      }
    }
  }

  private static SortedMap<UUID, Integer> lines(UUID productId, int quantity) {
    SortedMap<UUID, Integer> lines = new TreeMap<>();
    lines.put(productId, quantity);
    return lines;
  }

  private static long deadlocks() {
    return postgres
        .database()
        .read(
            tx ->
                tx.createQuery(
                        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
                    .mapTo(Long.class)
                    .one());
  }

  private <T> List<T> inParallel(int times, IntFunction<Callable<T>> calls) throws Exception {
    List<T> results = new ArrayList<>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<T>> running = new ArrayList<>();
      for (int i = 0; i < times; i++) {
        Callable<T> call = calls.apply(i);
        running.add(
            threads.submit(
                () -> {
                  crowd.acquire();
                  try {
                    return call.call();
                  } finally {
                    crowd.release();
                  }
                }));
      }
      for (Future<T> one : running) {
        results.add(one.get());
      }
    }
    return results;
  }
}
