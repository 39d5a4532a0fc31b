package dev.weft.user;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** The SQL of logins and of the access tokens that came from them. */
final class SessionStore {
  /**
   * One login, found by one of its refresh tokens.
   *
   * @param current whether that is the one that has not been used yet
   */
  record Session(UUID id, UUID userId, boolean current) {}

  void insert(Handle tx, UUID id, UUID userId, RefreshToken token, Instant now, Instant expiry) {
    tx.createUpdate(
            """
            INSERT INTO session (session_id, user_id, family_hash, token_hash, create_time, expire_time)
            VALUES (:id, :user, :family, :token, :now, :expiry)
            """)
        .bind("id", id)
        .bind("user", userId)
        .bind("family", token.familyHash())
        .bind("token", token.secretHash())
        .bind("now", now)
        .bind("expiry", expiry)
        .execute();
  }

  /** The login a token belongs to, used or not; not one that has expired. */
  Optional<Session> find(Handle tx, RefreshToken token) {
    return tx.createQuery(
            """
            SELECT session_id, user_id, token_hash = :token AS current FROM session
            WHERE family_hash = :family AND expire_time > weft_now()
            """)
        .bind("family", token.familyHash())
        .bind("token", token.secretHash())
        .map((rs, _) -> session(rs))
        .findOne();
  }

  /** Replaces an unused token by the next; false if somebody was faster. */
  boolean rotate(Handle tx, UUID id, RefreshToken used, RefreshToken next) {
    return tx.createUpdate(
                "UPDATE session SET token_hash = :next WHERE session_id = :id AND token_hash = :used")
            .bind("next", next.secretHash())
            .bind("id", id)
            .bind("used", used.secretHash())
            .execute()
        == 1;
  }

  /** Remembers an access token until it expires. */
  void addAccessToken(Handle tx, UUID sessionId, AccessToken token) {
    tx.createUpdate(
            "INSERT INTO access_token (token_id, session_id, expire_time) VALUES (:id, :session, :expiry)")
        .bind("id", token.id())
        .bind("session", sessionId)
        .bind("expiry", token.expiresAt())
        .execute();
  }

  /** Access tokens of one login that have not expired. */
  int liveAccessTokens(Handle tx, UUID sessionId) {
    return tx.createQuery(
            "SELECT count(*) FROM access_token"
                + " WHERE session_id = :session AND expire_time > weft_now()")
        .bind("session", sessionId)
        .mapTo(Integer.class)
        .one();
  }

  /** Locks a login, so that it can neither end nor be refreshed; false if it has ended. */
  boolean lock(Handle tx, UUID sessionId) {
    return tx.createQuery("SELECT true FROM session WHERE session_id = :id FOR UPDATE")
        .bind("id", sessionId)
        .mapTo(Boolean.class)
        .findOne()
        .isPresent();
  }

  void delete(Handle tx, UUID sessionId) {
    tx.createUpdate("DELETE FROM session WHERE session_id = :id").bind("id", sessionId).execute();
  }

  void deleteAll(Handle tx, UUID userId) {
    tx.createUpdate("DELETE FROM session WHERE user_id = :user").bind("user", userId).execute();
  }

  /** The oldest logins of a user beyond so many. */
  List<UUID> beyond(Handle tx, UUID userId, int keep) {
    return tx.createQuery(
            """
            SELECT session_id FROM session WHERE user_id = :user
             ORDER BY session_id DESC OFFSET :keep
            """)
        .bind("user", userId)
        .bind("keep", keep)
        .mapTo(UUID.class)
        .list();
  }

  /** Removes what has expired, as many rows as one statement may take. */
  int sweep(Handle tx) {
    return tx.createUpdate(
                """
                DELETE FROM access_token WHERE token_id IN
                  (SELECT token_id FROM access_token WHERE expire_time < weft_now() LIMIT 5000)
                """)
            .execute()
        + tx.createUpdate(
                """
                DELETE FROM session WHERE session_id IN
                  (SELECT session_id FROM session WHERE expire_time < weft_now() LIMIT 1000)
                """)
            .execute();
  }

  private static Session session(ResultSet rs) throws SQLException {
    return new Session(
        rs.getObject("session_id", UUID.class),
        rs.getObject("user_id", UUID.class),
        rs.getBoolean("current"));
  }
}
