package dev.weft.user;

import dev.weft.mesh.Revocation;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * The SQL of revocations. They are written in the transaction of what causes them, as its last
 * step: from the first one to the commit, nobody else can write one.
 */
final class RevocationStore {
  /** One revocation and its place in the log. */
  record Entry(long seq, Revocation revocation) {}

  /**
   * The log as a whole.
   *
   * @param id of this log; another one after the database was made anew
   * @param seq of its last entry, which may have been swept away
   */
  record Log(UUID id, long seq) {}

  /** Revokes one access token. */
  void revokeToken(Handle tx, String tokenId, Instant tokenExpiry) {
    tx.createUpdate(
            "WITH log AS (UPDATE revocation_log SET seq = seq + 1 RETURNING seq)"
                + " INSERT INTO revocation (seq, token_id, expire_time)"
                + " SELECT seq, :token, :expiry FROM log")
        .bind("token", tokenId)
        .bind("expiry", tokenExpiry.plus(AccessToken.LEEWAY))
        .execute();
  }

  /**
   * Revokes the access tokens of one login that have not expired. Its row has to be locked, so that
   * it gets no more of them.
   */
  void revokeSession(Handle tx, UUID sessionId) {
    tx.createUpdate(
            """
            WITH live AS (
              SELECT token_id, expire_time, row_number() OVER () AS n FROM access_token
              WHERE session_id = :session AND expire_time > weft_now()),
            log AS (
              UPDATE revocation_log SET seq = seq + (SELECT count(*) FROM live) RETURNING seq)
            INSERT INTO revocation (seq, token_id, expire_time)
            SELECT log.seq - live.n + 1, token_id, expire_time + :leeway::interval FROM log, live
            """)
        .bind("session", sessionId)
        .bind("leeway", AccessToken.LEEWAY.toSeconds() + " s")
        .execute();
  }

  /** Revokes all access tokens a user was given up to and in this second. */
  void revokeSubject(Handle tx, UUID userId, Instant second) {
    tx.createUpdate(
            "WITH log AS (UPDATE revocation_log SET seq = seq + 1 RETURNING seq)"
                + " INSERT INTO revocation (seq, subject, issued_before, expire_time)"
                + " SELECT seq, :user, :second, :expiry FROM log")
        .bind("user", userId)
        .bind("second", second)
        .bind("expiry", second.plus(AccessToken.LIFE).plus(AccessToken.LEEWAY))
        .execute();
  }

  Log log(Handle tx) {
    return tx.createQuery("SELECT log_id, seq FROM revocation_log")
        .map((rs, _) -> new Log(rs.getObject(1, UUID.class), rs.getLong(2)))
        .one();
  }

  /** Entries after a place in the log, in its order. */
  List<Entry> after(Handle tx, long seq, int limit) {
    return tx.createQuery(
            """
            SELECT seq, token_id, subject, issued_before, expire_time FROM revocation
            WHERE seq > :seq ORDER BY seq LIMIT :limit
            """)
        .bind("seq", seq)
        .bind("limit", limit)
        .map((rs, _) -> entry(rs))
        .list();
  }

  /** Removes what can no longer matter, as many rows as one statement may take. */
  int sweep(Handle tx) {
    return tx.createUpdate(
            """
            DELETE FROM revocation WHERE seq IN
              (SELECT seq FROM revocation WHERE expire_time < weft_now() LIMIT 5000)
            """)
        .execute();
  }

  private static Entry entry(ResultSet rs) throws SQLException {
    Instant expiry = instant(rs, 5);
    String tokenId = rs.getString(2);
    return new Entry(
        rs.getLong(1),
        tokenId != null
            ? new Revocation.Token(tokenId, expiry)
            : new Revocation.Subject(rs.getString(3), instant(rs, 4), expiry));
  }

  private static Instant instant(ResultSet rs, int column) throws SQLException {
    return rs.getObject(column, OffsetDateTime.class).toInstant();
  }
}
