package dev.weft.durable;

import dev.weft.durable.Saga.Direction;
import dev.weft.durable.Saga.State;
import dev.weft.durable.Saga.StepState;
import dev.weft.durable.SagaRun.Move;
import dev.weft.durable.SagaRun.StepRecord;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/** The tables of sagas: SQL only. */
final class SagaStore {
  private final UUID owner;
  private final Map<String, SagaDefinition> definitions;

  SagaStore(UUID owner, Collection<SagaDefinition> definitions) {
    this.owner = owner;
    this.definitions =
        definitions.stream()
            .collect(Collectors.toUnmodifiableMap(d -> key(d.name(), d.version()), d -> d));
  }

  /** Writes a new saga, already in our hands when it is leased. */
  SagaRun insert(
      Handle tx, SagaDefinition definition, String subject, String data, Optional<Duration> lease) {
    UUID id = UuidV7.next();
    int inserted =
        tx.createUpdate(
                """
                INSERT INTO saga (saga_id, definition, version, subject, data, state, step, reached,
                  failures, reason, last_error, owner, token, due_at, soft_limit_at, created_at,
                  updated_at)
                VALUES (:id, :definition, :version, :subject, :data, 'RUNNING', 0, 0, 0, '', '',
                  :owner::uuid, 1, weft_now() + :lease * interval '1 ms',
                  weft_now() + :softLimit * interval '1 ms', weft_now(), weft_now())
                """)
            .bind("id", id)
            .bind("definition", definition.name())
            .bind("version", definition.version())
            .bind("subject", subject)
            .bind("data", data)
            .bind("owner", lease.map(_ -> owner).orElse(null))
            .bind("lease", lease.map(Duration::toMillis).orElse(0L))
            .bind("softLimit", definition.softLimit().toMillis())
            .execute();
    Rows.one(inserted, "saga");
    return new SagaRun(
        id,
        definition,
        subject,
        data,
        State.RUNNING,
        0,
        0,
        0,
        "",
        "",
        1,
        false,
        Map.of(),
        Set.of(),
        Set.of());
  }

  /**
   * Takes up sagas that are due, of definitions we know, at most this many; not those we are still
   * running although their lease ended, since we would only fence ourselves.
   */
  List<SagaRun> claim(Handle tx, int atMost, Duration lease, Collection<UUID> running) {
    List<Row> rows =
        tx.createQuery(
                """
                WITH due AS (
                  SELECT saga_id FROM saga
                   WHERE due_at <= weft_now() AND definition || '/' || version = ANY (:known)
                     AND saga_id <> ALL (:running)
                   ORDER BY due_at LIMIT :atMost FOR UPDATE SKIP LOCKED)
                UPDATE saga s
                   SET owner = :owner, token = token + 1,
                       -- Whoever held it fell silent in the midst of an attempt.
                       failures = failures + (s.owner IS NOT NULL)::int,
                       due_at = weft_now() + :lease * interval '1 ms'
                  FROM due WHERE s.saga_id = due.saga_id
                RETURNING s.*, s.soft_limit_at <= weft_now() AS overdue
                """)
            .bind("known", definitions.keySet().toArray(String[]::new))
            .bind("running", running.toArray(UUID[]::new))
            .bind("atMost", atMost)
            .bind("owner", owner)
            .bind("lease", lease.toMillis())
            .map((row, _) -> Row.of(row))
            .list();
    Map<UUID, List<StepRecord>> steps = steps(tx, rows);
    return rows.stream()
        .map(row -> row.toRun(definition(row), steps.getOrDefault(row.id(), List.of())))
        .toList();
  }

