package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.edge.CallWindows.End;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class CallWindowsTest {
  private static final int MAX = 100;
  private static final String PLACE = "Orders/Place";
  private static final String LIST = "Orders/List";

  private final AtomicLong now = new AtomicLong(Duration.ofDays(1).toNanos());
  private final CallWindows windows = new CallWindows(MAX, now::get);

  @Test
  void givesEachMethodAsManyPlacesAsItMayHaveAtOnce() {
    List<Integer> entered = fill(PLACE);

    assertThat(entered).hasSize(MAX);
    assertThat(windows.isFull(PLACE)).isTrue();
    assertThat(windows.isLearned(PLACE)).isFalse();
    assertThat(windows.enter(LIST)).isNotEqualTo(CallWindows.FULL);

    windows.leave(PLACE, entered.removeLast(), End.SERVED);
    assertThat(windows.isFull(PLACE)).isFalse();
    assertThat(fill(PLACE)).hasSize(1);
  }

  @Test
  void sendsNoMoreThanTheServiceLatelyTook() {
    List<Integer> entered = take(PLACE, 50);

    windows.leave(PLACE, entered.removeLast(), End.REFUSED);

    // Of 50 it did not take all: 45.
    assertThat(windows.isLearned(PLACE)).isTrue();
    assertThat(windows.isFull(PLACE)).isTrue();
    assertThat(placesLater(entered)).isEqualTo(45);
    assertThat(fill(LIST)).hasSize(MAX);
  }

  /** They were refused for the same reason, and say nothing of a window they were not sent in. */
  @Test
  void countsOnlyOneOfTheRefusalsOfCallsThatWereBegunTogether() {
    List<Integer> entered = take(PLACE, 50);

    leaveAll(PLACE, entered, End.REFUSED);

    assertThat(placesLater(List.of())).isEqualTo(45);
  }

  /**
   * What is refused ends at once: with places to spare, no call that comes would be refused here.
   */
  @Test
  void aRefusalKeepsItsPlaceForAWhile() {
    leaveAll(PLACE, take(PLACE, 50), End.REFUSED);

    assertThat(windows.isFull(PLACE)).isTrue();
    now.addAndGet(Duration.ofMillis(100).toNanos() - 1);
    assertThat(windows.enter(PLACE)).isEqualTo(CallWindows.FULL);
    now.addAndGet(1);
    assertThat(windows.isFull(PLACE)).isFalse();
    assertThat(fill(PLACE)).hasSize(45);
  }

  @Test
  void findsWhatTheServiceTakesByRefusalsOfWhatItSentSince() {
    int takes = 20;
    List<Integer> served = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      now.addAndGet(Duration.ofMillis(5).toNanos());
      int entered = windows.enter(PLACE);
      if (entered == CallWindows.FULL) {
        continue;
      }
      if (served.size() < takes) {
        served.add(entered);
      } else {
        windows.leave(PLACE, entered, End.REFUSED);
      }
    }

    assertThat(placesLater(served)).isBetween(takes * 8 / 10, takes);
  }

  @Test
  void growsByOneForEachWindowOfCallsThatWereServed() {
    learn(PLACE, 50);
    assertThat(inUse(46)).isEqualTo(45);

    assertThat(inUse(46)).isEqualTo(46);
  }

  @Test
  void doesNotGrowByCallsThatSayNothing() {
    learn(PLACE, 50);

    for (int i = 0; i < 5; i++) {
      leaveAll(PLACE, fill(PLACE), End.OTHER);
    }

    assertThat(fill(PLACE)).hasSize(45);
  }

  /** Few calls that are served do not tell whether many would be. */
  @Test
  void doesNotGrowWhileLessThanHalfOfItIsUsed() {
    learn(PLACE, 50);

    for (int i = 0; i < 500; i++) {
      leaveAll(PLACE, take(PLACE, 20), End.SERVED);
    }

    assertThat(fill(PLACE)).hasSize(45);
  }

  @Test
  void isNeverSoSmallThatItCouldNotFindOutMore() {
    for (int i = 0; i < 20; i++) {
      learn(PLACE, 1);
    }

    assertThat(fill(PLACE)).hasSize(CallWindows.LEAST);
  }

  @Test
  void neverGrowsBeyondWhatAMethodMayHave() {
    learn(PLACE, MAX);

    for (int i = 0; i < 30; i++) {
      leaveAll(PLACE, fill(PLACE), End.SERVED);
    }

    assertThat(fill(PLACE)).hasSize(MAX);
  }

  @Test
  void forgetsWhenNothingWasRefusedForTenSeconds() {
    learn(PLACE, 50);

    now.addAndGet(Duration.ofMillis(9_900).toNanos());
    leaveAll(PLACE, take(PLACE, 1), End.OTHER);
    assertThat(windows.isLearned(PLACE)).isTrue();

    now.addAndGet(1);
    assertThat(fill(PLACE)).hasSize(MAX);
    assertThat(windows.isLearned(PLACE)).isFalse();
  }

  private void learn(String method, int underWay) {
    List<Integer> entered = take(method, underWay);
    windows.leave(method, entered.removeLast(), End.REFUSED);
    leaveAll(method, entered, End.OTHER);
    later();
  }

  private void later() {
    now.addAndGet(Duration.ofMillis(100).toNanos());
  }

  /** How many places there are once these calls have ended and refusals keep none. */
  private int placesLater(List<Integer> underWay) {
    leaveAll(PLACE, underWay, End.OTHER);
    later();
    return fill(PLACE).size();
  }

  /** Fills the window, serves the first so many, and says how many then fit. */
  private int inUse(int served) {
    List<Integer> entered = fill(PLACE);
    int size = entered.size();
    for (int i = 0; i < served; i++) {
      windows.leave(PLACE, entered.removeLast(), End.SERVED);
      int next = windows.enter(PLACE);
      assertThat(next).isNotEqualTo(CallWindows.FULL);
      entered.add(next);
    }
    leaveAll(PLACE, entered, End.OTHER);
    return size;
  }

  private List<Integer> take(String method, int count) {
    List<Integer> entered = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int one = windows.enter(method);
      assertThat(one).isNotEqualTo(CallWindows.FULL);
      entered.add(one);
    }
    return entered;
  }

  private List<Integer> fill(String method) {
    List<Integer> entered = new ArrayList<>();
    for (int one = windows.enter(method); one != CallWindows.FULL; one = windows.enter(method)) {
      entered.add(one);
    }
    return entered;
  }

  private void leaveAll(String method, List<Integer> entered, End how) {
    entered.forEach(one -> windows.leave(method, one, how));
  }
}
