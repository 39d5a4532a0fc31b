package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.mesh.Caller;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class KeptAnswersTest {
  private static final int BYTES_MAX = 1 << 20;

  /** Nearly the largest that is kept. */
  private static final int LARGE = 60_000;

  private static final Transcoder ROUTE = route();

  private final AtomicLong clock = new AtomicLong();
  private final KeptAnswers answers = new KeptAnswers(BYTES_MAX, clock::get);

  @Test
  void keepsNoMoreThanItMay() {
    for (int i = 0; i < 100; i++) {
      answers.keep(key("/" + i, Optional.empty()), answer(LARGE));
    }

    assertThat(answers.bytes()).isBetween(BYTES_MAX / 2L, (long) BYTES_MAX);
  }

  @Test
  void keepsNoneThatIsTooLarge() {
    KeptAnswers.Key key = key("/", Optional.empty());

    assertThat(answers.keep(key, answer(BYTES_MAX / 16))).isFalse();
    assertThat(answers.find(key)).isNull();
    assertThat(answers.keep(key, answer(LARGE))).isTrue();
    assertThat(answers.find(key)).isNotNull();
  }

  @Test
  void oneUserHasAPartOfItAndLeavesTheRestToOthers() {
    assertThat(answers.keep(key("/1", user("a", "t1")), answer(LARGE))).isTrue();
    assertThat(answers.keep(key("/2", user("a", "t1")), answer(LARGE))).isFalse();
    assertThat(answers.keep(key("/2", user("a", "t2")), answer(LARGE)))
        .as("the same user with another token")
        .isFalse();
    assertThat(answers.keep(key("/2", user("b", "t3")), answer(LARGE))).isTrue();
    assertThat(answers.keep(key("/2", Optional.empty()), answer(LARGE))).isTrue();

    assertThat(answers.find(key("/1", user("a", "t1")))).isNotNull();
  }

  @Test
  void whatIsTooOldTakesNoRoomOfItsUser() {
    answers.keep(key("/1", user("a", "t1")), answer(LARGE));
    clock.addAndGet(Duration.ofSeconds(11).toNanos());

    assertThat(answers.keep(key("/2", user("a", "t1")), answer(LARGE))).isTrue();
    assertThat(answers.find(key("/1", user("a", "t1")))).isNull();
    clock.addAndGet(Duration.ofSeconds(11).toNanos());
    assertThat(answers.bytes()).isZero();
  }

  @Test
  void whatIsReplacedTakesNoRoomOfItsUser() {
    KeptAnswers.Key key = key("/1", user("a", "t1"));
    for (int i = 0; i < 20; i++) {
      assertThat(answers.keep(key, answer(LARGE / 3))).isTrue();
    }
  }

  @Test
  void anotherContractTokenOrHeaderIsAnotherQuestion() {
    answers.keep(key("/1", user("a", "t1")), answer(10));

    assertThat(answers.find(key("/1", user("a", "t1")))).isNotNull();
    assertThat(answers.find(key("/1", user("a", "t2")))).isNull();
    assertThat(answers.find(key("/1", Optional.empty()))).isNull();
    assertThat(answers.find(new KeptAnswers.Key(ROUTE, "/1", List.of("de"), user("a", "t1"))))
        .isNull();
    assertThat(answers.find(new KeptAnswers.Key(route(), "/1", List.of(), user("a", "t1"))))
        .isNull();
  }

  @Test
  void codesABodyOnceAndCountsItBeforehand() {
    String text = "{\"a\":\"" + "x".repeat(5_000) + "\"}";
    Kept kept = kept(Answer.of(200, "application/json", text.getBytes(UTF_8), Map.of()));

    assertThat(kept.bytes()).isGreaterThan(2 * text.length());
    for (ContentCoding coding : ContentCoding.values()) {
      byte[] once = kept.coded(coding);
      assertThat(kept.coded(coding)).isSameAs(once);
      assertThat(coding.decode(once, 10_000)).asString().isEqualTo(text);
    }
  }

  private static Transcoder route() {
    return Contracts.transcoder(Contracts.library(), "GET", "/library/books");
  }

  private static KeptAnswers.Key key(String target, Optional<Caller.User> user) {
    return new KeptAnswers.Key(ROUTE, target, List.of(), user);
  }

  private static Optional<Caller.User> user(String id, String token) {
    return Optional.of(new Caller.User(id, Set.of("customer"), token, Instant.MAX));
  }

  private static Kept answer(int bytes) {
    return kept(Answer.of(200, "image/png", new byte[bytes], Map.of()));
  }

  private static Kept kept(Answer answer) {
    return new Kept(
        new Representation(answer, Optional.empty()), Map.of(), 0, 0, Duration.ofSeconds(10));
  }
}
