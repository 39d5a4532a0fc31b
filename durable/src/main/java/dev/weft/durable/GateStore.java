package dev.weft.durable;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** The table of closed gates: SQL only. */
final class GateStore implements GateTable {
  /** A gate as it is read, whatever else the statement reads; {@code :furthestOfGate} is set. */
  static final String COLUMNS =
      """
      dependency AS gate, closing AS gate_closing, failures AS gate_failures,
      probing AS gate_probing, opening AS gate_opening,
      -- Or later than anybody writes: the clock was set back since.
      due_at <= weft_now() OR due_at > weft_now() + :furthestOfGate * interval '1 ms' AS gate_due
      """;

  private final Duration furthest;

  /**
   * @param furthest from now to beyond the latest moment that anybody writes
   */
  GateStore(Duration furthest) {
    this.furthest = furthest;
  }

  @Override
  public boolean insert(Handle tx, Gate gate, String error, Duration until) {
    return tx.createUpdate(
                """
                INSERT INTO saga_gate (dependency, closing, closed_at, failures, error, probing,
                  opening, due_at)
                VALUES (:dependency, :closing, weft_now(), 0, :error, false, 0,
                  weft_now() + :until * interval '1 ms')
                ON CONFLICT (dependency) DO NOTHING
                """)
            .bind("dependency", gate.dependency())
            .bind("closing", gate.closing())
            .bind("error", error)
            .bind("until", until.toMillis())
            .execute()
        == 1;
  }

  @Override
  public Optional<Gate> lockDue(Handle tx, String dependency) {
    return tx.createQuery(
            "SELECT "
                + COLUMNS
                + " FROM saga_gate WHERE dependency = :dependency FOR UPDATE SKIP LOCKED")
        .bind("dependency", dependency)
        .bind("furthestOfGate", furthest.toMillis())
        .map((row, _) -> gate(row))
        .findOne()
        .filter(Gate::due);
  }

  @Override
  public boolean update(Handle tx, long knownClosing, Gate gate, String error, Duration until) {
    return tx.createUpdate(
                """
                UPDATE saga_gate
                   SET closing = :closing, failures = :failures, probing = :probing,
                       opening = :opening, error = coalesce(nullif(:error, ''), error),
                       due_at = weft_now() + :until * interval '1 ms'
                 WHERE dependency = :dependency AND closing = :known
                """)
            .bind("closing", gate.closing())
            .bind("failures", gate.failures())
            .bind("probing", gate.probing())
            .bind("opening", gate.opening())
            .bind("error", error)
            .bind("until", until.toMillis())
            .bind("dependency", gate.dependency())
            .bind("known", knownClosing)
            .execute()
        == 1;
  }

  @Override
  public Duration remove(Handle tx, String dependency) {
    Duration closed =
        tx.createQuery(
                """
                DELETE FROM saga_gate WHERE dependency = :dependency
                RETURNING extract(epoch FROM weft_now() - closed_at) * 1000 AS closed
                """)
            .bind("dependency", dependency)
            .map((row, _) -> Duration.ofMillis(row.getLong("closed")))
            .one();
    // Of definitions that this process does not know, or in somebody's hands at this moment.
    tx.createUpdate(
            """
            UPDATE saga SET waits_for = NULL, due_at = weft_now()
             WHERE waits_for = :dependency AND owner IS NULL
            """)
        .bind("dependency", dependency)
        .execute();
    return closed;
  }

  /** Makes the next probe of all gates due now, but where one is under way. */
  static int allDueNow(Handle tx) {
    return tx.execute("UPDATE saga_gate SET due_at = weft_now() WHERE opening = 0 AND NOT probing");
  }

  /** All gates, with how many sagas wait at each. */
  static List<SagaGate> list(Handle tx) {
    return tx.createQuery(
            """
            SELECT g.*, (SELECT count(*) FROM saga WHERE waits_for = g.dependency) AS waiting
              FROM saga_gate g ORDER BY dependency
            """)
        .map(
            (row, _) ->
                new SagaGate(
                    row.getString("dependency"),
                    row.getInt("opening") > 0,
                    row.getTimestamp("closed_at").toInstant(),
                    row.getInt("failures"),
                    row.getString("error"),
                    row.getLong("waiting")))
        .list();
  }

  static Gate gate(ResultSet row) throws SQLException {
    return new Gate(
        row.getString("gate"),
        row.getLong("gate_closing"),
        row.getInt("gate_failures"),
        row.getBoolean("gate_probing"),
        row.getInt("gate_opening"),
        row.getBoolean("gate_due"));
  }
}
