package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class SagaStoreTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private static final Duration LEASE = Duration.ofMinutes(1);

  private final Database database = postgres.database();
  private final Database another = postgres.another();
  private final SagaDefinition definition =
      SagaDefinition.of(
          "order",
          1,
          List.of(
              SagaStep.compensable("reserve", _ -> StepOutcome.done(), _ -> StepOutcome.done()),
              SagaStep.pivot("capture", _ -> StepOutcome.done())),
          new NoEnding());
  private final SagaStore store =
      new SagaStore(UuidV7.next(), new SagaDefinitions(List.of(definition)), SagaSettings.DEFAULT);

  @BeforeEach
  void noSagas() {
    database.inTransactionVoid(tx -> tx.execute("TRUNCATE saga, saga_step"));
  }

  @AfterEach
  void close() {
    database.shiftClock(Duration.ZERO);
    another.close();
  }

  @Test
  void aMoveWhoseCommitNobodyHeardOfIsWrittenAgainAsIfItWereTheFirst() {
    SagaRun run = begun();
    SagaRun.Move move = run.next(new StepOutcome.Done("held"));
    assertThat(moved(run, move)).hasValue(new SagaTables.Moved(false, 0));

    assertThat(moved(run, move)).hasValue(new SagaTables.Moved(false, 0));

    assertThat(records(run.id())).containsExactly("reserve DONE held");
  }

  @Test
  void aMoveLeavesALeaseAsItIsUntilHalfOfItIsOver() {
    SagaRun run = begun();
    Instant before = dueAt(run);

    moved(run, run.next(new StepOutcome.Done("held")));
    assertThat(dueAt(run)).isEqualTo(before);

    database.shiftClock(LEASE.dividedBy(2).plusSeconds(1));
    moved(run, run.next(new StepOutcome.Done("held")));
    assertThat(dueAt(run)).isAfter(before.plus(LEASE.dividedBy(2)));
  }

  @Test
  void aMoveShortensALeaseFromBeforeTheClockWasSetBack() {
    database.shiftClock(Duration.ofHours(1));
    SagaRun run = begun();
    Instant before = dueAt(run);
    database.shiftClock(Duration.ZERO);

    moved(run, run.next(new StepOutcome.Done("held")));

    assertThat(dueAt(run)).isBefore(before.minus(Duration.ofMinutes(59)));
  }

  @Test
  void aSoftLimitFromBeforeTheClockWasSetBackIsNoFurtherThanANewOne() {
    database.shiftClock(Duration.ofHours(1));
    SagaRun run = begun();
    database.shiftClock(Duration.ZERO);
    SagaRun waiting = tryAgain(run);

    database.shiftClock(definition.softLimit().plusSeconds(1));

    assertThat(moved(waiting, waiting.next(new StepOutcome.Unknown("lost"))))
        .hasValue(new SagaTables.Moved(true, 0));
  }

  @Test
  void aLeaseThatCannotBeRenewedNowHoldsNoOtherUp() {
    SagaRun busy = begun();
    SagaRun free = begun();
    Set<UUID> both = Set.of(busy.id(), free.id());

    int renewed =
        another.inTransaction(
            tx -> {
              tx.execute("SELECT FROM saga WHERE saga_id = ? FOR UPDATE", busy.id());
              return CompletableFuture.supplyAsync(
                      () -> database.inTransaction(other -> store.renew(other, both, LEASE)))
                  .join();
            });

    assertThat(renewed).isOne();
  }

  @Test
  void aNewSagaWithoutRoomGoesBeforeThoseThatCameBackButNotForEver() {
    Duration headStart = SagaSettings.DEFAULT.headStart();
    UUID first = waitingSince(Duration.ZERO);
    UUID back = waitingSince(headStart.dividedBy(2));
    UUID longAgo = waitingSince(headStart.multipliedBy(2));
    UUID fresh =
        database.inTransaction(
            tx -> store.insert(tx, definition, "one", "", Optional.empty()).id());

    assertThat(List.of(claimOne(), claimOne(), claimOne(), claimOne()))
        .containsExactly(longAgo, fresh, back, first);
  }

  private UUID waitingSince(Duration ago) {
    UUID id = begun().id();
    database.inTransactionVoid(
        tx ->
            tx.execute(
                "UPDATE saga SET owner = NULL, due_at = weft_now() - ? * interval '1 ms'"
                    + " WHERE saga_id = ?",
                ago.toMillis(),
                id));
    return id;
  }

  private UUID claimOne() {
    return database
        .inTransaction(tx -> store.claim(tx, 1, SagaSettings.DEFAULT.lease(), Set.of()))
        .sagas()
        .getFirst()
        .id();
  }

  private SagaRun begun() {
    return database.inTransaction(
        tx -> store.insert(tx, definition, "one", "", Optional.of(LEASE)));
  }

  /** The same run after an attempt of unknown outcome, still leased. */
  private SagaRun tryAgain(SagaRun run) {
    SagaRun.Move move = run.next(new StepOutcome.Unknown("lost"));
    SagaRun.Move keeps =
        new SagaRun.Move(
            move.state(),
            move.step(),
            move.reached(),
            move.failures(),
            move.reason(),
            move.lastError(),
            move.record(),
            false,
            false);
    moved(run, keeps);
    return run.after(keeps, false);
  }

  private Optional<SagaTables.Moved> moved(SagaRun run, SagaRun.Move move) {
    return database.inTransaction(tx -> store.move(tx, run, move, LEASE));
  }

  private Instant dueAt(SagaRun run) {
    return database.read(
        tx ->
            tx.select("SELECT due_at FROM saga WHERE saga_id = ?", run.id())
                .mapTo(Instant.class)
                .one());
  }

  private List<String> records(UUID saga) {
    return database.read(
        tx ->
            tx.select(
                    "SELECT name || ' ' || state || ' ' || result FROM saga_step WHERE saga_id = ?",
                    saga)
                .mapTo(String.class)
                .list());
  }

  private static final class NoEnding implements SagaDefinition.Ending {
    @Override
    public void completed(Handle tx, StepContext last) {}

    @Override
    public void compensated(Handle tx, StepContext last, String reason) {}
  }
}
