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

  private static final Sql INSERT =
      Sql.of(
          """
          INSERT INTO step_fence (command_id, state, request_hash, reply, at)
          SELECT :step, :state, :requestHash, :reply, weft_now()
           WHERE coalesce(:began > weft_now() - :kept * interval '1 s', true)
          ON CONFLICT DO NOTHING
          """);

  private static final Sql LOCK =
      Sql.of(
          """
          SELECT state, request_hash, reply FROM step_fence WHERE command_id = :step
             FOR NO KEY UPDATE
          """);

  private static final Sql UPDATE =
      Sql.of(
          """
          UPDATE step_fence SET state = :state, reply = :reply, at = weft_now()
           WHERE command_id = :step
          """);

  private final Handle tx;

  FenceStore(Handle tx) {
    this.tx = tx;
  }

  @Override
  public boolean insert(CommandId step, FenceMemory memory) {
    return INSERT
            .on(tx)
            .set("step", step.toString())
            .set("state", memory.state().name())
            .set("requestHash", memory.requestHash())
            .set("reply", memory.reply())
            .set("began", step.sagaBegan().map(at -> at.atOffset(ZoneOffset.UTC)).orElse(null))
            .set("kept", KEPT.toSeconds())
            .update()
        == 1;
  }

  @Override
  public Optional<FenceMemory> lock(CommandId step) {
    return LOCK.on(tx)
        .set("step", step.toString())
        .atMostOne(
            row ->
                new FenceMemory(
                    State.valueOf(row.getString("state")),
                    row.getBytes("request_hash"),
                    row.getBytes("reply")));
  }

  @Override
  public void update(CommandId step, FenceMemory memory) {
    UPDATE
        .on(tx)
        .set("state", memory.state().name())
        .set("reply", memory.reply())
        .set("step", step.toString())
        .updateOne("step fence");
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
