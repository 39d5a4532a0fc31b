package dev.weft.order;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.shop.order.v1.CheckInvariantsResponse;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/** The SQL of the audit that goes on by itself: whose turn it is, and what it found last. */
final class AuditStore {
  /**
   * What the last check found.
   *
   * @param age of it since it began; if there was none yet, of the table
   * @param verdict empty if there was none yet
   */
  record Last(Duration age, Optional<CheckInvariantsResponse> verdict) {}

  /** The right to make the next check, and what the last one found. */
  record Turn(long number, Optional<CheckInvariantsResponse> last) {}

  Last last(Handle tx) {
    return tx.createQuery(
            "SELECT verdict, extract(epoch FROM weft_now() - checked_at) AS age FROM audit")
        .map(
            (row, _) ->
                new Last(Duration.ofMillis((long) (row.getDouble("age") * 1_000)), verdict(row)))
        .one();
  }

  /** Takes the turn if a check is due, for so long; others take over then. */
  Optional<Turn> claim(Handle tx, Duration lease) {
    return tx.createQuery(
            """
            UPDATE audit SET turn = turn + 1, due_at = weft_now() + :lease * interval '1 ms'
             WHERE due_at <= weft_now() RETURNING turn, verdict
            """)
        .bind("lease", lease.toMillis())
        .map((row, _) -> new Turn(row.getLong("turn"), verdict(row)))
        .findOne();
  }

  /** Keeps the turn for so long from now on; false if it has been taken over. */
  boolean renew(Handle tx, Turn turn, Duration lease) {
    return dueAfter(tx, turn, lease) == 1;
  }

  /** Gives a turn back that came to nothing; the next one is due after so long. */
  void giveBack(Handle tx, Turn turn, Duration rest) {
    dueAfter(tx, turn, rest);
  }

  /** Keeps what a turn found; false if it had been taken over. */
  boolean end(Handle tx, Turn turn, Instant began, CheckInvariantsResponse verdict, Duration rest) {
    return tx.createUpdate(
                """
                UPDATE audit SET verdict = :verdict, checked_at = :began,
                       due_at = weft_now() + :rest * interval '1 ms'
                 WHERE turn = :turn
                """)
            .bind("verdict", verdict.toByteArray())
            .bind("began", began)
            .bind("rest", rest.toMillis())
            .bind("turn", turn.number())
            .execute()
        == 1;
  }

  private static int dueAfter(Handle tx, Turn turn, Duration time) {
    return tx.createUpdate(
            "UPDATE audit SET due_at = weft_now() + :time * interval '1 ms' WHERE turn = :turn")
        .bind("time", time.toMillis())
        .bind("turn", turn.number())
        .execute();
  }

  private static Optional<CheckInvariantsResponse> verdict(ResultSet row) throws SQLException {
    byte @Nullable [] bytes = row.getBytes("verdict");
    try {
      return bytes == null
          ? Optional.empty()
          : Optional.of(CheckInvariantsResponse.parseFrom(bytes));
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("the verdict of the last audit cannot be read", e);
    }
  }
}
