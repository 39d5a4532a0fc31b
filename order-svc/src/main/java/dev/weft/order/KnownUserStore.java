package dev.weft.order;

import dev.weft.events.Cause;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** The SQL of what order-svc knows of people. */
final class KnownUserStore {

  /**
   * A deleted person whose PENDING orders are still to be called off.
   *
   * @param cause the deletion
   */
  record Farewell(UUID userId, Cause cause) {}

  /** Notes where an account stands. */
  void put(Handle tx, UUID id, UserState state) {
    tx.execute(
        """
        INSERT INTO known_user (user_id, state) VALUES (?, ?)
        ON CONFLICT (user_id) DO UPDATE SET state = excluded.state
        """,
        id,
        state.name());
  }

  /** Notes that the orders of a deleted person are to be called off. */
  void add(Handle tx, Farewell farewell) {
    tx.execute(
        """
        INSERT INTO farewell (user_id, correlation_id, event_id, traceparent) VALUES (?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """,
        farewell.userId(),
        farewell.cause().correlationId(),
        farewell.cause().eventId().orElse(null),
        farewell.cause().traceparent());
  }

  /**
   * Any one that nobody else is at, locked until the transaction ends: one that cannot be ended
   * holds up no other.
   */
  Optional<Farewell> lockAny(Handle tx) {
    return tx.createQuery("SELECT * FROM farewell ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED")
        .map(
            (row, _) ->
                new Farewell(
                    row.getObject("user_id", UUID.class),
                    new Cause(
                        row.getString("correlation_id"),
                        Optional.ofNullable(row.getObject("event_id", UUID.class)),
                        row.getString("traceparent"))))
        .findOne();
  }

  void remove(Handle tx, Farewell farewell) {
    tx.execute("DELETE FROM farewell WHERE user_id = ?", farewell.userId());
  }
}
