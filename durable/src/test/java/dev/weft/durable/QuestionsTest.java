package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.durable.Event.Aggregate;
import dev.weft.durable.Event.Content;
import dev.weft.durable.Event.Origin;
import dev.weft.durable.Questions.Noted;
import dev.weft.durable.Questions.Receipt;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class QuestionsTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private static final Duration WITHIN = Duration.ofSeconds(10);

  private final Database database = postgres.database();
  private final Questions questions = new Questions("quotes");

  @BeforeEach
  void tables() {
    database.inTransactionVoid(tx -> tx.execute("TRUNCATE event_question, event_reply"));
  }

  @AfterEach
  void clock() {
    database.shiftClock(Duration.ZERO);
  }

  @Test
  void notesAQuestionOncePerKeyAndKnowsItsContent() {
    Noted first = note(questions, "key", "what?");
    Noted again = note(questions, "key", "what?");
    Noted another = note(questions, "key", "why?");

    assertThat(first.fresh()).isTrue();
    assertThat(again.fresh()).isFalse();
    assertThat(again.same()).isTrue();
    assertThat(again.id()).isEqualTo(first.id());
    assertThat(again.left()).isBetween(Duration.ofSeconds(1), WITHIN);
    assertThat(another.same()).isFalse();
    assertThat(note(new Questions("others"), "key", "why?").fresh()).isTrue();
  }

  @Test
  void keepsTheFirstReplyAndNoOther() {
    UUID id = note(questions, "key", "what?").id();

    assertThat(take(questions, reply(id, "this"))).isEqualTo(Receipt.IN_TIME);
    assertThat(take(questions, reply(id, "that"))).isEqualTo(Receipt.NOT_AWAITED);

    assertThat(text("key")).contains("this");
    Optional<Event> kept = database.read(tx -> Questions.reply(tx, id));
    assertThat(kept).isPresent();
  }

  @Test
  void takesNoReplyToWhatItDidNotAsk() {
    UUID id = note(questions, "key", "what?").id();

    assertThat(take(new Questions("others"), reply(id, "this"))).isEqualTo(Receipt.NOT_AWAITED);
    assertThat(take(questions, reply(UuidV7.next(), "this"))).isEqualTo(Receipt.NOT_AWAITED);
    assertThat(text("key")).isEmpty();
  }

  @Test
  void keepsALateReplyForAWeek() {
    UUID id = note(questions, "key", "what?").id();
    database.shiftClock(WITHIN.plusSeconds(1));
    assertThat(take(questions, reply(id, "late"))).isEqualTo(Receipt.LATE);
    assertThat(note(questions, "key", "what?").left()).isZero();

    database.shiftClock(Duration.ofDays(6));
    assertThat(forget()).isZero();
    assertThat(text("key")).contains("late");

    database.shiftClock(Duration.ofDays(8));
    assertThat(forget()).isEqualTo(1);
    assertThat(text("key")).isEmpty();
    assertThat(note(questions, "key", "what?").fresh()).isTrue();
  }

  private Noted note(Questions whose, String key, String request) {
    return database.inTransaction(
        tx -> whose.note(tx, key, UuidV7.next(), request.getBytes(StandardCharsets.UTF_8), WITHIN));
  }

  private Receipt take(Questions whose, Event reply) {
    return database.inTransaction(tx -> whose.take(tx, reply));
  }

  private Optional<String> text(String key) {
    return database
        .read(tx -> questions.reply(tx, key))
        .map(reply -> new String(reply.content().bytes(), StandardCharsets.UTF_8));
  }

  private int forget() {
    return database.inTransaction(tx -> Questions.forget(tx, 10));
  }

  private static Event reply(UUID request, String text) {
    return new Event(
        7,
        UuidV7.next(),
        "carrier-svc",
        "shop.quote.given",
        1,
        new Aggregate("shop.quote", request.toString(), 1),
        new Content("text/plain", "", text.getBytes(StandardCharsets.UTF_8)),
        new Origin("request-1", Optional.of(request), Optional.empty()),
        Instant.parse("2026-11-21T10:00:00Z"));
  }
}
