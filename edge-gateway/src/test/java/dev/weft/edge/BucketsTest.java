package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Buckets by a clock that stands still until it is told to go on. */
@Timeout(60)
class BucketsTest {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  /** One a second on average, three at once. */
  private static final Quota THREE = new Quota(3, 3);

  // As a clock of this kind may: it says nothing but differences.
  private long now = Long.MAX_VALUE - SECOND;
  private final Buckets buckets = new Buckets(() -> now);

  private long take(long key) {
    return take(key, THREE);
  }

  private long take(long key, Quota quota) {
    return buckets.take(key, quota.intervalNanos(), quota.toleranceNanos());
  }

  @Test
  void givesWhatWasSavedUpAtOnceAndThenOneAfterTheOther() {
    assertThat(take(1)).isEqualTo(SECOND);
    assertThat(take(1)).isEqualTo(2 * SECOND);
    assertThat(take(1)).isEqualTo(3 * SECOND);
    assertThat(take(1)).isEqualTo(-SECOND);

    now += SECOND - 1;
    assertThat(take(1)).as("a nanosecond too early").isEqualTo(-1);
    now += 1;
    assertThat(take(1)).isEqualTo(3 * SECOND);
    assertThat(take(1)).isEqualTo(-SECOND);
  }

  @Test
  void whoIsRefusedWaitsNoLongerForHavingAsked() {
    for (int i = 0; i < 3; i++) {
      assertThat(take(1)).isPositive();
    }
    for (int i = 0; i < 1_000; i++) {
      assertThat(take(1)).isEqualTo(-SECOND);
    }
    now += SECOND;
    assertThat(take(1)).isPositive();
  }

  @Test
  void savesUpNoMoreThanABucketHolds() {
    assertThat(take(1)).isPositive();
    now += 1_000 * SECOND;
    for (int i = 0; i < 3; i++) {
      assertThat(take(1)).isPositive();
    }
    assertThat(take(1)).isNegative();
  }

  @Test
  void aLimitThatDoesNotDivideItsWindowIsExactAllTheSame() {
    Quota seven = new Quota(7, 60);
    for (int i = 6; i >= 0; i--) {
      assertThat(seven.left(take(1, seven))).isEqualTo(i);
    }
    long wait = -take(1, seven);
    assertThat(wait).isEqualTo(60 * SECOND / 7);
    now += wait - 1;
    assertThat(take(1, seven)).isNegative();
    now += 1;
    assertThat(take(1, seven)).isPositive();
  }

  @Test
  void eachKeyHasABucketOfItsOwn() {
    for (int i = 0; i < 3; i++) {
      assertThat(take(1)).isPositive();
    }
    assertThat(take(1)).isNegative();
    assertThat(take(2)).isPositive();
  }

  @Test
  void keysTellApartWhatIsNotTheSame() {
    assertThat(
            List.of(
                buckets.key(1, 2),
                buckets.key(2, 1),
                buckets.key(1, "b"),
                buckets.key(1, "bb"),
                buckets.key(1, "bbbb"),
                buckets.key(1, "bbbbb"),
                buckets.key(1, "bbbb\0"),
                buckets.key(1, "\0bbbb"),
                buckets.key(1, ""),
                buckets.key(1, "\0"),
                buckets.key(2, "b")))
        .doesNotHaveDuplicates();
    assertThat(buckets.key(1, "b")).isEqualTo(buckets.key(1, "b"));
    assertThat(new Buckets(System::nanoTime).key(1, "b"))
        .as("nobody outside knows")
        .isNotEqualTo(buckets.key(1, "b"));
  }

  @Test
  void aMillionKeysTakeNoMoreThanTheBound() {
    assertThat(buckets.bytes()).isEqualTo(64 << 10);

    for (int i = 0; i < 1_000_000; i++) {
      assertThat(take(buckets.key(1, i)) > 0).isTrue();
    }
    assertThat(buckets.bytes()).isLessThanOrEqualTo(Buckets.BYTES_MAX);
    assertThat(buckets.forgotten()).as("of a million").isLessThan(60_000);

    for (int i = 1_000_000; i < 3_000_000; i++) {
      assertThat(take(buckets.key(1, i)) > 0).isTrue();
    }
    assertThat(buckets.bytes()).isEqualTo(Buckets.BYTES_MAX);
    assertThat(buckets.forgotten()).isGreaterThanOrEqualTo(3_000_000 - Buckets.MOST);
  }

  @Test
  void fullBucketsGoFirstAndCostNobodyHisOwn() {
    for (int i = 0; i < 2_000_000; i++) {
      take(buckets.key(1, i));
    }
    long before = buckets.forgotten();
    now += 3 * SECOND;

    List<Long> empty = new ArrayList<>();
    for (int i = 0; i < 100_000; i++) {
      long key = buckets.key(2, i);
      empty.add(key);
      while (take(key) > 0) {}
    }

    assertThat(buckets.forgotten()).isEqualTo(before);
    assertThat(empty).allMatch(key -> take(key) < 0);
  }

  @Test
  void whoseBucketWouldBeFullSoonestIsForgottenFirst() {
    List<Long> emptied = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      long key = buckets.key(1, i);
      emptied.add(key);
      while (take(key) > 0) {}
    }
    for (int i = 0; i < 2_000_000; i++) {
      take(buckets.key(2, i));
    }

    assertThat(buckets.forgotten()).isPositive();
    assertThat(emptied).as("who floods loses to who is throttled").allMatch(key -> take(key) < 0);
  }

  @Test
  void manyAtOnceGetNoMoreThanOneAfterTheOther() throws Exception {
    Quota quota = new Quota(1_000_000, 86_400);
    int threads = 4;
    CountDownLatch begin = new CountDownLatch(threads);
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      List<Future<Integer>> given = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        given.add(
            pool.submit(
                () -> {
                  begin.countDown();
                  begin.await();
                  int mine = 0;
                  for (int i = 0; i < quota.requests(); i++) {
                    mine += take(7, quota) > 0 ? 1 : 0;
                  }
                  return mine;
                }));
      }
      int all = 0;
      for (Future<Integer> mine : given) {
        all += mine.get();
      }
      assertThat(all).isEqualTo(quota.requests());
    }
  }
}
