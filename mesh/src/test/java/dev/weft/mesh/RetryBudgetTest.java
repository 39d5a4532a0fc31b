package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RetryBudgetTest {
  private final AtomicLong now = new AtomicLong(42);
  private final RetryBudget budget = new RetryBudget(now::get);

  private int retries(int wanted) {
    int granted = 0;
    for (int i = 0; i < wanted; i++) {
      granted += budget.tryRetry() ? 1 : 0;
    }
    return granted;
  }

  @Test
  void grantsThreeASecondWithoutAnyTraffic() {
    assertThat(retries(10)).isEqualTo(3);

    now.addAndGet(Duration.ofSeconds(1).toNanos());
    assertThat(retries(10)).isEqualTo(3);

    now.addAndGet(Duration.ofHours(1).toNanos());
    assertThat(retries(10)).isEqualTo(3);
  }

  @Test
  void grantsATenthOfTheCallsBeyondThat() {
    retries(3);
    for (int i = 0; i < 50; i++) {
      budget.call();
    }

    assertThat(retries(100)).isBetween(4, 5);
  }

  @Test
  void savesUpTenAtMost() {
    retries(3);
    for (int i = 0; i < 100_000; i++) {
      budget.call();
    }

    assertThat(retries(1_000)).isEqualTo(10);
  }
}
