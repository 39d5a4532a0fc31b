package dev.weft.user;

import dev.weft.durable.Database;
import dev.weft.durable.Work;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * Takes tokens away: in the transaction of what causes it, and told to the mesh before the caller
 * gets an answer.
 */
final class Revocations {
  /** Longer than a read takes; the feed reads again soon after in any case. */
  private static final Duration TELL_WITHIN = Duration.ofMillis(300);

  private final Database database;
  private final RevocationStore store;
  private final RevocationFeed feed;
  private final UserStore users;
  private final SessionStore sessions;

  Revocations(
      Database database,
      RevocationStore store,
      RevocationFeed feed,
      UserStore users,
      SessionStore sessions) {
    this.database = database;
    this.store = store;
    this.feed = feed;
    this.users = users;
    this.sessions = sessions;
  }

  /** Runs work that revokes, and returns when the revocations are on their way to everybody. */
  <T> T inTransaction(Work<T> work) {
    T result = database.inTransaction(work);
    tell();
    return result;
  }

  /** Returns when the revocations committed so far are on their way to everybody. */
  void tell() {
    try {
      feed.catchUp(TELL_WITHIN);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Revokes one access token. Do nothing after it in the same transaction. */
  void revokeToken(Handle tx, String tokenId, Instant expiresAt) {
    store.revokeToken(tx, tokenId, expiresAt);
  }

  /**
   * Ends one login and revokes its access tokens, if it has not ended. Do nothing after it in the
   * same transaction but revoke more.
   */
  void endSession(Handle tx, UUID sessionId) {
    // Locked first: a refresh that runs at the same time adds no token behind our back.
    if (sessions.lock(tx, sessionId)) {
      store.revokeSession(tx, sessionId);
      sessions.delete(tx, sessionId);
    }
  }

  /**
   * Ends all logins of a locked account and revokes all its access tokens. Do nothing after it in
   * the same transaction.
   */
  void endAll(Handle tx, UserStore.Credentials account) {
    UUID userId = account.user().id();
    sessions.deleteAll(tx, userId);
    Instant second = UserStore.now(tx).truncatedTo(ChronoUnit.SECONDS);
    // A token may be dated one second after the last time, even if that lies ahead.
    Instant latest = account.tokensAfter().plusSeconds(1);
    Instant until = second.isBefore(latest) ? latest : second;
    users.updateTokensAfter(tx, userId, until);
    store.revokeSubject(tx, userId, until);
  }
}
