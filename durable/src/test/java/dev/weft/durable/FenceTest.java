package dev.weft.durable;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.weft.durable.Fence.Answer;
import dev.weft.durable.Fence.Attempt;
import dev.weft.durable.Fence.Undoing;
import dev.weft.durable.Saga.Direction;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntFunction;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class FenceTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private final Database database = postgres.database();
  private final CommandId reserve = new CommandId(UuidV7.next(), "reserve", Direction.FORWARD);
  private final CommandId release = new CommandId(reserve.saga(), "reserve", Direction.BACKWARD);

  /** One product: a reservation takes from what is available, a release gives it back. */
  @BeforeEach
  void stock() {
    database.inTransactionVoid(
        tx -> {
          tx.execute(
              "CREATE TABLE IF NOT EXISTS shelf (available int NOT NULL, moves int NOT NULL)");
          tx.execute("TRUNCATE shelf, step_fence");
          tx.execute("INSERT INTO shelf VALUES (10, 0)");
        });
  }

  @AfterEach
  void time() {
    database.shiftClock(Duration.ZERO);
  }

  @Test
  void runsAStepOnceAndRepeatsItsAnswer() {
    assertThat(reserve("3 mugs")).isEqualTo("done 7");
    assertThat(reserve("3 mugs")).isEqualTo("done 7 again");
    assertShelf(7, 1);
  }

  @Test
  void remembersARefusal() {
    assertThat(reserve("11 mugs")).isEqualTo("refused 10");
    database.inTransactionVoid(tx -> tx.execute("UPDATE shelf SET available = 20"));
    assertThat(reserve("11 mugs")).isEqualTo("refused 10 again");
    assertThat(release()).isEqualTo(Undoing.NOTHING_THERE);
    assertShelf(20, 0);
  }

  @Test
  void refusesOtherContentUnderTheSameId() {
    reserve("3 mugs");
    assertThat(reserve("4 mugs")).isEqualTo("reused");
    assertShelf(7, 1);
  }

  @Test
  void refusesAnAttemptThatComesAfterItsCancellation() {
    assertThat(release()).isEqualTo(Undoing.NOTHING_THERE);
    assertThat(reserve("3 mugs")).isEqualTo("cancelled");
    assertThat(release()).isEqualTo(Undoing.ALREADY);
    assertShelf(10, 0);
  }

  @Test
  void undoesOnceWithTheReplyOfTheAttempt() {
    reserve("3 mugs");
    AtomicReference<String> seen = new AtomicReference<>();
    Undoing undoing =
        database.inTransaction(
            tx ->
                Fence.undo(
                    tx,
                    release,
                    reply -> {
                      seen.set(new String(reply, UTF_8));
                      move(tx, 3);
                    }));
    assertThat(undoing).isEqualTo(Undoing.UNDONE);
    assertThat(seen).hasValue("7");
    assertThat(release()).isEqualTo(Undoing.ALREADY);
    assertThat(reserve("3 mugs")).isEqualTo("cancelled");
    assertShelf(10, 2);
  }

  @Test
  void takesTheCommandOfTheStepItselfForItsUndoing() {
    reserve("3 mugs");
    assertThat(undo(reserve)).isEqualTo(Undoing.UNDONE);
    assertShelf(10, 2);
  }

  @Test
  void remembersNothingOfAnEffectThatThrows() {
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                database.inTransaction(
                    tx ->
                        Fence.attempt(
                            tx,
                            reserve,
                            hash("3 mugs"),
                            () -> {
                              move(tx, -3);
                              throw new IllegalStateException("no");
                            })));
    assertShelf(10, 0);
    assertThat(reserve("3 mugs")).isEqualTo("done 7");
  }

  @Test
  void leavesAStepAsItWasWhenItsUndoingThrows() {
    reserve("3 mugs");
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                database.inTransaction(
                    tx ->
                        Fence.undo(
                            tx,
                            release,
                            _ -> {
                              throw new IllegalStateException("sold");
                            })));
    assertThat(reserve("3 mugs")).isEqualTo("done 7 again");
  }

  @Test
  void hasOneEffectHoweverManyAttemptsComeAtOnce() throws Exception {
    List<String> answers = atOnce(8, i -> () -> reserve("3 mugs"));
    assertThat(answers).containsOnlyOnce("done 7").contains("done 7 again");
    assertThat(answers).containsOnly("done 7", "done 7 again");
    assertShelf(7, 1);
  }

  @Test
  void leavesNothingWhenAttemptsAndUndoingsRace() throws Exception {
    for (int round = 0; round < 20; round++) {
      CommandId command = new CommandId(UuidV7.next(), "reserve", Direction.FORWARD);
      atOnce(
          4, i -> i % 2 == 0 ? () -> reserve(command, "3 mugs") : () -> undo(command).toString());
      assertThat(reserve(command, "3 mugs")).isEqualTo("cancelled");
      assertThat(available()).isEqualTo(10);
    }
  }

  @Test
  void asksForALookInsteadOfGuessingWhatAVeryOldSagaDid() {
    reserve("3 mugs");
    database.shiftClock(Duration.ofDays(32));
    assertThat(reserve("3 mugs")).isEqualTo("done 7 again");
    assertThat(forget()).isEqualTo(1);
    assertThatIllegalStateException().isThrownBy(this::release).withMessageContaining("forgotten");
    assertThatIllegalStateException().isThrownBy(() -> reserve("3 mugs"));
    assertShelf(7, 1);
  }

  @Test
  void forgetsNothingYoung() {
    reserve("3 mugs");
    database.shiftClock(Duration.ofDays(30));
    assertThat(forget()).isZero();
  }

  private String reserve(String what) {
    return reserve(reserve, what);
  }

  private String reserve(CommandId command, String what) {
    int quantity = Integer.parseInt(what.substring(0, what.indexOf(' ')));
    Attempt attempt =
        database.inTransaction(
            tx ->
                Fence.attempt(
                    tx,
                    command,
                    hash(what),
                    () -> {
                      byte[] reply = text(move(tx, -quantity));
                      return reply.length > 0
                          ? new Answer.Done(reply)
                          : new Answer.Refused(text(available(tx)));
                    }));
    return switch (attempt) {
      case Attempt.Answered(Answer.Done(byte[] reply), boolean again) ->
          "done " + new String(reply, UTF_8) + (again ? " again" : "");
      case Attempt.Answered(Answer.Refused(byte[] reply), boolean again) ->
          "refused " + new String(reply, UTF_8) + (again ? " again" : "");
      case Attempt.Cancelled() -> "cancelled";
      case Attempt.Reused() -> "reused";
    };
  }

  private int forget() {
    return database.<Integer>inTransaction(tx -> Fence.forget(tx, 10));
  }

  private Undoing release() {
    return undo(release);
  }

  private Undoing undo(CommandId command) {
    return database.inTransaction(tx -> Fence.undo(tx, command, _ -> move(tx, 3)));
  }

  /** What is left, or nothing when there is not enough. */
  private static String move(Handle tx, int by) {
    return tx.createQuery(
            """
            UPDATE shelf SET available = available + :by, moves = moves + 1
             WHERE available + :by >= 0 RETURNING available::text
            """)
        .bind("by", by)
        .mapTo(String.class)
        .findOne()
        .orElse("");
  }

  private static String available(Handle tx) {
    return tx.createQuery("SELECT available::text FROM shelf").mapTo(String.class).one();
  }

  private int available() {
    return Integer.parseInt(database.read(FenceTest::available));
  }

  private void assertShelf(int available, int moves) {
    assertThat(available()).isEqualTo(available);
    assertThat(
            database.<Integer>read(
                tx -> tx.createQuery("SELECT moves FROM shelf").mapTo(Integer.class).one()))
        .isEqualTo(moves);
  }

  private static List<String> atOnce(int many, IntFunction<Callable<String>> of) throws Exception {
    List<Future<String>> running = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < many; i++) {
        running.add(threads.submit(of.apply(i)));
      }
    }
    List<String> results = new ArrayList<>();
    for (Future<String> one : running) {
      results.add(one.get());
    }
    return results;
  }

  private static byte[] hash(String what) {
    return text("hash of " + what);
  }

  private static byte[] text(String text) {
    return text.getBytes(UTF_8);
  }
}
