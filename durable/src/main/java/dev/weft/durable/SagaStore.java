package dev.weft.durable;

import dev.weft.durable.SagaRun.Move;
import dev.weft.durable.SagaRun.StepRecord;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** The tables of sagas as one runner reads and writes them: SQL only. */
final class SagaStore implements SagaTables {
  private static final Sql INSERT =
      Sql.of(
          """
          INSERT INTO saga (saga_id, definition, version, subject, data, state, step, reached,
            failures, reason, last_error, owner, token, due_at, soft_limit_at, created_at,
            updated_at)
          VALUES (:id, :definition, :version, :subject, :data, 'RUNNING', 0, 0, 0, '', '',
            :owner, 1, weft_now() + :lease * interval '1 ms',
            weft_now() + :softLimit * interval '1 ms', weft_now(), weft_now())
          """);

  // One statement, and of the same types whatever the move: the server keeps its plan. A lease that
  // is good for a while stays as it is, since it is renewed anyway: no index has to follow.
  private static final Sql MOVE =
      Sql.of(
          """
          WITH moved AS (
            UPDATE saga
               SET state = :state, step = :step, reached = :reached, failures = :failures,
                   reason = :reason, last_error = :lastError,
                   owner = CASE WHEN :given THEN NULL ELSE owner END,
                   due_at = CASE
                     WHEN :ended THEN NULL
                     WHEN NOT :given AND due_at > weft_now() + :until * interval '0.5 ms'
                       AND due_at <= weft_now() + :until * interval '1 ms' THEN due_at
                     ELSE weft_now() + :until * interval '1 ms' END,
                   -- Never further off than when it began, should the clock have been set back.
                   soft_limit_at = LEAST(soft_limit_at, weft_now() + :softLimit * interval '1 ms'),
                   updated_at = weft_now()
             WHERE saga_id = :id AND token = :token AND owner = :owner
            RETURNING soft_limit_at <= weft_now() AS overdue),
          recorded AS (
            INSERT INTO saga_step (saga_id, position, direction, name, state, attempts, result,
              last_error, recorded_at)
            SELECT :id, :position, :direction, :name, :outcome, :attempts, :result, :stepError,
              weft_now() FROM moved WHERE :recorded
            -- Written before by this owner, who did not hear of the commit.
            ON CONFLICT (saga_id, position, direction) DO NOTHING)
          SELECT overdue FROM moved
          """);

  private final UUID owner;
  private final SagaDefinitions definitions;
  private final Duration furthest;
  private final Duration furthestOfStalled;
  private final Duration headStart;

  SagaStore(UUID owner, SagaDefinitions definitions, SagaSettings settings) {
    this.owner = owner;
    this.definitions = definitions;
    furthest = settings.furthest();
    furthestOfStalled = settings.backoffOfStalled().cap();
    headStart = settings.headStart();
  }

  @Override
  public SagaRun insert(
      Handle tx, SagaDefinition definition, String subject, String data, Optional<Duration> lease) {
    UUID id = UuidV7.next();
    INSERT
        .on(tx)
        .set("id", id)
        .set("definition", definition.name())
        .set("version", definition.version())
        .set("subject", subject)
        .set("data", data)
        .set("owner", lease.map(_ -> owner).orElse(null))
        .set("lease", lease.orElse(headStart.negated()).toMillis())
        .set("softLimit", definition.softLimit().toMillis())
        .updateOne("saga");
    return SagaRun.begun(id, definition, subject, data);
  }

  @Override
  public List<SagaRun> claim(Handle tx, int atMost, Duration lease, Collection<UUID> running) {
    List<SagaRow> rows =
        tx.createQuery(
                """
                WITH due AS (
                  SELECT saga_id FROM saga
                   WHERE (due_at <= weft_now()
                       -- Later than anybody writes: the clock was set back since.
                       OR due_at > weft_now() + interval '1 ms'
                         * CASE state WHEN 'COMPENSATION_STALLED' THEN :furthestOfStalled
                                      ELSE :furthest END)
                     AND definition || '/' || version = ANY (:known)
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
            .bind("known", definitions.keys().toArray(String[]::new))
            .bind("running", running.toArray(UUID[]::new))
            .bind("furthest", 2 * furthest.toMillis())
            .bind("furthestOfStalled", 2 * furthestOfStalled.toMillis())
            .bind("atMost", atMost)
            .bind("owner", owner)
            .bind("lease", lease.toMillis())
            .map((row, _) -> SagaRow.of(row))
            .list();
    Map<UUID, List<StepRecord>> steps = SagaRow.steps(tx, rows);
    return rows.stream()
        .map(row -> row.toRun(definition(row), steps.getOrDefault(row.id(), List.of())))
        .toList();
  }

  @Override
  public Optional<Boolean> move(Handle tx, SagaRun run, Move move, Duration until) {
    Optional<StepRecord> record = move.record();
    return MOVE.on(tx)
        .set("state", move.state().name())
        .set("step", move.step())
        .set("reached", move.reached())
        .set("failures", move.failures())
        .set("reason", move.reason())
        .set("lastError", move.lastError())
        .set("given", move.waits() || move.state().ended())
        .set("ended", move.state().ended())
        .set("until", until.toMillis())
        .set("softLimit", run.definition().softLimit().toMillis())
        .set("id", run.id())
        .set("token", run.token())
        .set("owner", owner)
        .set("recorded", record.isPresent())
        .set("position", record.map(StepRecord::position).orElse(0))
        .set("direction", record.map(one -> one.direction().name()).orElse(""))
        .set("name", record.map(StepRecord::name).orElse(""))
        .set("outcome", record.map(one -> one.state().name()).orElse(""))
        .set("attempts", record.map(StepRecord::attempts).orElse(0))
        .set("result", record.map(StepRecord::result).orElse(""))
        .set("stepError", record.map(StepRecord::lastError).orElse(""))
        .atMostOne(row -> row.getBoolean("overdue"));
  }

  @Override
  public int renew(Handle tx, Collection<UUID> running, Duration lease) {
    return tx.createUpdate(
            """
            WITH free AS (
              -- Those that are being written hold for half a lease, and it is their turn next time.
              SELECT saga_id FROM saga
               WHERE saga_id = ANY (:running) AND owner = :owner AND due_at IS NOT NULL
                 FOR NO KEY UPDATE SKIP LOCKED)
            UPDATE saga SET due_at = weft_now() + :lease * interval '1 ms'
              FROM free WHERE saga.saga_id = free.saga_id
            """)
        .bind("lease", lease.toMillis())
        .bind("running", running.toArray(UUID[]::new))
        .bind("owner", owner)
        .execute();
  }

  @Override
  public int releaseAll(Handle tx) {
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

  /** Makes all waiting sagas due now. */
  int allDueNow(Handle tx) {
    return tx.createUpdate(
            "UPDATE saga SET due_at = weft_now() WHERE owner IS NULL AND due_at > weft_now()")
        .execute();
  }

  private SagaDefinition definition(SagaRow row) {
    return definitions.find(row.definition(), row.version()).orElseThrow();
  }
}
