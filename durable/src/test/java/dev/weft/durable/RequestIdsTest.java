package dev.weft.durable;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.durable.RequestIds.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class RequestIdsTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private final Database database = postgres.database();
  private final AtomicInteger effects = new AtomicInteger();

  @Test
  void hasOneEffectAndTheSameReplyForARequestSentTwice() {
    RequestIds.Key key = new RequestIds.Key("ann", "CreateOrder", "twice");
    assertThat(once(key, "body")).isEqualTo("fresh 1");
    assertThat(once(key, "body")).isEqualTo("replayed 1");
    assertThat(effects).hasValue(1);
    assertThat(reply(key)).hasValue("1");
    assertThat(recall(key, "body").orElseThrow()).isInstanceOf(Outcome.Replayed.class);
    assertThat(recall(key, "changed").orElseThrow()).isInstanceOf(Outcome.Reused.class);
    assertThat(recall(new RequestIds.Key("ann", "CreateOrder", "never"), "body")).isEmpty();
  }

  @Test
  void refusesAnotherBodyUnderTheSameId() {
    RequestIds.Key key = new RequestIds.Key("ann", "CreateOrder", "other body");
    once(key, "body");
    assertThat(once(key, "changed")).isEqualTo("reused");
    assertThat(effects).hasValue(1);
  }

  @Test
  void keepsPrincipalsAndMethodsApart() {
    once(new RequestIds.Key("ann", "CreateOrder", "id"), "body");
    assertThat(once(new RequestIds.Key("bob", "CreateOrder", "id"), "body")).isEqualTo("fresh 2");
    assertThat(once(new RequestIds.Key("ann", "CancelOrder", "id"), "body")).isEqualTo("fresh 3");
  }

  @Test
  void forgetsARequestWhoseEffectThrew() {
    RequestIds.Key key = new RequestIds.Key("ann", "CreateOrder", "thrown");
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                database.inTransaction(
                    tx ->
                        RequestIds.once(
                            tx,
                            key,
                            new byte[] {1},
                            () -> {
                              throw new IllegalStateException("refused");
                            })));
    assertThat(reply(key)).isEmpty();
    assertThat(once(key, "body")).isEqualTo("fresh 1");
  }

  @Test
  void saysThatARequestIsBeingServedInsteadOfWaitingForIt() throws Exception {
    RequestIds.Key key = new RequestIds.Key("ann", "CreateOrder", "slow");
    CountDownLatch serving = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> first =
          threads.submit(
              () ->
                  once(
                      key,
                      "body",
                      () -> {
                        serving.countDown();
                        await(go);
                      }));
      await(serving);
      assertThat(once(key, "body")).isEqualTo("in progress");
      go.countDown();
      assertThat(first.get(5, TimeUnit.SECONDS)).isEqualTo("fresh 1");
    }
    assertThat(once(key, "body")).isEqualTo("replayed 1");
  }

  @Test
  void leavesNothingToCompleteWhenItsProcessDiesBetweenClaimAndEffect() throws Exception {
    RequestIds.Key key = new RequestIds.Key("ann", "CreateOrder", "crash");
    CountDownLatch claimed = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Database dying = postgres.another();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Outcome> first =
          threads.submit(
              () ->
                  dying.inTransaction(
                      tx ->
                          RequestIds.once(
                              tx,
                              key,
                              "body".getBytes(UTF_8),
                              () -> {
                                claimed.countDown();
                                await(go);
                                return "never".getBytes(UTF_8);
                              })));
      await(claimed);
      assertThat(once(key, "body")).isEqualTo("in progress");
      // What PostgreSQL sees of kill -9: the session ends.
      assertThat(endOthersSessions()).isPositive();

      assertThat(once(key, "body")).isEqualTo("fresh 1");

      go.countDown();
      assertThatThrownBy(() -> first.get(5, TimeUnit.SECONDS))
          .isInstanceOf(ExecutionException.class);
    } finally {
      dying.close();
    }
    assertThat(once(key, "body")).isEqualTo("replayed 1");
    assertThat(effects).hasValue(1);
  }

  /** Of those in the midst of a transaction; returns when they have ended. */
  private int endOthersSessions() {
    return database.<Integer>read(
        tx ->
            tx.createQuery(
                    """
                    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000))
                      FROM pg_stat_activity
                     WHERE datname = current_database() AND state = 'idle in transaction'
                       AND pid <> pg_backend_pid()
                    """)
                .mapTo(Integer.class)
                .one());
  }

  @Test
  void hasOneEffectUnderARace() throws Exception {
    RequestIds.Key key = new RequestIds.Key("ann", "CreateOrder", "race");
    List<Future<String>> answers = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (int i = 0; i < 40; i++) {
        answers.add(threads.submit(() -> once(key, "body")));
      }
    }
    for (Future<String> answer : answers) {
      assertThat(answer.get()).isIn("fresh 1", "replayed 1", "in progress");
    }
    assertThat(effects).hasValue(1);
  }

  @Test
  void forgetsAfterAWeek() {
    RequestIds.Key key = new RequestIds.Key("ann", "CreateOrder", "old");
    once(key, "body");
    assertThat(forget()).isZero();
    database.shiftClock(Duration.ofDays(8));
    try {
      assertThat(forget()).isPositive();
    } finally {
      database.shiftClock(Duration.ZERO);
    }
    assertThat(reply(key)).isEmpty();
  }

  private Optional<String> reply(RequestIds.Key key) {
    return database.read(tx -> RequestIds.reply(tx, key)).map(reply -> new String(reply, UTF_8));
  }

  private Optional<Outcome> recall(RequestIds.Key key, String body) {
    return database.read(tx -> RequestIds.recall(tx, key, body.getBytes(UTF_8)));
  }

  private int forget() {
    return database.inTransaction(tx -> RequestIds.forget(tx, 1_000));
  }

  private String once(RequestIds.Key key, String body) {
    return once(key, body, () -> {});
  }

  private String once(RequestIds.Key key, String body, Runnable before) {
    Outcome outcome =
        database.inTransaction(
            tx ->
                RequestIds.once(
                    tx,
                    key,
                    body.getBytes(UTF_8),
                    () -> {
                      before.run();
                      return ("" + effects.incrementAndGet()).getBytes(UTF_8);
                    }));
    return switch (outcome) {
      case Outcome.Fresh(byte[] reply) -> "fresh " + new String(reply, UTF_8);
      case Outcome.Replayed(byte[] reply) -> "replayed " + new String(reply, UTF_8);
      case Outcome.Reused() -> "reused";
      case Outcome.InProgress() -> "in progress";
    };
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(5, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
