package dev.weft.durable;

import dev.weft.durable.FenceMemory.State;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** The table of fences: SQL only. */
final class FenceStore implements FenceTable {
  private static final Duration KEPT = Duration.ofDays(30);

  /** Kept beyond that, for clocks of hosts that make the ids of sagas. */
  private static final Duration SKEW = Duration.ofDays(1);

  private final Handle tx;

  FenceStore(Handle tx) {
    this.tx = tx;
  }

  @Override
  public boolean insert(CommandId step, FenceMemory memory) {
    return tx.createUpdate(
                """
                INSERT INTO step_fence (command_id, state, request_hash, reply, at)
                SELECT :step, :state, :requestHash, :reply, weft_now()
                 WHERE coalesce(:began > weft_now() - :kept * interval '1 s', true)
                ON CONFLICT DO NOTHING
                """)
            .bind("step", step.toString())
            .bind("state", memory.state().name())
            .bind("requestHash", memory.requestHash())
            .bind("reply", memory.reply())
            .bind("began", step.sagaBegan().map(at -> at.atOffset(ZoneOffset.UTC)).orElse(null))
            .bind("kept", KEPT.toSeconds())
            .execute()
        == 1;
  }

  @Override
  public Optional<FenceMemory> lock(CommandId step) {
    return tx.createQuery(
            """
            SELECT state, request_hash, reply FROM step_fence WHERE command_id = :step
               FOR NO KEY UPDATE
            """)
        .bind("step", step.toString())
        .map(
            (row, _) ->
                new FenceMemory(
                    State.valueOf(row.getString("state")),
                    row.getBytes("request_hash"),
                    row.getBytes("reply")))
        .findOne();
  }

  @Override
  public void update(CommandId step, FenceMemory memory) {
    int updated =
        tx.createUpdate(
                """
                UPDATE step_fence SET state = :state, reply = :reply, at = weft_now()
                 WHERE command_id = :step
                """)
            .bind("state", memory.state().name())
            .bind("reply", memory.reply())
            .bind("step", step.toString())
            .execute();
    Rows.one(updated, "step fence");
  }

  static int forget(Handle tx, int atMost) {
    return tx.createUpdate(
            """
            DELETE FROM step_fence WHERE ctid = ANY (ARRAY(
              SELECT ctid FROM step_fence WHERE at < weft_now() - :kept * interval '1 s'
               LIMIT :atMost))
            """)
        .bind("kept", KEPT.plus(SKEW).toSeconds())
        .bind("atMost", atMost)
        .execute();
  }
}
