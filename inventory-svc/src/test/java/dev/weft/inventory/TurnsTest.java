package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.Rejection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TurnsTest {
  private static final int MANY = 1_000;

  private final UUID mug = new UUID(0, 1);
  private final UUID pot = new UUID(0, 2);

  @Test
  void letsOneAtATimeHaveAProduct() throws Exception {
    Turns turns = new Turns(Duration.ofSeconds(20));
    List<UUID> products = List.of(mug, pot, new UUID(0, 3), new UUID(0, 4));
    List<AtomicInteger> holders = products.stream().map(_ -> new AtomicInteger()).toList();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Boolean>> running = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        Random random = new Random(i);
        int first = random.nextInt(products.size());
        int second = random.nextInt(products.size());
        running.add(
            threads.submit(
                () ->
                    turns.inTurn(
                        List.of(products.get(first), products.get(second)),
                        MANY,
                        () -> {
                          boolean alone =
                              Stream.of(holders.get(first), holders.get(second))
                                      .distinct()
                                      .mapToInt(AtomicInteger::incrementAndGet)
                                      .max()
                                      .orElseThrow()
                                  == 1;
                          // Gives the others their chance.
                          LockSupport.parkNanos(10_000);
                          Stream.of(holders.get(first), holders.get(second))
                              .distinct()
                              .forEach(AtomicInteger::decrementAndGet);
                          return alone;
                        })));
      }
      for (Future<Boolean> one : running) {
        assertThat(one.get()).isTrue();
      }
    }
  }

  @Test
  void sendsAwayWhoWaitsForTooLongAndNobodyElse() throws Exception {
    Turns turns = new Turns(Duration.ofMillis(20));
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> slow =
          threads.submit(
              () ->
                  turns.inTurn(
                      List.of(mug),
                      MANY,
                      () -> {
                        begun.countDown();
                        awaitUninterruptibly(end);
                        return "done";
                      }));
      begun.await();

      assertThatThrownBy(() -> turns.inTurn(List.of(pot, mug), MANY, () -> "never"))
          .isInstanceOfSatisfying(
              Rejection.class,
              e -> {
                assertThat(e.reason()).isEqualTo("STOCK_BUSY");
                assertThat(e.retryAfter()).isPresent();
              });
      assertThat(turns.inTurn(List.of(pot), MANY, () -> "at once")).isEqualTo("at once");
      assertThat(turns.inTurn(List.of(), MANY, () -> "of nothing")).isEqualTo("of nothing");

      end.countDown();
      assertThat(slow.get()).isEqualTo("done");
      assertThat(turns.inTurn(List.of(mug), MANY, () -> "now")).isEqualTo("now");
    }
  }

  @Test
  void letsNobodyWaitForAProductTheyDoNotWantAndForgetsWhatNobodyWants() throws Exception {
    Turns turns = new Turns(Duration.ZERO);
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> hot =
          threads.submit(
              () ->
                  turns.inTurn(
                      List.of(mug),
                      MANY,
                      () -> {
                        begun.countDown();
                        awaitUninterruptibly(end);
                        return "done";
                      }));
      begun.await();
      for (int i = 0; i < 2_000; i++) {
        assertThat(turns.inTurn(List.of(new UUID(i, i + 7L)), MANY, () -> "at once"))
            .isEqualTo("at once");
      }
      assertThat(turns.size()).isEqualTo(1);
      end.countDown();
      hot.get();
    }
    assertThat(turns.size()).isZero();
  }

  @Test
  void sendsAwayAtOnceWhoIsOneTooManyAndNotThoseWhoMayBeMore() throws Exception {
    Turns turns = new Turns(Duration.ofSeconds(20));
    CountDownLatch end = new CountDownLatch(1);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<String>> some = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        some.add(threads.submit(() -> turns.inTurn(List.of(mug), MANY, () -> passed(end))));
      }
      await().until(() -> turns.waiting(mug) == 3);

      assertThatThrownBy(() -> turns.inTurn(List.of(pot, mug), 3, () -> "never"))
          .isInstanceOfSatisfying(
              Rejection.class, e -> assertThat(e.reason()).isEqualTo("STOCK_BUSY"));
      assertThat(turns.inTurn(List.of(pot), 1, () -> "at once")).isEqualTo("at once");
      some.add(threads.submit(() -> turns.inTurn(List.of(mug), 4, () -> passed(end))));
      await().until(() -> turns.waiting(mug) == 4);

      end.countDown();
      for (Future<String> one : some) {
        assertThat(one.get()).isEqualTo("done");
      }
    }
    assertThat(turns.size()).isZero();
  }

  @Test
  void keepsNobodyFromAProductWhileOneThatIsOrderedWithItCannotBeHad() throws Exception {
    Turns turns = new Turns(Duration.ofSeconds(20));
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      // The cold one has the smaller id, and there are orders of it alone, too.
      Future<String> hot =
          threads.submit(
              () ->
                  turns.inTurn(
                      List.of(pot),
                      MANY,
                      () -> {
                        begun.countDown();
                        return passed(end);
                      }));
      begun.await();
      List<Future<String>> both = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        both.add(threads.submit(() -> turns.inTurn(List.of(mug, pot), MANY, () -> passed(end))));
      }
      await().until(() -> turns.waiting(pot) == 5);

      for (int i = 0; i < 100; i++) {
        assertThat(turns.inTurn(List.of(mug), MANY, () -> "meanwhile")).isEqualTo("meanwhile");
      }
      assertThat(both).noneMatch(Future::isDone);

      end.countDown();
      assertThat(hot.get()).isEqualTo("done");
      for (Future<String> one : both) {
        assertThat(one.get()).isEqualTo("done");
      }
    }
  }

  @Test
  void givesTwoProductsToOneThatWantsBothThoughEachIsWantedAllTheTime() throws Exception {
    Turns turns = new Turns(Duration.ofSeconds(20));
    AtomicBoolean enough = new AtomicBoolean();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 8; i++) {
        UUID product = i % 2 == 0 ? mug : pot;
        threads.execute(
            () -> {
              while (!enough.get()) {
                assertThat(turns.inTurn(List.of(product), MANY, TurnsTest::work)).isTrue();
              }
            });
      }
      try {
        await().until(() -> turns.waiting(mug) >= 2 && turns.waiting(pot) >= 2);
        assertThat(turns.inTurn(List.of(mug, pot), MANY, () -> "both")).isEqualTo("both");
      } finally {
        enough.set(true);
      }
    }
  }

  @Test
  void sendsEverybodyAwayWhoWantsAProductThatIsAvoidedAndWaitsForItAlready() throws Exception {
    Turns turns = new Turns(Duration.ofSeconds(20));
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> first =
          threads.submit(
              () ->
                  turns.inTurn(
                      List.of(pot),
                      MANY,
                      () -> {
                        begun.countDown();
                        awaitUninterruptibly(end);
                        turns.avoid(List.of(pot));
                        return "done";
                      }));
      begun.await();
      Future<String> waits = threads.submit(() -> turns.inTurn(List.of(pot), MANY, () -> "never"));
      await().until(() -> turns.waiting(pot) == 1);
      end.countDown();
      assertThat(first.get()).isEqualTo("done");

      assertThatThrownBy(waits::get).hasCauseInstanceOf(Rejection.class);
      assertThatThrownBy(() -> turns.inTurn(List.of(mug, pot), MANY, () -> "never"))
          .isInstanceOf(Rejection.class);
      assertThat(turns.inTurn(List.of(mug), MANY, () -> "at once")).isEqualTo("at once");
      await()
          .ignoreExceptionsInstanceOf(Rejection.class)
          .until(() -> turns.inTurn(List.of(mug, pot), MANY, () -> true));
    }
  }

  /** As long as a transaction takes. */
  private static boolean work() {
    LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
    return true;
  }

  private static String passed(CountDownLatch latch) {
    awaitUninterruptibly(latch);
    return "done";
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
