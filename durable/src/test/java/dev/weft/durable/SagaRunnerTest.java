package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Saga.Direction;
import dev.weft.durable.Saga.State;
import dev.weft.durable.Saga.StepState;
import dev.weft.durable.StepOutcome.Done;
import dev.weft.durable.StepOutcome.Refused;
import dev.weft.durable.StepOutcome.Unknown;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SagaRunnerTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private static final SagaSettings QUICK =
      new SagaSettings(
          8,
          Duration.ofMillis(600),
          Duration.ofMillis(100),
          Duration.ofMillis(5),
          Duration.ofMillis(40));

  /** Room for many, and nobody looks who is not woken. */
  private static final SagaSettings CROWDED =
      new SagaSettings(
          64,
          Duration.ofMinutes(10),
          Duration.ofMinutes(10),
          Duration.ofMillis(5),
          Duration.ofMillis(40));

  private final Database database = postgres.database();
  private final Participants participants = new Participants();
  private final List<AutoCloseable> opened = new ArrayList<>();

  @BeforeEach
  void tables() {
    database.inTransactionVoid(
        tx -> {
          tx.execute("DROP TABLE IF EXISTS subject");
          tx.execute(
              "CREATE TABLE subject (id text PRIMARY KEY, state text NOT NULL, cancelled boolean"
                  + " NOT NULL)");
          tx.execute("TRUNCATE saga, saga_step");
        });
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable closeable : opened.reversed()) {
      closeable.close();
    }
  }

  @Test
  void runsEveryStepAndThenTheEndingInTheSameTransaction() {
    SagaRunner runner = runner(database);
    UUID id = begin(runner, "one");
    Saga saga = ended(runner, id);
    assertThat(saga.state()).isEqualTo(State.COMPLETED);
    assertThat(saga.nextRunAt()).isEmpty();
    assertThat(state("one")).isEqualTo("CONFIRMED");
    assertThat(participants.log)
        .containsExactly(
            "reserve forward", "authorize forward", "capture forward", "confirm forward");
    assertThat(saga.steps())
        .allSatisfy(step -> assertThat(step.state()).isEqualTo(StepState.DONE))
        .allSatisfy(step -> assertThat(step.attempts()).isEqualTo(1))
        .extracting(Saga.Step::name)
        .containsExactly("reserve", "authorize", "capture", "confirm");
    assertThat(participants.news)
        .containsExactly(
            new SagaNews(
                "order",
                1,
                State.COMPLETED,
                1,
                "",
                List.of("reserve", "authorize", "capture", "confirm"),
                List.of(),
                Optional.empty()));
  }

  @Test
  void handsResultsToLaterSteps() {
    SagaRunner runner = runner(database);
    participants.answers.put("authorize forward", _ -> new Done("payment-7"));
    List<Optional<String>> seen = Collections.synchronizedList(new ArrayList<>());
    participants.answers.put(
        "capture forward",
        context -> {
          seen.add(context.result("authorize"));
          return StepOutcome.done();
        });
    ended(runner, begin(runner, "one"));
    assertThat(seen).containsExactly(Optional.of("payment-7"));
  }

  @Test
  void neverRunsWhenItsTransactionRollsBack() {
    SagaRunner runner = runner(database);
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                database.inTransactionVoid(
                    tx -> {
                      runner.begin(tx, "order", "one", "");
                      throw new IllegalStateException("no");
                    }));
    assertThat(runner.ofSubject("one")).isEmpty();
    ended(runner, begin(runner, "two"));
    assertThat(participants.subjects).containsOnly("two");
  }

  @Test
  void undoesInReverseAndTellsWhy() {
    SagaRunner runner = runner(database);
    participants.answers.put("capture forward", _ -> new Refused("declined"));
    Saga saga = ended(runner, begin(runner, "one"));
    assertThat(saga.state()).isEqualTo(State.COMPENSATED);
    assertThat(saga.reason()).hasValue("declined");
    assertThat(state("one")).isEqualTo("CANCELLED declined");
    assertThat(participants.log)
        .containsExactly(
            "reserve forward",
            "authorize forward",
            "capture forward",
            "authorize backward",
            "reserve backward");
    assertThat(saga.steps())
        .filteredOn(step -> step.direction() == Direction.BACKWARD)
        .extracting(Saga.Step::name)
        .containsExactly("authorize", "reserve");
  }

  @Test
  void repeatsAnUnknownOutcomeUnderOneCommandIdAndShowsTheError() {
    SagaRunner runner = runner(database);
    AtomicInteger attempts = new AtomicInteger();
    Set<String> commands = ConcurrentHashMap.newKeySet();
    participants.answers.put(
        "capture forward",
        context -> {
          commands.add(context.commandId());
          return attempts.incrementAndGet() < 4 ? new Unknown("UNAVAILABLE") : StepOutcome.done();
        });
    Saga saga = ended(runner, begin(runner, "one"));
    assertThat(saga.state()).isEqualTo(State.COMPLETED);
    assertThat(commands).containsExactly(saga.id() + ":capture:forward");
    Saga.Step capture = saga.steps().get(2);
    assertThat(capture.attempts()).isEqualTo(4);
    assertThat(capture.lastError()).isEqualTo("UNAVAILABLE");
  }

  @Test
  void takesAnExceptionForAnUnknownOutcome() {
    SagaRunner runner = runner(database);
    AtomicBoolean thrown = new AtomicBoolean();
    participants.answers.put(
        "reserve forward",
        _ -> {
          if (thrown.compareAndSet(false, true)) {
            throw new IllegalStateException("broken pipe");
          }
          return StepOutcome.done();
        });
    Saga saga = ended(runner, begin(runner, "one"));
    assertThat(saga.state()).isEqualTo(State.COMPLETED);
    assertThat(saga.steps().getFirst().lastError()).contains("broken pipe");
  }

  @Test
  void interruptsAStepAtItsTimeoutAndRepeatsIt() {
    SagaRunner runner = runner(database);
    AtomicBoolean hung = new AtomicBoolean();
    CountDownLatch interrupted = new CountDownLatch(1);
    participants.answers.put(
        "authorize forward",
        _ -> {
          if (hung.compareAndSet(false, true)) {
            try {
              new CountDownLatch(1).await();
            } catch (InterruptedException e) {
              interrupted.countDown();
            }
          }
          return StepOutcome.done();
        });
    Saga saga = ended(runner, begin(runner, "one"));
    assertThat(saga.state()).isEqualTo(State.COMPLETED);
    assertThat(saga.steps().get(1).lastError()).isEqualTo("no outcome within 1000 ms");
    await().until(() -> interrupted.getCount() == 0);
  }

  @Test
  void undoesAStepOfUnknownOutcomeOnceTheSoftLimitHasPassed() {
    SagaRunner runner = runner(database);
    CountDownLatch failing = new CountDownLatch(1);
    participants.answers.put(
        "authorize forward",
        _ -> {
          failing.countDown();
          return new Unknown("UNAVAILABLE");
        });
    UUID id = begin(runner, "one");
    await().until(() -> failing.getCount() == 0);
    atTheSoftLimit(() -> ended(runner, id));
    assertThat(state("one")).isEqualTo("CANCELLED TIMED_OUT");
    assertThat(participants.log).endsWith("authorize backward", "reserve backward");
    assertThat(runner.find(id).orElseThrow().steps())
        .filteredOn(step -> step.state() == Saga.StepState.UNKNOWN)
        .singleElement()
        .satisfies(
            step -> {
              assertThat(step.name()).isEqualTo("authorize");
              assertThat(step.direction()).isEqualTo(Direction.FORWARD);
              assertThat(step.lastError()).isEqualTo("UNAVAILABLE");
              assertThat(step.attempts()).isGreaterThanOrEqualTo(2);
            });
  }

  @Test
  void neverUndoesAPivotOfUnknownOutcome() {
    SagaRunner runner = runner(database);
    CountDownLatch capturing = new CountDownLatch(1);
    AtomicInteger failedLate = new AtomicInteger();
    AtomicBoolean late = new AtomicBoolean();
    AtomicBoolean healed = new AtomicBoolean();
    participants.answers.put(
        "capture forward",
        _ -> {
          capturing.countDown();
          if (late.get()) {
            failedLate.incrementAndGet();
          }
          return healed.get() ? StepOutcome.done() : new Unknown("UNAVAILABLE");
        });
    UUID id = begin(runner, "one");
    awaitLatch(capturing);
    atTheSoftLimit(
        () -> {
          late.set(true);
          await().until(() -> failedLate.get() > 3);
          assertThat(runner.find(id).orElseThrow().state()).isEqualTo(State.RUNNING);
          healed.set(true);
          ended(runner, id);
        });
    assertThat(state("one")).isEqualTo("CONFIRMED");
  }

  @Test
  void turnsBackWhenTheGuardOfThePivotRefuses() {
    SagaRunner runner = runner(database);
    participants.answers.put(
        "authorize forward",
        context -> {
          database.inTransactionVoid(
              tx ->
                  tx.execute(
                      "UPDATE subject SET cancelled = true WHERE id = ?", context.subject()));
          return StepOutcome.done();
        });
    ended(runner, begin(runner, "one"));
    assertThat(state("one")).isEqualTo("CANCELLED REQUESTED");
    assertThat(participants.log).doesNotContain("capture forward").endsWith("reserve backward");
  }

  @Test
  void showsAnUndoingThatStalledAndFinishesOnceItCan() {
    SagaRunner runner = runner(database);
    AtomicBoolean healed = new AtomicBoolean();
    participants.answers.put("capture forward", _ -> new Refused("declined"));
    participants.answers.put(
        "authorize backward", _ -> healed.get() ? StepOutcome.done() : new Unknown("away"));
    UUID id = begin(runner, "one");
    await().until(() -> participants.log.contains("reserve backward"));
    await()
        .untilAsserted(
            () ->
                assertThat(
                        runner.list(
                            Optional.of(State.COMPENSATION_STALLED),
                            Optional.of("order"),
                            Optional.empty(),
                            10))
                    .extracting(Saga::id)
                    .containsExactly(id));
    assertThat(runner.countsOfUnended()).containsExactly(Map.entry(State.COMPENSATION_STALLED, 1L));
    healed.set(true);
    assertThat(runner.retryNow(id)).isPresent();
    assertThat(ended(runner, id).state()).isEqualTo(State.COMPENSATED);
    assertThat(participants.log.stream().filter("reserve backward"::equals)).hasSize(1);
    assertThat(participants.news)
        .containsExactly(
            news(State.COMPENSATION_STALLED, 1, List.of()),
            news(State.COMPENSATED, 2, List.of("reserve", "authorize")));
  }

  private static SagaNews news(State state, long number, List<String> undone) {
    return new SagaNews(
        "order",
        1,
        state,
        number,
        "declined",
        List.of("reserve", "authorize"),
        undone,
        Optional.of("capture"));
  }

  @Test
  void triesAWaitingSagaNowWhenAsked() {
    Duration long_ = Duration.ofMinutes(10);
    SagaRunner runner =
        runner(database, new SagaSettings(8, Duration.ofSeconds(5), long_, long_, long_));
    AtomicBoolean healed = new AtomicBoolean();
    participants.answers.put(
        "reserve forward", _ -> healed.get() ? StepOutcome.done() : new Unknown("away"));
    UUID id = begin(runner, "one");
    await().until(() -> runner.find(id).orElseThrow().steps().getFirst().attempts() == 2);
    healed.set(true);
    runner.retryNow(id);
    assertThat(ended(runner, id).state()).isEqualTo(State.COMPLETED);
  }

  @Test
  void triesAWaitingSagaAtOnceWhenARunnerStarts() {
    Duration long_ = Duration.ofMinutes(10);
    SagaRunner before =
        runner(database, new SagaSettings(8, Duration.ofSeconds(5), long_, long_, long_));
    participants.answers.put("reserve forward", _ -> new Unknown("away"));
    UUID id = begin(before, "one");
    await().until(() -> before.find(id).orElseThrow().steps().getFirst().attempts() == 2);
    before.close();
    participants.answers.put("reserve forward", _ -> StepOutcome.done());
    assertThat(ended(runner(database, QUICK), id).state()).isEqualTo(State.COMPLETED);
  }

  static Stream<String> crashes() {
    return Stream.of(
            "reserve forward",
            "authorize forward",
            "capture forward",
            "confirm forward",
            "authorize backward",
            "reserve backward")
        .flatMap(step -> Stream.of("before " + step, "after " + step));
  }

  /** Everything a crash between two writes can do: each step, each direction, both sides of it. */
  @ParameterizedTest
  @MethodSource("crashes")
  void goesOnAfterACrash(String crash) {
    String step = crash.substring(crash.indexOf(' ') + 1);
    boolean backward = crash.endsWith("backward");
    AtomicBoolean crashed = new AtomicBoolean();
    Database doomed = postgres.another();
    opened.add(doomed);
    if (backward) {
      participants.answers.put("capture forward", _ -> new Refused("declined"));
    }
    // Without its database a runner can write nothing more, just as a dead one.
    if (crash.startsWith("before")) {
      participants.before.put(
          step,
          () -> {
            if (crashed.compareAndSet(false, true)) {
              doomed.close();
              throw new IllegalStateException("crashed");
            }
          });
    } else {
      participants.after.put(
          step,
          () -> {
            if (crashed.compareAndSet(false, true)) {
              doomed.close();
            }
          });
    }
    SagaRunner dead = runner(doomed);
    UUID id = begin(dead, doomed, "one");
    SagaRunner heir = runner(database);
    Saga saga = ended(heir, id);
    assertThat(crashed).isTrue();
    assertThat(saga.state()).isEqualTo(backward ? State.COMPENSATED : State.COMPLETED);
    assertThat(state("one")).isEqualTo(backward ? "CANCELLED declined" : "CONFIRMED");
    assertThat(participants.log).doesNotHaveDuplicates();
    assertThat(participants.log)
        .containsExactlyElementsOf(
            backward
                ? List.of(
                    "reserve forward",
                    "authorize forward",
                    "capture forward",
                    "authorize backward",
                    "reserve backward")
                : List.of(
                    "reserve forward", "authorize forward", "capture forward", "confirm forward"));
  }

  @Test
  void sharesTheWorkAmongRunners() {
    Database second = postgres.another();
    opened.add(second);
    AtomicInteger byFirst = new AtomicInteger();
    AtomicInteger bySecond = new AtomicInteger();
    SagaRunner idle = new SagaRunner(database, QUICK, List.of(participants.definition(1)));
    List<UUID> ids = new ArrayList<>();
    idle.close();
    for (int i = 0; i < 60; i++) {
      ids.add(begin(idle, "subject-" + i));
    }
    // More than one of them has room for.
    CountDownLatch ninth = new CountDownLatch(9);
    participants.before.put(
        "reserve forward",
        () -> {
          ninth.countDown();
          awaitLatch(ninth);
        });
    SagaRunner one = new SagaRunner(database, QUICK, List.of(counted(byFirst)));
    SagaRunner two = new SagaRunner(second, QUICK, List.of(counted(bySecond)));
    opened.add(one);
    opened.add(two);
    one.start();
    two.start();
    ids.forEach(id -> assertThat(ended(one, id).state()).isEqualTo(State.COMPLETED));
    assertThat(byFirst).hasPositiveValue();
    assertThat(bySecond).hasPositiveValue();
    assertThat(byFirst.get() + bySecond.get()).isEqualTo(60);
    assertThat(participants.log).hasSize(60 * 4);
  }

  @Test
  void fencesAnOwnerThatComesBackTooLate() throws InterruptedException {
    CountDownLatch zombieCaptures = new CountDownLatch(1);
    CountDownLatch zombieWakes = new CountDownLatch(1);
    AtomicInteger zombieEndings = new AtomicInteger();
    Database other = postgres.another();
    opened.add(other);
    Participants ofZombie = new Participants();
    ofZombie.answers.put(
        "capture forward",
        _ -> {
          zombieCaptures.countDown();
          awaitLatch(zombieWakes);
          return new Refused("too late to say so");
        });
    ofZombie.onEnding = zombieEndings::incrementAndGet;
    SagaRunner zombie = new SagaRunner(other, QUICK, List.of(ofZombie.definition(1)));
    opened.add(zombie);
    zombie.start();
    UUID id = begin(zombie, other, "one");
    awaitLatch(zombieCaptures);
    long token = token(id);
    SagaRunner heir = runner(database);
    // The lease ends although its owner lives, as it would for one that was stopped for a while.
    await()
        .until(
            () -> {
              database.inTransactionVoid(
                  tx ->
                      tx.execute(
                          "UPDATE saga SET due_at = now() WHERE token = ? AND due_at IS NOT NULL",
                          token));
              return heir.find(id).orElseThrow().state().ended();
            });
    zombieWakes.countDown();
    zombie.close();
    assertThat(heir.find(id).orElseThrow().state()).isEqualTo(State.COMPLETED);
    assertThat(state("one")).isEqualTo("CONFIRMED");
    assertThat(zombieEndings).hasValue(0);
    assertThat(ofZombie.log).doesNotContain("authorize backward");
  }

  @Test
  void takesUpASagaWhoseLeaseIsFarAwayBecauseTheClockWasSetBack() {
    SagaRunner fenced = new SagaRunner(database, QUICK, List.of(participants.definition(1)));
    UUID id =
        database.inTransaction(
            tx -> {
              UUID begun = fenced.begin(tx, "order", "one", "");
              tx.execute("INSERT INTO subject VALUES ('one', 'PENDING', false)");
              tx.execute(
                  "UPDATE saga SET owner = gen_random_uuid(), due_at = now() + interval '10 min'"
                      + " WHERE saga_id = ?",
                  begun);
              return begun;
            });

    assertThat(ended(runner(database), id).state()).isEqualTo(State.COMPLETED);
  }

  @Test
  void tellsStepsInTheOrderTheyRanWhateverTheClockDid() {
    participants.answers.put("capture forward", _ -> new Refused("declined"));
    SagaRunner runner = runner(database);
    UUID id = ended(runner, begin(runner, "one")).id();
    database.inTransactionVoid(
        tx ->
            tx.execute(
                "UPDATE saga_step SET recorded_at = recorded_at + interval '6 min'"
                    + " WHERE saga_id = ? AND direction = 'BACKWARD' AND name = 'authorize'",
                id));

    assertThat(runner.find(id).orElseThrow().steps())
        .filteredOn(step -> step.direction() == Direction.BACKWARD)
        .extracting(Saga.Step::name)
        .containsExactly("authorize", "reserve");
  }

  @Test
  void leavesASagaAloneThatItStillRunsThoughItsLeaseEnded() {
    CountDownLatch answer = new CountDownLatch(1);
    AtomicInteger captures = new AtomicInteger();
    participants.answers.put(
        "capture forward",
        _ -> {
          captures.incrementAndGet();
          awaitLatch(answer);
          return StepOutcome.done();
        });
    SagaRunner runner = runner(database);
    UUID id = begin(runner, "one");
    await().until(() -> captures.get() == 1);
    await()
        .during(Duration.ofMillis(500))
        .until(
            () -> {
              database.inTransactionVoid(
                  tx -> tx.execute("UPDATE saga SET due_at = now() WHERE saga_id = ?", id));
              return captures.get() == 1;
            });
    answer.countDown();
    assertThat(ended(runner, id).state()).isEqualTo(State.COMPLETED);
    assertThat(captures).hasValue(1);
  }

  @Test
  void writesAgainWhenItCouldNotForAMomentInsteadOfWaitingForItsLease() {
    Duration minutes = Duration.ofMinutes(10);
    SagaRunner runner =
        runner(
            database,
            new SagaSettings(8, minutes, minutes, Duration.ofMillis(5), Duration.ofMillis(40)));
    Database other = postgres.another();
    opened.add(other);
    participants.after.put(
        "reserve forward",
        () -> {
          CountDownLatch locked = new CountDownLatch(1);
          Thread.startVirtualThread(() -> lockSagasForHalfASecond(other, locked));
          awaitLatch(locked);
        });
    assertThat(ended(runner, begin(runner, "one")).state()).isEqualTo(State.COMPLETED);
    assertThat(participants.log).hasSize(4);
  }

  /** Longer than anybody waits for a lock. */
  private static void lockSagasForHalfASecond(Database database, CountDownLatch locked) {
    database.inTransactionVoid(
        tx -> {
          tx.createQuery("SELECT saga_id FROM saga FOR UPDATE").mapTo(UUID.class).list();
          locked.countDown();
          tx.createQuery("SELECT pg_sleep(0.5)::text").mapTo(String.class).list();
        });
  }

  @Test
  void handsItsSagasOverWhenItCloses() {
    Duration minutes = Duration.ofMinutes(10);
    SagaSettings patient = new SagaSettings(8, minutes, Duration.ofMillis(50), minutes, minutes);
    SagaRunner leaving = runner(database, patient);
    AtomicInteger attempts = new AtomicInteger();
    participants.answers.put(
        "authorize forward",
        _ -> attempts.incrementAndGet() == 1 ? new Unknown("away") : StepOutcome.done());
    CountDownLatch reserving = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    participants.before.put(
        "reserve forward",
        () -> {
          reserving.countDown();
          awaitLatch(go);
        });
    UUID id = begin(leaving, "one");
    awaitLatch(reserving);
    Thread closing = Thread.startVirtualThread(leaving::close);
    go.countDown();
    await().until(() -> !closing.isAlive());
    SagaRunner heir = runner(database, QUICK);
    assertThat(ended(heir, id).state()).isEqualTo(State.COMPLETED);
  }

  @Test
  void runsMoreSagasThanItHasRoomFor() {
    SagaRunner runner =
        runner(
            database,
            new SagaSettings(
                3,
                Duration.ofSeconds(5),
                Duration.ofMinutes(10),
                Duration.ofMillis(5),
                Duration.ofMillis(40)));
    List<UUID> ids = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      ids.add(begin(runner, "subject-" + i));
    }
    ids.forEach(id -> assertThat(ended(runner, id).state()).isEqualTo(State.COMPLETED));
    assertThat(participants.mostAtOnce).hasValueLessThanOrEqualTo(3);
  }

  @Test
  void fillsSeveralPlacesAtOnceWhileMoreSagasWaitThanThereIsRoomFor() {
    SagaDefinition definition = participants.definition(1);
    SagaRunner idle = waiting(300, definition);
    List<SagaTables.Claim> claims = Collections.synchronizedList(new ArrayList<>());
    List<Integer> rooms = Collections.synchronizedList(new ArrayList<>());
    SagaStore store =
        new SagaStore(UuidV7.next(), new SagaDefinitions(List.of(definition)), CROWDED);
    SagaTables tables =
        (SagaTables)
            Proxy.newProxyInstance(
                SagaTables.class.getClassLoader(),
                new Class<?>[] {SagaTables.class},
                (_, method, arguments) -> {
                  Object answer = method.invoke(store, arguments);
                  if (answer instanceof SagaTables.Claim claim) {
                    rooms.add((int) arguments[1]);
                    claims.add(claim);
                  }
                  return answer;
                });
    SagaEngine engine =
        new SagaEngine(
            database, tables, new GateStore(Duration.ofMinutes(1)), new TimeStandsStill(), CROWDED);
    engine.start();
    await().until(() -> idle.countsOfUnended().isEmpty());
    engine.close();

    assertThat(participants.mostAtOnce).hasValueLessThanOrEqualTo(CROWDED.concurrency());
    assertThat(claims).hasSizeGreaterThan(3);
    for (int i = 1; i < claims.size(); i++) {
      if (claims.get(i - 1).sagas().size() == rooms.get(i - 1)) {
        assertThat(rooms.get(i)).isGreaterThanOrEqualTo(SagaEngine.TOGETHER);
      }
    }
  }

  @Test
  void fillsFewPlacesToo() {
    CountDownLatch others = new CountDownLatch(100 - (CROWDED.concurrency() - 2));
    AtomicInteger slow = new AtomicInteger(CROWDED.concurrency() - 2);
    participants.answers.put(
        "capture forward",
        _ -> {
          if (slow.getAndDecrement() > 0) {
            awaitLatch(others);
          } else {
            others.countDown();
          }
          return StepOutcome.done();
        });
    SagaRunner idle = waiting(100, participants.definition(1));
    runner(database, CROWDED);

    await().until(() -> idle.countsOfUnended().isEmpty());
  }

  /** Sagas that nobody runs yet. */
  private SagaRunner waiting(int count, SagaDefinition definition) {
    SagaRunner idle = new SagaRunner(database, CROWDED, List.of(definition));
    idle.close();
    for (int i = 0; i < count; i++) {
      begin(idle, "subject-" + i);
    }
    return idle;
  }

  /** The JVM's threads, by a clock that stands still. */
  private static final class TimeStandsStill implements Threads {
    @Override
    public long nanoTime() {
      return 0;
    }

    @Override
    public RandomGenerator random() {
      return VIRTUAL.random();
    }

    @Override
    public void start(String name, Runnable task) {
      VIRTUAL.start(name, task);
    }

    @Override
    public <T> T within(Duration timeout, String name, Callable<T> task)
        throws ExecutionException, TimeoutException, InterruptedException {
      return VIRTUAL.within(timeout, name, task);
    }

    @Override
    public Signal signal() {
      return VIRTUAL.signal();
    }
  }

  @Test
  void takesAWaitingSagaUpInTimeWithoutAPoll() {
    SagaRunner runner =
        runner(
            database,
            new SagaSettings(
                8,
                Duration.ofSeconds(5),
                Duration.ofMinutes(10),
                Duration.ofMillis(5),
                Duration.ofMillis(40)));
    AtomicInteger attempts = new AtomicInteger();
    participants.answers.put(
        "reserve forward",
        _ -> attempts.incrementAndGet() < 4 ? new Unknown("away") : StepOutcome.done());
    assertThat(ended(runner, begin(runner, "one")).state()).isEqualTo(State.COMPLETED);
  }

  @Test
  void finishesASagaOnTheVersionItBeganWith() {
    SagaRunner old = new SagaRunner(database, QUICK, List.of(participants.definition(1)));
    old.close();
    UUID first = begin(old, "one");
    SagaRunner young =
        new SagaRunner(
            database, QUICK, List.of(participants.definition(1), participants.definition(2)));
    opened.add(young);
    young.start();
    UUID second = begin(young, "two");
    assertThat(ended(young, first).version()).isEqualTo(1);
    assertThat(ended(young, second).version()).isEqualTo(2);
  }

  @Test
  void runsTwoVersionsWithDifferentStepsAtOnce() {
    SagaDefinition old = participants.definition(1);
    List<SagaStep> steps = new ArrayList<>(old.steps());
    steps.remove(1);
    steps.addFirst(SagaStep.check("weigh", participants.action("weigh forward")));
    SagaDefinition young = SagaDefinition.of(old.name(), 2, steps, old.ending());
    CountDownLatch bothBegun = new CountDownLatch(1);
    participants.before.put("reserve forward", () -> awaitLatch(bothBegun));
    SagaRunner runner = new SagaRunner(database, QUICK, List.of(old));
    opened.add(runner);
    runner.start();
    UUID first = begin(runner, "one");
    SagaRunner deployed = new SagaRunner(database, QUICK, List.of(old, young));
    opened.add(deployed);
    deployed.start();
    UUID second = begin(deployed, "two");
    bothBegun.countDown();
    assertThat(ended(deployed, first).steps())
        .extracting(Saga.Step::name)
        .containsExactly("reserve", "authorize", "capture", "confirm");
    assertThat(ended(deployed, second).steps())
        .extracting(Saga.Step::name)
        .containsExactly("weigh", "reserve", "capture", "confirm");
  }

  @Test
  void leavesDefinitionsItDoesNotKnowToOthers() {
    SagaRunner young = new SagaRunner(database, QUICK, List.of(participants.definition(2)));
    young.close();
    UUID unknown = begin(young, "one");
    SagaRunner old = runner(database);
    ended(old, begin(old, "two"));
    Saga saga = old.find(unknown).orElseThrow();
    assertThat(saga.state()).isEqualTo(State.RUNNING);
    assertThat(saga.steps()).isEmpty();
  }

  @Test
  void listsTheNewestFirstPageByPage() {
    SagaRunner runner = runner(database);
    List<UUID> ids = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      ids.add(begin(runner, "subject-" + i));
    }
    ids.forEach(id -> ended(runner, id));
    List<Saga> page = runner.list(Optional.empty(), Optional.empty(), Optional.empty(), 3);
    List<Saga> rest =
        runner.list(Optional.empty(), Optional.empty(), Optional.of(page.getLast().id()), 3);
    assertThat(Stream.concat(page.stream(), rest.stream()).map(Saga::id))
        .containsExactlyElementsOf(ids.reversed());
    assertThat(runner.list(Optional.of(State.COMPENSATED), Optional.empty(), Optional.empty(), 3))
        .isEmpty();
    assertThat(runner.retryNow(ids.getFirst()).orElseThrow().state()).isEqualTo(State.COMPLETED);
    assertThat(runner.retryNow(UuidV7.next())).isEmpty();
  }

  private SagaDefinition counted(AtomicInteger completed) {
    SagaDefinition plain = participants.definition(1);
    return SagaDefinition.of(
        plain.name(),
        plain.version(),
        plain.steps(),
        new SagaDefinition.Ending() {
          @Override
          public void completed(Handle tx, StepContext last) {
            completed.incrementAndGet();
            plain.ending().completed(tx, last);
          }

          @Override
          public void compensated(Handle tx, StepContext last, String reason) {
            plain.ending().compensated(tx, last, reason);
          }
        });
  }

  private SagaRunner runner(Database on) {
    return runner(on, QUICK);
  }

  private SagaRunner runner(Database on, SagaSettings settings) {
    SagaRunner runner = new SagaRunner(on, settings, List.of(participants.definition(1)));
    opened.add(runner);
    runner.start();
    return runner;
  }

  private UUID begin(SagaRunner runner, String subject) {
    return begin(runner, database, subject);
  }

  private static UUID begin(SagaRunner runner, Database on, String subject) {
    return on.inTransaction(
        tx -> {
          tx.execute("INSERT INTO subject VALUES (?, 'PENDING', false)", subject);
          return runner.begin(tx, "order", subject, "data of " + subject);
        });
  }

  private static Saga ended(SagaRunner runner, UUID id) {
    return await()
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> runner.find(id).orElseThrow(), saga -> saga.state().ended());
  }

  private String state(String subject) {
    return database.read(
        tx ->
            tx.select("SELECT state FROM subject WHERE id = ?", subject).mapTo(String.class).one());
  }

  private void atTheSoftLimit(Runnable then) {
    database.shiftClock(Duration.ofMinutes(5));
    try {
      then.run();
    } finally {
      database.shiftClock(Duration.ZERO);
    }
  }

  private long token(UUID id) {
    return database.read(
        tx -> tx.select("SELECT token FROM saga WHERE saga_id = ?", id).mapTo(Long.class).one());
  }

  private static void awaitLatch(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Whoever the steps call: each command has its effect once, however often it comes. */
  private static final class Participants {
    final List<String> log = Collections.synchronizedList(new ArrayList<>());
    final Set<String> subjects = ConcurrentHashMap.newKeySet();
    final Map<String, Function<StepContext, StepOutcome>> answers = new ConcurrentHashMap<>();
    final Map<String, Runnable> before = new ConcurrentHashMap<>();
    final Map<String, Runnable> after = new ConcurrentHashMap<>();
    final AtomicInteger mostAtOnce = new AtomicInteger();
    private final AtomicInteger now = new AtomicInteger();
    private final Set<String> commands = ConcurrentHashMap.newKeySet();
    final List<SagaNews> news = Collections.synchronizedList(new ArrayList<>());
    Runnable onEnding = () -> {};

    SagaDefinition definition(int version) {
      return SagaDefinition.of(
          "order",
          version,
          List.of(
              step("reserve"),
              step("authorize"),
              SagaStep.pivot("capture", action("capture forward"))
                  .guardedBy(Participants::refusal)
                  .within(Duration.ofSeconds(20)),
              SagaStep.retriable("confirm", action("confirm forward"))),
          new SagaDefinition.Ending() {
            @Override
            public void completed(Handle tx, StepContext last) {
              onEnding.run();
              end(tx, last.subject(), "CONFIRMED");
            }

            @Override
            public void compensated(Handle tx, StepContext last, String reason) {
              onEnding.run();
              end(tx, last.subject(), "CANCELLED " + reason);
            }

            @Override
            public void told(Handle tx, StepContext last, SagaNews one) {
              news.add(one);
            }
          });
    }

    private SagaStep step(String name) {
      return SagaStep.compensable(name, action(name + " forward"), action(name + " backward"))
          .within(Duration.ofSeconds(1));
    }

    private SagaStep.Action action(String command) {
      return context -> {
        mostAtOnce.accumulateAndGet(now.incrementAndGet(), Math::max);
        try {
          before.getOrDefault(command, () -> {}).run();
          StepOutcome outcome =
              answers.getOrDefault(command, _ -> StepOutcome.done()).apply(context);
          if (!(outcome instanceof Unknown) && commands.add(context.commandId())) {
            log.add(command);
            subjects.add(context.subject());
          }
          after.getOrDefault(command, () -> {}).run();
          return outcome;
        } finally {
          now.decrementAndGet();
        }
      };
    }

    private static Optional<String> refusal(Handle tx, StepContext context) {
      boolean cancelled =
          tx.select("SELECT cancelled FROM subject WHERE id = ? FOR UPDATE", context.subject())
              .mapTo(Boolean.class)
              .one();
      return cancelled ? Optional.of("REQUESTED") : Optional.empty();
    }

    private static void end(Handle tx, String subject, String state) {
      Rows.one(
          tx.execute(
              "UPDATE subject SET state = ? WHERE id = ? AND state = 'PENDING'", state, subject),
          "subject");
    }
  }
}
