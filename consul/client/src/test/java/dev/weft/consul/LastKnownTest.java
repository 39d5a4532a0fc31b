package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.consul.LastKnown.Page;
import dev.weft.consul.LastKnown.View;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class LastKnownTest {
  private static final Duration MAX = Duration.ofSeconds(55);

  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 5); // it may overflow
  private final AtomicBoolean mayRead = new AtomicBoolean(true);
  private final LastKnown<String> known =
      new LastKnown<>(
          (before, now) -> before.equals("up") && now.equals("forgotten"),
          this::requireRight,
          nanos::get);

  @Test
  void believesTheFirstAnswerWhateverItSays() {
    View<String> view = known.accept(page(7, Map.of()));
    assertThat(view.entries()).isEmpty();
    assertThat(view.stale()).isFalse();
    assertThat(view.answered()).isTrue();
  }

  @Test
  void knowsNothingAndSaysSoBeforeTheFirstAnswer() {
    View<String> view = known.fail();
    assertThat(view.answered()).isFalse();
    assertThat(view.stale()).isTrue();
  }

  @Test
  void aFirstAnswerWithALowerIndexIsOfAnAgentThatLostWhatAnEarlierProcessKnew() {
    Map<String, String> all = Map.of("a", "up", "b", "up");
    LastKnown<String> started = after(page(43, all));
    assertStale(started.accept(page(14, Map.of("b", "up"))), all);
    pass(Duration.ofSeconds(59));
    assertStale(started.accept(page(15, Map.of("b", "up"))), all);
    pass(Duration.ofSeconds(1));
    assertFresh(started.accept(page(15, Map.of("b", "up"))), Map.of("b", "up"));
  }

  @Test
  void aFirstAnswerThatCountsOnIsBelievedWhateverAnEarlierProcessKnew() {
    LastKnown<String> started = after(page(43, Map.of("a", "up")));
    assertFresh(started.accept(page(43, Map.of())), Map.of());
  }

  /** Of a process that starts. */
  private LastKnown<String> after(Page<String> earlier) {
    return new LastKnown<>((_, _) -> false, this::requireRight, nanos::get, () -> earlier);
  }

  private void requireRight(Set<String> known) {
    assertThat(known).isNotEmpty();
    if (!mayRead.get()) {
      throw ConsulException.hidden("GET /web", "service web", "as this test says");
    }
  }

  /** As a watch takes an answer that may be none. */
  private static View<String> poll(LastKnown<String> known, Page<String> page) {
    assertThatThrownBy(() -> known.accept(page)).isInstanceOf(ConsulException.class);
    return known.fail();
  }

  @Test
  void letsTheLastEntryGoAtOnceWhenTheIndexAdvanced() {
    known.accept(page(7, Map.of("a", "up")));
    assertFresh(known.accept(page(8, Map.of())), Map.of());
  }

  @Test
  void letsAnEntryGoWithoutAskingForRightsWhileOthersRemain() {
    mayRead.set(false);
    known.accept(page(7, Map.of("a", "up", "b", "up")));
    assertFresh(known.accept(page(8, Map.of("b", "up"))), Map.of("b", "up"));
  }

  @Test
  void keepsEverythingWhilePollsFailHoweverLong() {
    known.accept(page(7, Map.of("a", "up")));
    pass(Duration.ofHours(5));
    assertStale(known.fail(), Map.of("a", "up"));
    pass(Duration.ofHours(5));
    assertStale(known.fail(), Map.of("a", "up"));
    assertFresh(known.accept(page(7, Map.of("a", "up"))), Map.of("a", "up"));
  }

  @Test
  void retainsWhatAnEmptyAnswerWithALowerIndexLeavesOut() {
    known.accept(page(43, Map.of("a", "up")));
    assertStale(known.accept(page(14, Map.of())), Map.of("a", "up"));
  }

  @Test
  void retainsWhatAnEmptyAnswerAfterAFailureLeavesOutEvenWithAHigherIndex() {
    known.accept(page(7, Map.of("a", "up")));
    known.fail();
    assertStale(known.accept(page(9, Map.of())), Map.of("a", "up"));
  }

  @Test
  void retainsWhatAnAnswerWithTheSameIndexLeavesOut() {
    known.accept(page(7, Map.of("a", "up", "b", "up")));
    assertStale(known.accept(page(7, Map.of("b", "up"))), Map.of("a", "up", "b", "up"));
  }

  @Test
  void retainsWhatADoubtfulAnswerLeavesOut() {
    known.accept(page(7, Map.of("a", "up")));
    assertStale(known.accept(new Page<>(Map.of(), 8, true)), Map.of("a", "up"));
  }

  @Test
  void keepsEverythingWhileItHasNoRightsHoweverLong() {
    known.accept(page(7, Map.of("a", "up", "b", "up")));
    mayRead.set(false);
    assertStale(poll(known, page(8, Map.of())), Map.of("a", "up", "b", "up"));
    pass(Duration.ofHours(5));
    assertStale(poll(known, page(9, Map.of())), Map.of("a", "up", "b", "up"));
    mayRead.set(true);
    assertFresh(known.accept(page(9, Map.of("a", "up", "b", "up"))), Map.of("a", "up", "b", "up"));
    assertFresh(known.accept(page(10, Map.of())), Map.of());
  }

  @Test
  void keepsWhatIsRetainedWhileItHasNoRights() {
    known.accept(page(43, Map.of("a", "up")));
    known.accept(page(14, Map.of()));
    mayRead.set(false);
    pass(Duration.ofSeconds(70));
    assertStale(poll(known, page(15, Map.of())), Map.of("a", "up"));
    mayRead.set(true);
    assertFresh(known.accept(page(16, Map.of())), Map.of());
  }

  @Test
  void retainsWhatIsLeftOutOnceTheRightsAreBack() {
    known.accept(page(7, Map.of("a", "up", "b", "up")));
    mayRead.set(false);
    poll(known, page(8, Map.of()));
    mayRead.set(true);
    assertStale(known.accept(page(9, Map.of("b", "up"))), Map.of("a", "up", "b", "up"));
    pass(Duration.ofSeconds(60));
    assertFresh(known.accept(page(9, Map.of("b", "up"))), Map.of("b", "up"));
  }

  @Test
  void keepsWhatAnEarlierProcessKnewWhileItHasNoRights() {
    LastKnown<String> started = after(page(43, Map.of("a", "up")));
    mayRead.set(false);
    assertStale(poll(started, page(44, Map.of())), Map.of("a", "up"));
    pass(Duration.ofHours(5));
    assertStale(poll(started, page(45, Map.of())), Map.of("a", "up"));
  }

  @Test
  void believesAnEmptyAnswerThatLeavesNothingOutWithoutAskingForRights() {
    mayRead.set(false);
    assertFresh(known.accept(page(7, Map.of())), Map.of());
    assertFresh(known.accept(page(8, Map.of())), Map.of());
  }

  @Test
  void retainsForAMinuteCountedFromTheFirstAnswerThatLeftItOut() {
    known.accept(page(43, Map.of("a", "up")));
    known.accept(page(14, Map.of()));
    pass(Duration.ofSeconds(30));
    known.fail();
    assertStale(known.accept(page(15, Map.of())), Map.of("a", "up"));
    pass(Duration.ofSeconds(29));
    assertStale(known.accept(page(15, Map.of())), Map.of("a", "up"));
    pass(Duration.ofSeconds(1));
    assertFresh(known.accept(page(15, Map.of())), Map.of());
  }

  @Test
  void pollsAgainWhenTheRetentionEnds() {
    assertThat(known.patience(MAX)).isEqualTo(MAX);
    known.accept(page(43, Map.of("a", "up")));
    known.accept(page(14, Map.of()));
    assertThat(known.patience(MAX)).isEqualTo(MAX);
    pass(Duration.ofSeconds(50));
    assertThat(known.patience(MAX)).isEqualTo(Duration.ofSeconds(10));
    pass(Duration.ofSeconds(50));
    assertThat(known.patience(MAX)).isPositive();
  }

  @Test
  void isFreshAgainOnceEveryRetainedEntryIsShownAgain() {
    known.accept(page(43, Map.of("a", "up", "b", "up")));
    known.accept(page(14, Map.of()));
    assertStale(known.accept(page(15, Map.of("a", "new"))), Map.of("a", "new", "b", "up"));
    assertFresh(
        known.accept(page(16, Map.of("a", "new", "b", "new"))), Map.of("a", "new", "b", "new"));
  }

  @Test
  void letsGoAtOnceWhatWasShownAgainAndLeft() {
    known.accept(page(43, Map.of("a", "up", "b", "up")));
    known.accept(page(14, Map.of()));
    known.accept(page(15, Map.of("a", "up")));
    assertStale(known.accept(page(16, Map.of())), Map.of("b", "up"));
  }

  @Test
  void keepsWhatRegressedAsItWasUntilItChanges() {
    known.accept(page(7, Map.of("a", "up")));
    assertStale(known.accept(page(8, Map.of("a", "forgotten"))), Map.of("a", "up"));
    assertFresh(known.accept(page(9, Map.of("a", "down"))), Map.of("a", "down"));
  }

  @Test
  void letsWhatRegressedGoWhenItLeaves() {
    known.accept(page(7, Map.of("a", "up")));
    known.accept(page(8, Map.of("a", "forgotten")));
    assertFresh(known.accept(page(9, Map.of())), Map.of());
  }

  @Test
  void showsWhatRegressedAsItIsAfterAMinute() {
    known.accept(page(7, Map.of("a", "up")));
    known.accept(page(8, Map.of("a", "forgotten")));
    pass(Duration.ofSeconds(60));
    assertFresh(known.accept(page(8, Map.of("a", "forgotten"))), Map.of("a", "forgotten"));
    assertFresh(known.accept(page(9, Map.of("a", "forgotten"))), Map.of("a", "forgotten"));
  }

  @Test
  void comparesIndexesAsUnsigned() {
    known.accept(page(Long.MAX_VALUE, Map.of("a", "up")));
    assertFresh(known.accept(page(Long.MIN_VALUE, Map.of())), Map.of());
  }

  private static Page<String> page(long index, Map<String, String> entries) {
    return new Page<>(entries, index, false);
  }

  private void pass(Duration time) {
    nanos.addAndGet(time.toNanos());
  }

  private static void assertFresh(View<String> view, Map<String, String> entries) {
    assertThat(view.entries()).isEqualTo(entries);
    assertThat(view.stale()).isFalse();
  }

  private static void assertStale(View<String> view, Map<String, String> entries) {
    assertThat(view.entries()).isEqualTo(entries);
    assertThat(view.stale()).isTrue();
  }
}
