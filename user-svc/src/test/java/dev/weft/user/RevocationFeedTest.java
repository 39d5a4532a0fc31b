package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.weft.durable.Database;
import dev.weft.mesh.Revocation;
import dev.weft.testkit.PostgresExtension;
import dev.weft.user.RevocationFeed.Batch;
import dev.weft.user.RevocationFeed.Cursor;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.JdbiException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class RevocationFeedTest {
  private static final Duration SOON = Duration.ofSeconds(5);

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  private final RevocationStore store = new RevocationStore();
  private final Instant expiry =
      Instant.now().plus(Duration.ofMinutes(5)).truncatedTo(ChronoUnit.SECONDS);
  private final RevocationFeed feed =
      new RevocationFeed(postgres.database(), store, InstantSource.system());

  @BeforeEach
  void begin() {
    postgres
        .database()
        .inTransactionVoid(
            tx -> {
              tx.execute("DELETE FROM revocation");
              tx.execute("UPDATE revocation_log SET log_id = gen_random_uuid(), seq = 0");
            });
    feed.start();
  }

  @AfterEach
  void end() {
    feed.close();
  }

  @Test
  void tellsTheBacklogInItsOrder() throws InterruptedException {
    revoke("a");
    UUID subject = UUID.randomUUID();
    Instant second = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    postgres.database().inTransactionVoid(tx -> store.revokeSubject(tx, subject, second));
    revoke("b");

    assertThat(feed.catchUp(SOON)).isTrue();
    List<Revocation> told = feed.after(Cursor.START, Duration.ZERO).revocations();
    assertThat(told).hasSize(3);
    assertThat(told.get(0)).isEqualTo(new Revocation.Token("a", expiry.plus(AccessToken.LEEWAY)));
    assertThat(told.get(1))
        .isEqualTo(
            new Revocation.Subject(
                subject.toString(),
                second,
                second.plus(AccessToken.LIFE).plus(AccessToken.LEEWAY)));
    assertThat(told.get(2)).extracting("tokenId").isEqualTo("b");
  }

  @Test
  void continuesWhereTheCursorStands() throws InterruptedException {
    revoke("a");
    feed.catchUp(SOON);
    Batch first = feed.after(Cursor.START, Duration.ZERO);
    revoke("b");
    feed.catchUp(SOON);

    Batch second = feed.after(Cursor.parse(first.next().text()), SOON);
    assertThat(ids(second)).containsExactly("b");
    assertThat(feed.after(second.next(), Duration.ZERO).revocations()).isEmpty();
  }

  @Test
  void hearsOfOtherInstancesByItself() throws InterruptedException {
    feed.catchUp(SOON);
    Cursor end = feed.after(Cursor.START, Duration.ZERO).next();
    Database another = postgres.anotherDatabase();
    another.inTransactionVoid(tx -> store.revokeToken(tx, "elsewhere", expiry));

    assertThat(ids(feed.after(end, SOON))).containsExactly("elsewhere");
  }

  @Test
  void missesNothingThatIsCommittedLate() {
    Database another = postgres.anotherDatabase();
    postgres
        .database()
        .inTransactionVoid(
            tx -> {
              store.revokeToken(tx, "first", expiry);
              // No greater number can be committed while this one is not.
              assertThatExceptionOfType(JdbiException.class)
                  .isThrownBy(
                      () ->
                          inAnotherThread(
                              () ->
                                  another.inTransactionVoid(
                                      tx2 -> store.revokeToken(tx2, "second", expiry))))
                  .withMessageContaining("lock timeout");
            });
    revoke("third");

    assertThat(ids(caughtUp())).containsExactly("first", "third");
  }

  @Test
  void beginsAgainForACursorItDoesNotKnow() {
    revoke("a");
    Batch all = caughtUp();

    assertThat(ids(after(Cursor.parse("nonsense")))).containsExactly("a");
    assertThat(ids(after(Cursor.parse("")))).containsExactly("a");
    assertThat(ids(after(Cursor.parse(all.next().logId() + ".x")))).containsExactly("a");
    assertThat(ids(after(new Cursor(UUID.randomUUID(), 1)))).containsExactly("a");
    assertThat(ids(after(new Cursor(all.next().logId(), 99)))).containsExactly("a");
  }

  @Test
  void beginsAgainWhenTheDatabaseIsAnotherOne() {
    revoke("a");
    Cursor before = caughtUp().next();
    postgres
        .database()
        .inTransactionVoid(
            tx -> {
              tx.execute("DELETE FROM revocation");
              tx.execute("UPDATE revocation_log SET log_id = gen_random_uuid(), seq = 0");
              store.revokeToken(tx, "b", expiry);
            });
    caughtUp();

    assertThat(ids(after(before))).containsExactly("b");
  }

  @Test
  void forgetsWhatHasExpired() {
    postgres
        .database()
        .inTransactionVoid(
            tx -> {
              store.revokeToken(tx, "old", Instant.now().minus(Duration.ofHours(1)));
              store.revokeToken(tx, "new", expiry);
            });

    assertThat(ids(caughtUp())).containsExactly("new");
    assertThat(postgres.database().inTransaction(store::sweep)).isEqualTo(1);
  }

  @Test
  void tellsManyInBatches() {
    postgres
        .database()
        .inTransactionVoid(
            tx -> {
              for (int i = 0; i < 1_200; i++) {
                store.revokeToken(tx, "t" + i, expiry);
              }
            });

    Batch first = caughtUp();
    Batch second = after(first.next());
    Batch third = after(second.next());
    assertThat(first.revocations()).hasSize(500);
    assertThat(second.revocations()).hasSize(500);
    assertThat(third.revocations()).hasSize(200);
  }

  @Test
  void doesNotTellBeforeItKnows() {
    RevocationFeed unread = new RevocationFeed(postgres.database(), store, InstantSource.system());

    assertThatExceptionOfType(RevocationFeed.StaleException.class)
        .isThrownBy(() -> unread.after(Cursor.START, Duration.ZERO));
  }

  private void revoke(String tokenId) {
    postgres.database().inTransactionVoid(tx -> store.revokeToken(tx, tokenId, expiry));
  }

  private Batch caughtUp() {
    try {
      assertThat(feed.catchUp(SOON)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return after(Cursor.START);
  }

  private Batch after(Cursor cursor) {
    try {
      return feed.after(cursor, Duration.ZERO);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<String> ids(Batch batch) {
    return batch.revocations().stream()
        .map(revocation -> ((Revocation.Token) revocation).tokenId())
        .toList();
  }

  /** A transaction of another process has another thread, too. */
  private static void inAnotherThread(Runnable work) {
    Throwable[] thrown = new Throwable[1];
    Thread thread = Thread.ofVirtual().unstarted(work);
    thread.setUncaughtExceptionHandler((_, e) -> thrown[0] = e);
    thread.start();
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    if (thrown[0] instanceof RuntimeException e) {
      throw e;
    }
  }
}
