package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.mesh.Rejection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TurnsTest {
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
                      () -> {
                        begun.countDown();
                        awaitUninterruptibly(end);
                        return "done";
                      }));
      begun.await();

      assertThatThrownBy(() -> turns.inTurn(List.of(pot, mug), () -> "never"))
          .isInstanceOfSatisfying(
              Rejection.class,
              e -> {
                assertThat(e.reason()).isEqualTo("STOCK_BUSY");
                assertThat(e.retryAfter()).isPresent();
              });
      assertThat(turns.inTurn(List.of(pot), () -> "at once")).isEqualTo("at once");
      assertThat(turns.inTurn(List.of(), () -> "of nothing")).isEqualTo("of nothing");

      end.countDown();
      assertThat(slow.get()).isEqualTo("done");
      assertThat(turns.inTurn(List.of(mug), () -> "now")).isEqualTo("now");
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
                      () -> {
                        begun.countDown();
                        awaitUninterruptibly(end);
                        return "done";
                      }));
      begun.await();
      for (int i = 0; i < 2_000; i++) {
        assertThat(turns.inTurn(List.of(new UUID(i, i + 7L)), () -> "at once"))
            .isEqualTo("at once");
      }
      assertThat(turns.size()).isEqualTo(1);
      end.countDown();
      hot.get();
    }
    assertThat(turns.size()).isZero();
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