  /**
   * Writes a move and keeps the lease, or gives it up to wait.
   *
   * @return whether the saga is past its soft limit; nothing if it is no longer ours
   */
  Optional<Boolean> move(Handle tx, SagaRun run, Move move, Duration until) {
    Optional<Boolean> overdue =
        tx.createQuery(
                """
                UPDATE saga
                   SET state = :state, step = :step, reached = :reached, failures = :failures,
                       reason = :reason, last_error = :lastError, owner = :newOwner::uuid,
                       due_at = CASE WHEN :ended THEN NULL
                                     ELSE weft_now() + :until * interval '1 ms' END,
                       updated_at = weft_now()
                 WHERE saga_id = :id AND token = :token AND owner = :owner
                RETURNING soft_limit_at <= weft_now() AS overdue
                """)
            .bind("state", move.state().name())
            .bind("step", move.step())
            .bind("reached", move.reached())
            .bind("failures", move.failures())
            .bind("reason", move.reason())
            .bind("lastError", move.lastError())
            .bind("newOwner", move.waits() || move.state().ended() ? null : owner)
            .bind("ended", move.state().ended())
            .bind("until", until.toMillis())
            .bind("id", run.id())
            .bind("token", run.token())
            .bind("owner", owner)
            .mapTo(Boolean.class)
            .findOne();
    if (overdue.isPresent()) {
      move.record().ifPresent(record -> insert(tx, run.id(), record));
    }
    return overdue;
  }

  private static void insert(Handle tx, UUID saga, StepRecord record) {
    int inserted =
        tx.createUpdate(
                """
                INSERT INTO saga_step (saga_id, position, direction, name, state, attempts, result,
                  last_error, recorded_at)
                VALUES (:saga, :position, :direction, :name, :state, :attempts, :result, :lastError,
                  weft_now())
                """)
            .bind("saga", saga)
            .bind("position", record.position())
            .bind("direction", record.direction().name())
            .bind("name", record.name())
            .bind("state", record.state().name())
            .bind("attempts", record.attempts())
            .bind("result", record.result())
            .bind("lastError", record.lastError())
            .execute();
    Rows.one(inserted, "saga step");
  }

  /** Keeps the leases of running sagas. */
  int renew(Handle tx, Collection<UUID> running, Duration lease) {
    return tx.createUpdate(
            """
            UPDATE saga SET due_at = weft_now() + :lease * interval '1 ms'
             WHERE saga_id = ANY (:running) AND owner = :owner AND due_at IS NOT NULL
            """)
        .bind("lease", lease.toMillis())
        .bind("running", running.toArray(UUID[]::new))
        .bind("owner", owner)
        .execute();
  }

  /** Hands everything back that is still ours, for another runner to take up at once. */
  int releaseAll(Handle tx) {
    return tx.createUpdate(
            """
            UPDATE saga SET owner = NULL, due_at = weft_now()
             WHERE owner = :owner AND due_at IS NOT NULL
            """)
        .bind("owner", owner)
        .execute();
  }

  /** Makes a waiting saga due now; one that is being run stays with its runner. */
  int dueNow(Handle tx, UUID id) {
    return tx.createUpdate(
            """
            UPDATE saga SET due_at = weft_now()
             WHERE saga_id = :id AND owner IS NULL AND due_at IS NOT NULL
            """)
        .bind("id", id)
        .execute();
  }

  Optional<Saga> find(Handle tx, UUID id) {
    return views(
            tx,
            tx.createQuery("SELECT *, false AS overdue FROM saga WHERE saga_id = :id")
                .bind("id", id)
                .map((row, _) -> Row.of(row))
                .list())
        .stream()
        .findFirst();
  }

  List<Saga> ofSubject(Handle tx, String subject) {
    return views(
        tx,
        tx.createQuery(
                "SELECT *, false AS overdue FROM saga WHERE subject = :subject ORDER BY saga_id")
            .bind("subject", subject)
            .map((row, _) -> Row.of(row))
            .list());
  }

