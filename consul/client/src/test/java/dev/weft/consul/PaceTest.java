package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** How fast watches may poll, and how long they wait after failures. */
class PaceTest {
  private final AtomicLong nanos = new AtomicLong();

  @Test
  void allowsABurstOfTwoThenOneTurnPerInterval() {
    TokenBucket bucket = new TokenBucket(2, Duration.ofMillis(250), nanos::get);
    assertThat(bucket.take()).isZero();
    assertThat(bucket.take()).isZero();
    assertThat(bucket.take()).isEqualTo(Duration.ofMillis(250));
    nanos.addAndGet(Duration.ofMillis(250).toNanos());
    assertThat(bucket.take()).isEqualTo(Duration.ofMillis(250));
  }

  @Test
  void savesUpNoMoreThanTheBurst() {
    TokenBucket bucket = new TokenBucket(2, Duration.ofMillis(250), nanos::get);
    nanos.addAndGet(Duration.ofHours(1).toNanos());
    assertThat(bucket.take()).isZero();
    assertThat(bucket.take()).isZero();
    assertThat(bucket.take()).isEqualTo(Duration.ofMillis(250));
  }

  @Test
  void doublesTheBackoffUpToItsMaximum() {
    Backoff longest = new Backoff(Duration.ofSeconds(5), _ -> 0);
    assertThat(longest.after(1)).isEqualTo(Duration.ofMillis(200));
    assertThat(longest.after(2)).isEqualTo(Duration.ofMillis(400));
    assertThat(longest.after(6)).isEqualTo(Duration.ofSeconds(5));
    assertThat(longest.after(Integer.MAX_VALUE)).isEqualTo(Duration.ofSeconds(5));
  }

  @Test
  void takesARandomHalfOffTheBackoff() {
    Backoff shortest = new Backoff(Duration.ofSeconds(5), bound -> bound - 1);
    assertThat(shortest.after(1)).isEqualTo(Duration.ofMillis(100));
    assertThat(shortest.after(9)).isEqualTo(Duration.ofMillis(2500));
  }

  @Test
  void jittersByAFifthBothWays() {
    Duration second = Duration.ofSeconds(1);
    assertThat(new Backoff(second, _ -> 0).jittered(second)).isEqualTo(Duration.ofMillis(800));
    assertThat(new Backoff(second, bound -> bound - 1).jittered(second))
        .isEqualTo(Duration.ofMillis(1200));
  }

  @Test
  void followsConsulsRulesForTheNextIndex() {
    assertThat(Watch.nextIndex(0, 43)).isEqualTo(43);
    assertThat(Watch.nextIndex(43, 43)).isEqualTo(43);
    assertThat(Watch.nextIndex(43, 14)).isZero();
    assertThat(Watch.nextIndex(43, 0)).isEqualTo(1);
    assertThat(Watch.nextIndex(Long.MAX_VALUE, Long.MIN_VALUE)).isEqualTo(Long.MIN_VALUE);
  }
}
