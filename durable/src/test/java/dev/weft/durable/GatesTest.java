package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Gates.Through;
import dev.weft.durable.Saga.Direction;
import dev.weft.durable.Saga.State;
import dev.weft.durable.StepOutcome.Refused;
import dev.weft.durable.StepOutcome.Unknown;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Sagas that need a service that is away. */
class GatesTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private static final Duration MINUTES = Duration.ofMinutes(10);
  private static final SagaSettings QUICK =
      new SagaSettings(
          8,
          Duration.ofMillis(600),
          Duration.ofMillis(100),
          Duration.ofMillis(5),
          Duration.ofMillis(40));
  private static final Unknown AWAY = new Unknown("UNAVAILABLE", Duration.ZERO, true);

  private final Database database = postgres.database();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private final Service goods = new Service();
  private final Service money = new Service();
  private final SagaDefinition reserving =
      definition("reserving", goods.step("reserve").calling("goods"));
  private final SagaDefinition paying =
      definition("paying", SagaStep.check("look", money::call).calling("money"));
  private final SagaDefinition ordering =
      definition(
          "ordering",
          goods.step("reserve").calling("goods"),
          money.step("authorize").calling("money"),
          SagaStep.pivot("capture", _ -> declined()));

  // Whose probe may take as long as gates are kept closed here.
  private final SagaDefinition slow =
      definition("slow", SagaStep.check("look", money::call).calling("money").within(MINUTES));
  private final List<SagaDefinition> definitions = List.of(reserving, paying, ordering, slow);

  private Duration shifted = Duration.ZERO;
  private volatile Runnable beforeCapture = () -> {};

  @BeforeEach
  void nothing() {
    database.inTransactionVoid(tx -> tx.execute("TRUNCATE saga, saga_step, saga_gate"));
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable closeable : opened.reversed()) {
      closeable.close();
    }
    database.shiftClock(Duration.ZERO);
  }

  @Test
  void closesAfterSomeAttemptsInARowAndOpensWhenOneComesThrough() {
    goods.away = true;
    SagaRunner runner = runner(database);
    UUID first = begin(runner, reserving, 1).getFirst();
    await().until(() -> runner.gates().size() == 1);

    SagaGate gate = runner.gates().getFirst();
    assertThat(gate.dependency()).isEqualTo("goods");
    assertThat(gate.opening()).isFalse();
    assertThat(gate.error()).isEqualTo("UNAVAILABLE");
    assertThat(goods.calls).hasValueGreaterThanOrEqualTo(Gates.CLOSED_AFTER);

    goods.away = false;
    assertThat(ended(runner, first).state()).isEqualTo(State.COMPLETED);
    await().until(() -> runner.gates().isEmpty());
  }

  @Test
  void aFailureOfOneSagaClosesNothing() {
    goods.answer = new Unknown("INTERNAL");
    SagaRunner runner = runner(database);
    begin(runner, reserving, 1);
    await().until(() -> goods.calls.get() > 2 * Gates.CLOSED_AFTER);

    assertThat(runner.gates()).isEmpty();
  }

  @Test
  void sagasOfAnotherProcessWaitWithoutACall() {
    closeForLong("goods");
    List<UUID> sagas = begin(idle(), reserving, 5);
    Database other = another();
    SagaRunner runner = runner(other);

    await().until(() -> runner.gates().getFirst().waiting() == 5);

    assertThat(goods.calls).hasValue(0);
    assertThat(sagas)
        .allSatisfy(
            id -> {
              Saga saga = runner.find(id).orElseThrow();
              assertThat(saga.waitsFor()).hasValue("goods");
              assertThat(saga.steps().getFirst().attempts()).isEqualTo(1);
            });
  }

  @Test
  void aSagaThatNeedsAnotherServiceGoesOn() {
    closeForLong("goods");
    SagaRunner runner = runner(database);

    assertThat(ended(runner, begin(runner, paying, 1).getFirst()).state())
        .isEqualTo(State.COMPLETED);
  }

  @Test
  void ofAThousandThatWaitOneAtATimeCallsAndThenAllComeThrough() {
    goods.away = true;
    List<UUID> sagas = begin(idle(), reserving, 1_000);
    letWait("goods");
    close("goods", Duration.ZERO);
    CountDownLatch answers = new CountDownLatch(1);
    goods.answers = answers;
    SagaRunner one = runner(database);
    SagaRunner other = runner(another());
    await().until(() -> goods.calls.get() > 0);

    // While a probe is under way nobody else calls, in neither process.
    await().during(Duration.ofMillis(400)).until(() -> goods.calls.get() == 1);
    answers.countDown();
    await().until(() -> goods.calls.get() >= 12);
    assertThat(goods.mostAtOnce).hasValue(1);
    assertThat(attempts()).isLessThanOrEqualTo(goods.calls.get());

    goods.away = false;
    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> one.countsOfUnended().isEmpty() && other.gates().isEmpty());
    assertThat(one.find(sagas.getLast()).orElseThrow().state()).isEqualTo(State.COMPLETED);
  }

  @Test
  void opensTwiceAsWideEachTime() {
    begin(idle(), reserving, 200);
    letWait("goods");
    close("goods", Duration.ZERO);
    Gates gates = gates(database);

    Through probe = turn(gates);
    assertThat(probe.sagas()).hasSize(1);
    gates.heard(probe.sagas().getFirst(), StepOutcome.done(), probe.pass());

    assertThat(IntStream.range(0, 8).map(_ -> turnAfter(gates, Gates.SLICE)))
        .containsExactly(2, 4, 8, 16, 32, 64, 64, 200 - 191);
    assertThat(idle().gates()).isEmpty();
  }

  @Test
  void opensToAProbeThatFailsForAnotherReason() {
    begin(idle(), reserving, 3);
    letWait("goods");
    close("goods", Duration.ZERO);
    Gates gates = gates(database);
    Through probe = turn(gates);

    gates.heard(
        probe.sagas().getFirst(), new Unknown("too many want the same product"), probe.pass());

    assertThat(turnAfter(gates, Gates.SLICE)).isEqualTo(2);
  }

  @Test
  void opensNoWiderThanAProcessHasRoom() {
    begin(idle(), reserving, 20);
    letWait("goods");
    close("goods", Duration.ZERO);
    Gates gates = gates(database);
    Through probe = turn(gates);
    gates.heard(probe.sagas().getFirst(), StepOutcome.done(), probe.pass());

    assertThat(gates.turn("goods", 1, Set.of()).sagas()).hasSize(1);
    assertThat(turnAfter(gates, Gates.SLICE)).isEqualTo(2);
  }

  @Test
  void closesAgainWhenThoseWhoFollowTheProbeFindItAway() {
    begin(idle(), reserving, 50);
    letWait("goods");
    close("goods", Duration.ZERO);
    Gates gates = gates(database);
    Through probe = turn(gates);
    gates.heard(probe.sagas().getFirst(), StepOutcome.done(), probe.pass());
    Through two = turn(gates);
    database.shiftClock(Gates.SLICE);
    Through four = turn(gates);
    assertThat(four.sagas()).hasSize(4);

    Stream.concat(two.sagas().stream(), four.sagas().stream())
        .forEach(saga -> gates.heard(saga, AWAY, two.pass()));

    assertThat(idle().gates().getFirst().opening()).isFalse();
    // Those who came through before have to wait again.
    assertThat(gates.before(two.sagas().getFirst(), two.pass())).isPresent();
    assertThat(turnAfter(gates, MINUTES)).isEqualTo(1);
  }

  @Test
  void aProbeThatIsLostIsFollowedByAnotherOneOnceItsTimeIsOver() {
    begin(idle(), reserving, 5);
    letWait("goods");
    close("goods", Duration.ZERO);
    Through lost = turn(gates(database));
    assertThat(lost.sagas()).hasSize(1);
    Duration patience = lost.sagas().getFirst().current().timeout().plus(QUICK.lease());
    database.shiftClock(patience.minusMillis(500));
    assertThat(turn(gates(database)).sagas()).isEmpty();
    database.shiftClock(patience.plusMillis(100));
    Through next = turn(gates(database));

    assertThat(turn(gates(database)).sagas()).isEmpty();
    assertThat(next.sagas()).hasSize(1).doesNotContainAnyElementsOf(lost.sagas());
  }

  @Test
  void aGateOfAClockThatWasSetBackSinceHasItsTurnNow() {
    begin(idle(), reserving, 5);
    letWait("goods");
    close("goods", MINUTES.plusMinutes(1));

    assertThat(turn(gates(database)).sagas()).hasSize(1);
  }

  @Test
  void aSagaThatWaitsTurnsBackAtItsSoftLimitWithoutACall() {
    closeForLong("money");
    UUID id = begin(idle(), paying, 1).getFirst();
    SagaRunner runner = runner(database);
    await().until(() -> runner.find(id).orElseThrow().waitsFor().isPresent());

    database.shiftClock(paying.softLimit());

    Saga saga = ended(runner, id);
    assertThat(saga.reason()).hasValue(SagaDefinition.TIMED_OUT);
    assertThat(saga.steps().getFirst().attempts()).isZero();
    assertThat(money.calls).hasValue(0);
  }

  @Test
  void anUndoingThatWaitsLongIsShownAndHoldsUpNoOther() {
    SagaRunner runner = runner(database);
    // Before the undoing begins, the runner knows that the gate is closed.
    beforeCapture =
        () -> {
          closeForLong("money");
          UUID witness = begin(idle(), paying, 1).getFirst();
          await().until(() -> runner.find(witness).orElseThrow().waitsFor().isPresent());
        };

    UUID id = begin(runner, ordering, 1).getFirst();

    await().until(() -> runner.find(id).orElseThrow().state() == State.COMPENSATION_STALLED);
    await().until(() -> goods.undone.get() == 1);
    await().until(() -> runner.find(id).orElseThrow().waitsFor().isPresent());
    assertThat(money.undone).hasValue(0);
    assertThat(runner.find(id).orElseThrow().steps())
        .filteredOn(step -> step.name().equals("authorize"))
        .filteredOn(step -> step.direction() == Direction.BACKWARD)
        .singleElement()
        .satisfies(step -> assertThat(step.attempts()).isEqualTo(1));

    database.inTransactionVoid(
        tx -> tx.execute("UPDATE saga_gate SET probing = false, due_at = weft_now()"));
    assertThat(ended(runner, id).state()).isEqualTo(State.COMPENSATED);
    assertThat(money.undone).hasValue(1);
  }

  @Test
  void aRetryTriesTheServiceNow() {
    SagaRunner runner = runner(database);
    close("goods", MINUTES);
    UUID id = begin(idle(), reserving, 1).getFirst();
    await().until(() -> runner.find(id).orElseThrow().waitsFor().isPresent());
    assertThat(goods.calls).hasValue(0);

    runner.retryNow(id);

    assertThat(ended(runner, id).state()).isEqualTo(State.COMPLETED);
    assertThat(goods.calls).hasValue(1);
  }

  @Test
  void aRunnerThatStartsTriesTheServiceNow() {
    close("goods", MINUTES);
    UUID id = begin(idle(), reserving, 1).getFirst();
    letWait("goods");

    assertThat(ended(runner(database), id).state()).isEqualTo(State.COMPLETED);
  }

  @Test
  void aGateThatIsGoneKeepsNobody() {
    begin(idle(), reserving, 1);
    SagaStore store = store();
    SagaRun run =
        database
            .inTransaction(tx -> store.claim(tx, 1, QUICK.lease(), Set.of()))
            .sagas()
            .getFirst();

    boolean waits = database.inTransaction(tx -> store.await(tx, run, "goods", MINUTES));
    assertThat(waits).isFalse();
    close("goods", MINUTES);
    waits = database.inTransaction(tx -> store.await(tx, run, "goods", MINUTES));
    assertThat(waits).isTrue();
  }

  private StepOutcome declined() {
    beforeCapture.run();
    return new Refused("declined");
  }

  private int turnAfter(Gates gates, Duration time) {
    shifted = shifted.plus(time);
    database.shiftClock(shifted);
    return turn(gates).sagas().size();
  }

  private static Through turn(Gates gates) {
    return gates.turn("goods", 1_000, Set.of());
  }

  private Gates gates(Database of) {
    return new Gates(of, store(), table(), Threads.VIRTUAL, QUICK, _ -> {});
  }

  private SagaStore store() {
    return new SagaStore(UuidV7.next(), new SagaDefinitions(definitions), QUICK);
  }

  private static GateStore table() {
    return new GateStore(QUICK.furthestOfGate(MINUTES));
  }

  private void close(String service, Duration until) {
    database.inTransactionVoid(
        tx -> {
          tx.execute("DELETE FROM saga_gate WHERE dependency = ?", service);
          table().insert(tx, Gate.closed(service, 7), "UNAVAILABLE", until);
        });
  }

  /** As while somebody's probe takes its time. */
  private void closeForLong(String service) {
    close(service, MINUTES);
    database.inTransactionVoid(tx -> tx.execute("UPDATE saga_gate SET probing = true"));
  }

  private void letWait(String service) {
    database.inTransactionVoid(
        tx ->
            tx.execute(
                "UPDATE saga SET waits_for = ?, due_at = weft_now() + interval '5 min'", service));
  }

  private long attempts() {
    return database.read(
        tx -> tx.createQuery("SELECT sum(failures) FROM saga").mapTo(Long.class).one());
  }

  private Database another() {
    Database other = postgres.another();
    opened.add(other);
    return other;
  }

  private SagaRunner idle() {
    SagaRunner idle = new SagaRunner(database, QUICK, definitions);
    idle.close();
    return idle;
  }

  private SagaRunner runner(Database on) {
    SagaRunner runner = new SagaRunner(on, QUICK, definitions);
    opened.add(runner);
    runner.start();
    return runner;
  }

  private List<UUID> begin(SagaRunner runner, SagaDefinition definition, int count) {
    return database.inTransaction(
        tx ->
            IntStream.range(0, count)
                .mapToObj(i -> runner.begin(tx, definition.name(), "subject-" + i, ""))
                .toList());
  }

  private static Saga ended(SagaRunner runner, UUID id) {
    return await()
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> runner.find(id).orElseThrow(), saga -> saga.state().ended());
  }

  private static SagaDefinition definition(String name, SagaStep... steps) {
    return SagaDefinition.of(name, 1, List.of(steps), new NoEnding());
  }

  /** A service that steps call. */
  private static final class Service {
    final AtomicInteger calls = new AtomicInteger();
    final AtomicInteger undone = new AtomicInteger();
    final AtomicInteger mostAtOnce = new AtomicInteger();
    private final AtomicInteger now = new AtomicInteger();
    volatile boolean away;
    volatile StepOutcome answer = StepOutcome.done();
    volatile CountDownLatch answers = new CountDownLatch(0);

    SagaStep step(String name) {
      return SagaStep.compensable(name, this::call, this::undo);
    }

    private StepOutcome undo(StepContext context) throws InterruptedException {
      StepOutcome outcome = call(context);
      if (outcome instanceof StepOutcome.Done) {
        undone.incrementAndGet();
      }
      return outcome;
    }

    StepOutcome call(StepContext context) throws InterruptedException {
      mostAtOnce.accumulateAndGet(now.incrementAndGet(), Math::max);
      try {
        calls.incrementAndGet();
        answers.await();
        return away ? AWAY : answer;
      } finally {
        now.decrementAndGet();
      }
    }
  }

  private static final class NoEnding implements SagaDefinition.Ending {
    @Override
    public void completed(Handle tx, StepContext last) {}

    @Override
    public void compensated(Handle tx, StepContext last, String reason) {}
  }
}