  List<Saga> list(
      Handle tx,
      Optional<State> state,
      Optional<String> definition,
      Optional<UUID> before,
      int atMost) {
    return views(
        tx,
        tx.createQuery(
                """
                SELECT *, false AS overdue FROM saga
                 WHERE (:state::text IS NULL OR state = :state)
                   AND (:definition::text IS NULL OR definition = :definition)
                   AND (:before::uuid IS NULL OR saga_id < :before::uuid)
                 ORDER BY saga_id DESC LIMIT :atMost
                """)
            .bind("state", state.map(State::name).orElse(null))
            .bind("definition", definition.orElse(null))
            .bind("before", before.orElse(null))
            .bind("atMost", atMost)
            .map((row, _) -> Row.of(row))
            .list());
  }

  Map<State, Long> countsOfUnended(Handle tx) {
    Map<State, Long> counts = new HashMap<>();
    tx.createQuery("SELECT state, count(*) AS n FROM saga WHERE due_at IS NOT NULL GROUP BY state")
        .map((row, _) -> counts.put(State.valueOf(row.getString("state")), row.getLong("n")))
        .list();
    return counts;
  }

  private SagaDefinition definition(Row row) {
    return Objects.requireNonNull(definitions.get(key(row.definition(), row.version())));
  }

  private static String key(String name, int version) {
    return name + "/" + version;
  }

  private static Map<UUID, List<StepRecord>> steps(Handle tx, List<Row> rows) {
    Map<UUID, List<StepRecord>> steps = new HashMap<>();
    if (rows.isEmpty()) {
      return steps;
    }
    tx.createQuery(
            "SELECT * FROM saga_step WHERE saga_id = ANY (:sagas) ORDER BY recorded_at, position")
        .bind("sagas", rows.stream().map(Row::id).toArray(UUID[]::new))
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

  private List<Saga> views(Handle tx, List<Row> rows) {
    Map<UUID, List<StepRecord>> steps = steps(tx, rows);
    return rows.stream()
        .map(row -> row.toSaga(stepsOf(row, steps.getOrDefault(row.id(), List.of()))))
        .toList();
  }

  /** Forward steps in their order, with those still to come; then the compensations as they ran. */
  private List<Saga.Step> stepsOf(Row row, List<StepRecord> records) {
    List<Saga.Step> all = new ArrayList<>();
    for (StepRecord record : records) {
      if (record.direction() == Direction.FORWARD) {
        all.add(viewOf(record));
      }
    }
    // A definition that this process no longer knows still shows what was recorded.
    SagaDefinition definition = definitions.get(key(row.definition(), row.version()));
    if (definition != null && !row.state().ended()) {
      List<SagaStep> steps = definition.steps();
      for (int i = all.size(); i < steps.size(); i++) {
        boolean begun = i <= row.reached();
        boolean now = row.state() == State.RUNNING && i == row.step();
        if (begun || row.state() == State.RUNNING) {
          all.add(
              new Saga.Step(
                  steps.get(i).name(),
                  Direction.FORWARD,
                  begun ? StepState.RUNNING : StepState.PENDING,
                  now ? row.failures() + 1 : begun ? 1 : 0,
                  "",
                  now ? row.lastError() : ""));
        }
      }
    }
    for (StepRecord record : records) {
      if (record.direction() == Direction.BACKWARD) {
        all.add(viewOf(record));
      }
    }
    if (definition != null && !row.state().ended() && row.state() != State.RUNNING) {
      all.add(
          new Saga.Step(
              definition.steps().get(row.step()).name(),
              Direction.BACKWARD,
              StepState.RUNNING,
              row.failures() + 1,
              "",
              row.lastError()));
    }
    return all;
  }

  private static Saga.Step viewOf(StepRecord record) {
    return new Saga.Step(
        record.name(),
        record.direction(),
        record.state(),
        record.attempts(),
        record.result(),
        record.lastError());
  }

  /** A row of the table, as it is. */
  private record Row(
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
      @Nullable Instant dueAt) {

    static Row of(ResultSet row) throws SQLException {
      java.sql.Timestamp dueAt = row.getTimestamp("due_at");
      return new Row(
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
          dueAt == null ? null : dueAt.toInstant());
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
        } else {
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
          undone);
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
          Optional.ofNullable(dueAt));
    }
  }
}
