package dev.weft.durable;

import dev.weft.durable.SagaRun.Move;
import dev.weft.durable.SagaRun.StepRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;

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
                   reason = :reason, last_error = :lastError, waits_for = NULL,
                   event_version = event_version + :news,
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
            RETURNING soft_limit_at <= weft_now() AS overdue, event_version),
          recorded AS (
            INSERT INTO saga_step (saga_id, position, direction, name, state, attempts, result,
              last_error, recorded_at)
            SELECT :id, :position, :direction, :name, :outcome, :attempts, :result, :stepError,
              weft_now() FROM moved WHERE :recorded
            -- Written before by this owner, who did not hear of the commit.
            ON CONFLICT (saga_id, position, direction) DO NOTHING)
          SELECT overdue, event_version FROM moved
          """);

  /** Takes up those that a condition names; said with it, and with what is read besides. */
  private static final String CLAIM =
      """
      WITH due AS (
        SELECT saga_id FROM saga
         WHERE %s
           AND definition || '/' || version = ANY (:known)
           AND saga_id <> ALL (:running)
         ORDER BY due_at LIMIT :atMost FOR UPDATE SKIP LOCKED),
      claimed AS (
        UPDATE saga s
           SET owner = :owner, token = token + 1,
               -- Whoever held it fell silent in the midst of an attempt.
               failures = failures + (s.owner IS NOT NULL)::int,
               waits_for = CASE WHEN s.owner IS NULL THEN waits_for END,
               due_at = weft_now() + :lease * interval '1 ms'
          FROM due WHERE s.saga_id = due.saga_id
        RETURNING s.*, s.soft_limit_at <= weft_now() AS overdue)
      """;

  // What gates there are comes along: knowing it costs no statement of its own.
  private static final String CLAIM_DUE =
      CLAIM.formatted(
              """
              (due_at <= weft_now()
               -- Later than anybody writes: the clock was set back since.
               OR due_at > weft_now() + interval '1 ms'
                 * CASE WHEN state = 'COMPENSATION_STALLED' OR waits_for IS NOT NULL
                        THEN :furthestOfStalled ELSE :furthest END)\
              """)
          + "SELECT claimed.*, g.* FROM claimed FULL JOIN (SELECT "
          + GateStore.COLUMNS
          + " FROM saga_gate) g ON false";

  private static final String CLAIM_AT =
      CLAIM.formatted("waits_for = :dependency AND owner IS NULL") + "SELECT * FROM claimed";

  private static final String AWAIT =
      """
      -- Whoever removes the gate waits for this, and then finds the saga; or this waits, and finds no gate.
      WITH gate AS (SELECT dependency FROM saga_gate WHERE dependency = :dependency FOR SHARE)
      UPDATE saga
         SET owner = NULL, waits_for = gate.dependency,
             due_at = LEAST(weft_now() + :patience * interval '1 ms',
                            CASE WHEN :limited THEN soft_limit_at END),
             updated_at = weft_now()
        FROM gate
       WHERE saga_id = :id AND token = :token AND owner = :owner
      """;

  private final UUID owner;
  private final SagaDefinitions definitions;
  private final Duration furthest;
  private final Duration furthestOfStalled;
  private final Duration furthestOfGate;
  private final Duration headStart;

  SagaStore(UUID owner, SagaDefinitions definitions, SagaSettings settings) {
    this.owner = owner;
    this.definitions = definitions;
    furthest = settings.furthest();
    furthestOfStalled = settings.backoffOfStalled().cap();
    furthestOfGate = settings.furthestOfGate(definitions.longestStep());
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
  public Claim claim(Handle tx, int atMost, Duration lease, Collection<UUID> running) {
    List<SagaRow> rows = new ArrayList<>();
    List<Gate> gates = new ArrayList<>();
    claim(tx, CLAIM_DUE, atMost, lease, running)
        .bind("furthest", 2 * furthest.toMillis())
        .bind("furthestOfStalled", 2 * furthestOfStalled.toMillis())
        .bind("furthestOfGate", furthestOfGate.toMillis())
        .map(
            (row, _) ->
                row.getString("gate") == null
                    ? rows.add(SagaRow.of(row))
                    : gates.add(GateStore.gate(row)))
        .list();
    return new Claim(runs(tx, rows), gates);
  }

  @Override
  public List<SagaRun> claimAt(
      Handle tx, String dependency, int atMost, Duration lease, Collection<UUID> running) {
    return runs(
        tx,
        claim(tx, CLAIM_AT, atMost, lease, running)
            .bind("dependency", dependency)
            .map((row, _) -> SagaRow.of(row))
            .list());
  }

  private Query claim(
      Handle tx, String statement, int atMost, Duration lease, Collection<UUID> running) {
    return tx.createQuery(statement)
        .bind("known", definitions.keys().toArray(String[]::new))
        .bind("running", running.toArray(UUID[]::new))
        .bind("atMost", atMost)
        .bind("owner", owner)
        .bind("lease", lease.toMillis());
  }

  private List<SagaRun> runs(Handle tx, List<SagaRow> rows) {
    Map<UUID, List<StepRecord>> steps = SagaRow.steps(tx, rows);
    return rows.stream()
        .map(row -> row.toRun(definition(row), steps.getOrDefault(row.id(), List.of())))
        .toList();
  }

  @Override
  public boolean await(Handle tx, SagaRun run, String dependency, Duration patience) {
    return tx.createUpdate(AWAIT)
            .bind("dependency", dependency)
            .bind("patience", patience.toMillis())
            .bind("limited", run.limited())
            .bind("id", run.id())
            .bind("token", run.token())
            .bind("owner", owner)
            .execute()
        == 1;
  }

  @Override
  public Optional<Moved> move(Handle tx, SagaRun run, Move move, Duration until) {
    Optional<StepRecord> record = move.record();
    return MOVE.on(tx)
        .set("state", move.state().name())
        .set("step", move.step())
        .set("reached", move.reached())
        .set("failures", move.failures())
        .set("reason", move.reason())
        .set("lastError", move.lastError())
        .set("news", run.isNews(move) ? 1 : 0)
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
        .atMostOne(row -> new Moved(row.getBoolean("overdue"), row.getLong("event_version")));
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

  /**
   * Makes a waiting saga due now; one that is being run stays with its runner, and one at a gate
   * there.
   */
  int dueNow(Handle tx, UUID id) {
    return tx.createUpdate(
            """
            UPDATE saga SET due_at = weft_now()
             WHERE saga_id = :id AND owner IS NULL AND due_at IS NOT NULL AND waits_for IS NULL
            """)
        .bind("id", id)
        .execute();
  }

  /** Makes all waiting sagas due now, but for those at gates. */
  int allDueNow(Handle tx) {
    return tx.createUpdate(
            """
            UPDATE saga SET due_at = weft_now()
             WHERE owner IS NULL AND due_at > weft_now() AND waits_for IS NULL
            """)
        .execute();
  }

  private SagaDefinition definition(SagaRow row) {
    return definitions.find(row.definition(), row.version()).orElseThrow();
  }
}
