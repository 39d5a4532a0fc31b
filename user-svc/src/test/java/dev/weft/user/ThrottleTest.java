package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.weft.durable.Database;
import dev.weft.mesh.Rejection;
import dev.weft.testkit.PostgresExtension;
import dev.weft.user.Throttle.Attempt;
import dev.weft.user.Throttle.Limit;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class ThrottleTest {
  private static final Limit THREE = new Limit("three", 3, Duration.ofSeconds(10));
  private static final Limit FIVE = new Limit("five", 5, Duration.ofSeconds(10));

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  private final Throttle throttle = new Throttle();

  @AfterEach
  void presentTime() {
    postgres.database().shiftClock(Duration.ZERO);
  }

  @Test
  void allowsABurstAndThenOneAttemptPerInterval() {
    Attempt attempt = THREE.by("burst");

    assertThat(counted(10, attempt)).isEqualTo(3);
    postgres.database().shiftClock(Duration.ofSeconds(9));
    assertThat(counted(1, attempt)).isZero();
    postgres.database().shiftClock(Duration.ofSeconds(11));
    assertThat(counted(2, attempt)).isEqualTo(1);
    postgres.database().shiftClock(Duration.ofHours(1));
    assertThat(counted(10, attempt)).isEqualTo(3);
  }

  @Test
  void saysWhenTheNextAttemptMayBeMade() {
    Attempt attempt = THREE.by("wait");
    counted(3, attempt);

    assertThatExceptionOfType(Rejection.TooMany.class)
        .isThrownBy(() -> count(attempt))
        .satisfies(
            refusal -> {
              assertThat(refusal.reason()).isEqualTo("TOO_MANY_ATTEMPTS");
              assertThat(refusal.retryAfter())
                  .hasValueSatisfying(
                      wait ->
                          assertThat(wait)
                              .isBetween(Duration.ofSeconds(5), Duration.ofSeconds(10)));
            });
  }

  @Test
  void aRefusedAttemptDoesNotProlongTheWait() {
    Attempt attempt = THREE.by("patience");
    counted(100, attempt);

    postgres.database().shiftClock(Duration.ofSeconds(11));
    assertThat(counted(1, attempt)).isEqualTo(1);
  }

  @Test
  void countsSubjectsAndLimitsApart() {
    counted(3, THREE.by("one"));

    assertThat(counted(1, THREE.by("two"))).isEqualTo(1);
    assertThat(counted(1, FIVE.by("one"))).isEqualTo(1);
  }

  @Test
  void countsForAllLimitsOrForNone() {
    counted(3, THREE.by("both"));

    assertThat(counted(100, FIVE.by("both"), THREE.by("both"))).isZero();
    assertThat(counted(100, FIVE.by("both"))).isEqualTo(5);
  }

  @Test
  void forgivesWhatTurnedOutToBeRight() {
    Attempt attempt = THREE.by("forgiven");
    for (int i = 0; i < 20; i++) {
      count(attempt);
      postgres.database().inTransactionVoid(tx -> throttle.forgive(tx, List.of(attempt)));
    }
    assertThat(counted(10, attempt)).isEqualTo(3);
  }

  @Test
  void countsAttemptsThatAreMadeAtOnce() throws Exception {
    List<Attempt> attempts = List.of(THREE.by("parallel"), FIVE.by("parallel"));
    Callable<Integer> attempt = () -> counted(1, attempts.toArray(new Attempt[0]));
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      int counted = 0;
      for (Future<Integer> one :
          threads.invokeAll(IntStream.range(0, 12).mapToObj(_ -> attempt).toList())) {
        counted += one.get();
      }
      assertThat(counted).isEqualTo(3);
    }
  }

  @Test
  void keepsNoSubjectAndNoRowForLong() {
    counted(1, THREE.by("somebody@weft.example"));
    Database database = postgres.database();

    boolean plain =
        database.read(
            tx ->
                tx.createQuery("SELECT bool_or(key = convert_to(:s, 'UTF8')) FROM throttle")
                    .bind("s", "somebody@weft.example")
                    .mapTo(Boolean.class)
                    .one());
    assertThat(plain).isFalse();
    database.shiftClock(Duration.ofHours(2));
    assertThat(database.inTransaction(throttle::sweep)).isPositive();
    assertThat(rows()).isZero();
  }

  private int rows() {
    return postgres
        .database()
        .read(tx -> tx.createQuery("SELECT count(*) FROM throttle").mapTo(Integer.class).one());
  }

  private void count(Attempt... attempts) {
    postgres.database().inTransactionVoid(tx -> throttle.count(tx, List.of(attempts)));
  }

  /** Tries so often, and says how often it was allowed. */
  private int counted(int times, Attempt... attempts) {
    int allowed = 0;
    for (int i = 0; i < times; i++) {
      try {
        count(attempts);
        allowed++;
      } catch (Rejection.TooMany e) {
        // Not allowed.
      }
    }
    return allowed;
  }
}
