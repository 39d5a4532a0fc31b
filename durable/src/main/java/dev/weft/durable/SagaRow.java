package dev.weft.durable;

import dev.weft.durable.Saga.Direction;
import dev.weft.durable.Saga.State;
import dev.weft.durable.Saga.StepState;
import dev.weft.durable.SagaRun.StepRecord;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/** A row of the table, as it is. */
record SagaRow(
    UUID id,
    String definition,
    int version,
    String subject,
    String data,
    State state,
    int step,
    int reached,
    int failures,
    String reason,
    String lastError,
    long token,
    boolean overdue,
    Instant createdAt,
    Instant updatedAt,
    @Nullable Instant dueAt,
    @Nullable String waitsFor) {

  static SagaRow of(ResultSet row) throws SQLException {
    java.sql.Timestamp dueAt = row.getTimestamp("due_at");
    return new SagaRow(
        row.getObject("saga_id", UUID.class),
        row.getString("definition"),
        row.getInt("version"),
        row.getString("subject"),
        row.getString("data"),
        State.valueOf(row.getString("state")),
        row.getInt("step"),
        row.getInt("reached"),
        row.getInt("failures"),
        row.getString("reason"),
        row.getString("last_error"),
        row.getLong("token"),
        row.getBoolean("overdue"),
        row.getTimestamp("created_at").toInstant(),
        row.getTimestamp("updated_at").toInstant(),
        dueAt == null ? null : dueAt.toInstant(),
        row.getString("waits_for"));
  }

  SagaRun toRun(SagaDefinition definition, List<StepRecord> records) {
    Map<String, String> results = new HashMap<>();
    Set<String> refused = new HashSet<>();
    Set<String> undone = new HashSet<>();
    for (StepRecord record : records) {
      if (record.direction() == Direction.BACKWARD) {
        undone.add(record.name());
      } else if (record.state() == StepState.DONE) {
        results.put(record.name(), record.result());
      } else if (record.state() == StepState.REFUSED) {
        refused.add(record.name());
      }
    }
    return new SagaRun(
        id,
        definition,
        subject,
        data,
        state,
        step,
        reached,
        failures,
        reason,
        lastError,
        token,
        overdue,
        results,
        refused,
        undone,
        waitsFor != null);
  }

  Saga toSaga(List<Saga.Step> steps) {
    return new Saga(
        id,
        definition,
        version,
        subject,
        state,
        steps,
        reason.isEmpty() ? Optional.empty() : Optional.of(reason),
        createdAt,
        updatedAt,
        // One that waits for room is due before its time.
        Optional.ofNullable(dueAt).map(at -> at.isBefore(createdAt) ? createdAt : at),
        Optional.ofNullable(waitsFor));
  }

  /** What stays of the steps of these sagas, in the order it was written. */
  static Map<UUID, List<StepRecord>> steps(Handle tx, List<SagaRow> rows) {
    Map<UUID, List<StepRecord>> steps = new HashMap<>();
    if (rows.isEmpty()) {
      return steps;
    }
    tx.createQuery("SELECT * FROM saga_step WHERE saga_id = ANY (:sagas) ORDER BY ordinal")
        .bind("sagas", rows.stream().map(SagaRow::id).toArray(UUID[]::new))
        .map(
            (row, _) ->
                steps
                    .computeIfAbsent(row.getObject("saga_id", UUID.class), _ -> new ArrayList<>())
                    .add(
                        new StepRecord(
                            row.getInt("position"),
                            row.getString("name"),
                            Direction.valueOf(row.getString("direction")),
                            StepState.valueOf(row.getString("state")),
                            row.getInt("attempts"),
                            row.getString("result"),
                            row.getString("last_error"))))
        .list();
    return steps;
  }
}
