package dev.weft.user;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import org.jdbi.v3.core.Handle;

/** The SQL of signing keys. */
final class SigningKeyStore {
  /** A key as it is kept. */
  record Row(
      String kid,
      String publicJwk,
      String sealedKey,
      Instant signFrom,
      Instant signUntil,
      Instant dropTime) {}

  Instant now(Handle tx) {
    return tx.createQuery("SELECT weft_now()").map((rs, _) -> instant(rs, 1)).one();
  }

  /** Keeps other instances from adding keys until the transaction ends; they may read. */
  void lock(Handle tx) {
    tx.execute("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE");
  }

  /** Keys whose signatures may still be alive, the oldest first. */
  List<Row> all(Handle tx) {
    return tx.createQuery(
            """
            SELECT kid, public_jwk, sealed_key, sign_from, sign_until, drop_time FROM signing_key
            WHERE drop_time > weft_now() ORDER BY sign_from, kid
            """)
        .map((rs, _) -> row(rs))
        .list();
  }

  void insert(Handle tx, Row row) {
    tx.createUpdate(
            """
            INSERT INTO signing_key (kid, public_jwk, sealed_key, sign_from, sign_until, drop_time)
            VALUES (:kid, :jwk, :sealed, :from, :until, :drop)
            """)
        .bind("kid", row.kid)
        .bind("jwk", row.publicJwk)
        .bind("sealed", row.sealedKey)
        .bind("from", row.signFrom)
        .bind("until", row.signUntil)
        .bind("drop", row.dropTime)
        .execute();
  }

  int sweep(Handle tx) {
    return tx.createUpdate("DELETE FROM signing_key WHERE drop_time <= weft_now()").execute();
  }

  private static Row row(ResultSet rs) throws SQLException {
    return new Row(
        rs.getString(1),
        rs.getString(2),
        rs.getString(3),
        instant(rs, 4),
        instant(rs, 5),
        instant(rs, 6));
  }

  private static Instant instant(ResultSet rs, int column) throws SQLException {
    return rs.getObject(column, OffsetDateTime.class).toInstant();
  }
}
