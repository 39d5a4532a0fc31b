package dev.weft.order;

import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** The SQL of what order-svc knows of people. */
final class KnownUserStore {

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
}
