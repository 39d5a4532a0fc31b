package dev.weft.mesh;

import static dev.weft.mesh.Criticality.CRITICAL;
import static dev.weft.mesh.Criticality.CRITICAL_PLUS;
import static dev.weft.mesh.Criticality.DEFAULT;
import static dev.weft.mesh.Criticality.SHEDDABLE;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class AdmissionTest {
  private static final Duration USUAL = Duration.ofMillis(10);
  private static final Duration SLOW = Duration.ofMillis(50);

  private final AtomicLong now = new AtomicLong(42);
  private final Admission admission = new Admission(now::get);
  private final Admission.Pace reads = new Admission.Pace();
  private final Admission.Pace reports = new Admission.Pace();

  /** Takes as many places as there are, 1,000 at most. */
  private int fill(Criticality kind) {
    int places = 0;
    while (places < 1_000 && admission.enter(kind)) {
      places++;
    }
    return places;
  }

  private void leave(Criticality kind, int places) {
    for (int i = 0; i < places; i++) {
      admission.leave(kind);
    }
  }

  /** A call that takes so long while others are under way. */
  private void call(Admission.Pace method, Duration took) {
    if (admission.enter(CRITICAL_PLUS)) {
      now.addAndGet(took.toNanos());
      admission.leave(CRITICAL_PLUS, method, took.toNanos());
    }
  }

  private void calls(int count, Admission.Pace method, Duration took) {
    for (int i = 0; i < count; i++) {
      call(method, took);
    }
  }

  /** Calls that all took as long as they usually do, until that is known. */
  private void learn(Admission.Pace method, Duration took) {
    calls(100, method, took);
  }

  /** Windows of a server that is full, whose calls take so long. */
  private void fullWindows(int windows, Duration took) {
    for (int i = 0; i < windows; i++) {
      int others = fill(CRITICAL);
      calls(20, reads, took);
      leave(CRITICAL, others);
    }
  }

  @Test
  void theLimitFallsWhenCallsTakeLongerAndRisesAgain() {
    learn(reads, USUAL);
    assertThat(admission.limit()).isEqualTo(Admission.LIMIT_FIRST);

    fullWindows(10, SLOW);
    double fallen = admission.limit();
    assertThat(fallen).isBetween(50.0, 150.0);

    fullWindows(10, USUAL);
    assertThat(admission.limit()).isGreaterThan(fallen + 5);
  }

  @Test
  void theLimitStaysWithinItsBounds() {
    learn(reads, USUAL);

    fullWindows(200, SLOW);
    assertThat(admission.limit()).isBetween((double) Admission.LIMIT_MIN, 5.0);

    fullWindows(500, USUAL);
    assertThat(admission.limit()).isEqualTo(Admission.LIMIT_MAX);
  }

  @Test
  void aServerThatHasLittleToDoIsNotOverloadedHoweverLongItTakes() {
    learn(reads, USUAL);

    calls(1_000, reads, SLOW);

    assertThat(admission.limit()).isEqualTo(Admission.LIMIT_FIRST);
  }

  @Test
  void calmHealsTheLimitThoughNobodyNeedsIt() {
    learn(reads, USUAL);
    fullWindows(30, SLOW);
    assertThat(admission.limit()).isLessThan(50);

    calls(20 * 300, reads, USUAL);

    assertThat(admission.limit()).isBetween(200.0, 203.0);
  }

  @Test
  void aMethodThatAlwaysTakesLongSaysNothingAboutTheOthers() {
    learn(reads, USUAL);
    learn(reports, Duration.ofSeconds(3));

    for (int i = 0; i < 20; i++) {
      int others = fill(CRITICAL);
      calls(20, reports, Duration.ofSeconds(3));
      leave(CRITICAL, others);
    }

    assertThat(admission.limit()).isGreaterThan(Admission.LIMIT_FIRST);
  }

  @Test
  void aFewCallsThatWaitForSomethingElseAreNoOverload() {
    learn(reads, USUAL);

    for (int i = 0; i < 20; i++) {
      int others = fill(CRITICAL);
      calls(1, reads, Duration.ofSeconds(3));
      calls(19, reads, USUAL);
      leave(CRITICAL, others);
    }

    assertThat(admission.limit()).isGreaterThan(Admission.LIMIT_FIRST);
  }

  @Test
  void aColdStartIsForgottenSoon() {
    learn(reads, Duration.ofMillis(500));
    calls(5_000, reads, USUAL);

    fullWindows(10, SLOW);

    assertThat(admission.limit()).isLessThan(Admission.LIMIT_FIRST);
  }

  @Test
  void whatMattersLeastIsRefusedFirst() {
    assertThat(fill(SHEDDABLE)).isEqualTo(170);
    assertThat(fill(DEFAULT)).as("its share of 40, or up to 180").isEqualTo(40);
    assertThat(admission.enter(SHEDDABLE)).isFalse();
    assertThat(fill(CRITICAL)).isEqualTo(80);
    assertThat(fill(CRITICAL_PLUS)).isEqualTo(80);
    assertThat(admission.shed(SHEDDABLE)).isEqualTo(2);
  }

  @Test
  void whatIsBorrowedIsGivenBack() {
    assertThat(fill(DEFAULT)).isEqualTo(180);
    assertThat(fill(CRITICAL)).as("its share, though all is lent").isEqualTo(80);

    leave(DEFAULT, 80);
    assertThat(admission.enter(DEFAULT)).as("180 are still under way").isFalse();
    leave(DEFAULT, 80);
    assertThat(fill(DEFAULT)).isEqualTo(80);
    assertThat(admission.inFlight(CRITICAL)).isEqualTo(80);
  }

  @Test
  void everyKindButTheLeastHasAPlaceUnderTheLeastLimit() {
    learn(reads, USUAL);
    fullWindows(200, SLOW);
    assertThat(admission.limit()).isLessThan(5);

    assertThat(fill(SHEDDABLE)).isPositive();
    assertThat(admission.enter(DEFAULT)).isTrue();
    assertThat(admission.enter(CRITICAL)).isTrue();
    assertThat(admission.enter(CRITICAL_PLUS)).isTrue();
  }

  @Test
  void whatIsRefusedMoreThanATenthOfIsDeep() {
    learn(reads, USUAL);
    assertThat(admission.deep()).isFalse();

    fullWindows(1, USUAL);
    assertThat(admission.deep()).as("one of many was refused").isFalse();

    int others = fill(CRITICAL);
    for (int i = 0; i < 100; i++) {
      assertThat(admission.refuses(SHEDDABLE)).isTrue();
    }
    calls(20, reads, USUAL);
    assertThat(admission.deep()).isTrue();

    leave(CRITICAL, others);
    calls(20, reads, USUAL);
    assertThat(admission.deep()).isFalse();
  }
}
