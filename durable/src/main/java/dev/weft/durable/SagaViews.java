package dev.weft.durable;

import dev.weft.durable.Saga.Direction;
import dev.weft.durable.Saga.State;
import dev.weft.durable.Saga.StepState;
import dev.weft.durable.SagaRun.StepRecord;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** Sagas as operators see them: SQL only. */
final class SagaViews {
  private final SagaDefinitions definitions;

  SagaViews(SagaDefinitions definitions) {
    this.definitions = definitions;
  }

  Optional<Saga> find(Handle tx, UUID id) {
    return views(
            tx,
            tx.createQuery("SELECT *, false AS overdue FROM saga WHERE saga_id = :id")
                .bind("id", id)
                .map((row, _) -> SagaRow.of(row))
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
            .map((row, _) -> SagaRow.of(row))
            .list());
  }

  List<Saga> ofSubjects(Handle tx, String definition, Collection<String> subjects) {
    return views(
        tx,
        tx.createQuery(
                """
                SELECT *, false AS overdue FROM saga
                 WHERE definition = :definition AND subject = ANY (:subjects) ORDER BY saga_id
                """)
            .bind("definition", definition)
            .bind("subjects", subjects.toArray(String[]::new))
            .map((row, _) -> SagaRow.of(row))
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
            .map((row, _) -> SagaRow.of(row))
            .list());
  }

  Map<State, Long> countsOfUnended(Handle tx) {
    Map<State, Long> counts = new HashMap<>();
    tx.createQuery("SELECT state, count(*) AS n FROM saga WHERE due_at IS NOT NULL GROUP BY state")
        .map((row, _) -> counts.put(State.valueOf(row.getString("state")), row.getLong("n")))
        .list();
    return counts;
  }

  int waiting(Handle tx, int atMost) {
    return tx.createQuery(
            """
            SELECT count(*) FROM
              (SELECT FROM saga WHERE due_at <= weft_now() AND owner IS NULL LIMIT :atMost) due
            """)
        .bind("atMost", atMost)
        .mapTo(Integer.class)
        .one();
  }

  private List<Saga> views(Handle tx, List<SagaRow> rows) {
    Map<UUID, List<StepRecord>> steps = SagaRow.steps(tx, rows);
    return rows.stream()
        .map(row -> row.toSaga(stepsOf(row, steps.getOrDefault(row.id(), List.of()))))
        .toList();
  }

  /** Forward steps in their order, with those still to come; then the compensations as they ran. */
  private List<Saga.Step> stepsOf(SagaRow row, List<StepRecord> records) {
    List<Saga.Step> all = new ArrayList<>();
    for (StepRecord record : records) {
      if (record.direction() == Direction.FORWARD) {
        all.add(viewOf(record));
      }
    }
    // A definition that this process no longer knows still shows what was recorded.
    List<SagaStep> steps =
        definitions
            .find(row.definition(), row.version())
            .map(SagaDefinition::steps)
            .orElse(List.of());
    if (!row.state().ended()) {
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
    if (!steps.isEmpty() && !row.state().ended() && row.state() != State.RUNNING) {
      all.add(
          new Saga.Step(
              steps.get(row.step()).name(),
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
}
