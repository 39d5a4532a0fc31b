package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Event.Aggregate;
import dev.weft.durable.Event.Content;
import dev.weft.durable.Event.Origin;
import dev.weft.durable.Inbox.Order;
import dev.weft.durable.Inbox.Receipt;
import dev.weft.durable.ParkedEvents.Parked;
import dev.weft.durable.ParkedEvents.Reason;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class InboxTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private static final String ME = "stock";
  private static final Duration LATER = Duration.ofMinutes(1);

  private final Database database = postgres.database();
  private final Inbox every = new Inbox(ME, Order.EVERY_VERSION);
  private final Inbox some = new Inbox(ME, Order.SOME_VERSIONS);
  private final ParkedEvents parked = new ParkedEvents(ME);

  @BeforeEach
  void tables() {
    EventTables.clear(database);
    database.inTransactionVoid(
        tx -> {
          tx.execute("DROP TABLE IF EXISTS effect");
          tx.execute("CREATE TABLE effect (n bigint GENERATED ALWAYS AS IDENTITY, what text)");
        });
  }

  @AfterEach
  void clock() {
    database.shiftClock(Duration.ZERO);
  }

  @Test
  void anEventThatArrivesThriceHasOneEffect() {
    Event event = event("a", 1);
    assertThat(receive(every, event)).isEqualTo(Receipt.APPLIED);
    assertThat(receive(every, event)).isEqualTo(Receipt.DUPLICATE);
    assertThat(receive(some, event)).isEqualTo(Receipt.DUPLICATE);
    assertThat(effects()).containsExactly("a v1");
  }

  @Test
  void consumersDoNotShareTheirMemory() {
    Event event = event("a", 1);
    receive(every, event);
    assertThat(receive(new Inbox("another", Order.EVERY_VERSION), event))
        .isEqualTo(Receipt.APPLIED);
  }

  @Test
  void takesInSeveralAtOnce() {
    receive(every, event("a", 1));
    List<Event> events = List.of(event("a", 2), event("b", 1), event("c", 1));
    assertThat(receiveAll(every, events)).isTrue();
    assertThat(effects()).containsExactly("a v1", "a v2", "b v1", "c v1");
    assertThat(events)
        .allSatisfy(event -> assertThat(receive(every, event)).isEqualTo(Receipt.DUPLICATE));
    assertThat(receive(every, event("a", 3))).isEqualTo(Receipt.APPLIED);
  }

  @Test
  void takesInNoneWhereItIsNotTheTurnOfAll() {
    Event seen = event("seen", 1);
    receive(every, seen);
    receive(every, event("ahead", 3));
    park(every, event("failed", 1), Reason.RETRY);
    Event twice = event("d", 1);
    for (Event other :
        List.of(
            seen,
            event("seen", 1),
            event("d", 2),
            event("ahead", 1),
            event("failed", 2),
            event("a", 2),
            twice)) {
      assertThat(receiveAll(every, List.of(event("a", 1), twice, other))).isFalse();
    }
    assertThat(receiveAll(some, List.of(event("a", 1), seen))).isFalse();
    assertThat(effects()).containsExactly("seen v1");
    assertThat(receiveAll(some, List.of(event("a", 7), event("d", 4)))).isTrue();
  }

  @Test
  void thoseWhoTakeInTheSameOnesInAnotherOrderDoNotWaitForEachOther() throws Exception {
    List<Integer> numbers = IntStream.range(0, 40).boxed().toList();
    AtomicInteger taken = new AtomicInteger();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> running = new ArrayList<>();
      for (int process = 0; process < 2; process++) {
        List<Integer> shuffled = new ArrayList<>(numbers);
        Collections.shuffle(shuffled);
        running.add(
            threads.submit(
                () -> {
                  for (long version = 1; version <= 20; version++) {
                    long now = version;
                    List<Event> events = shuffled.stream().map(n -> event("a" + n, now)).toList();
                    if (database.inTransaction(tx -> every.receiveAll(tx, events, () -> {}))) {
                      taken.incrementAndGet();
                    }
                  }
                }));
      }
      for (Future<?> one : running) {
        one.get(60, TimeUnit.SECONDS);
      }
    }
    assertThat(taken).hasValue(20);
  }

  @Test
  void remembersNothingOfAnEffectThatFailed() {
    Event event = event("a", 1);
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                database.inTransaction(
                    tx ->
                        every.receive(
                            tx,
                            event,
                            LATER,
                            () -> {
                              throw new IllegalStateException("no");
                            })));
    assertThat(receive(every, event)).isEqualTo(Receipt.APPLIED);
  }

  @Test
  void dropsAnotherEventOfAVersionItHasSeen() {
    receive(every, event("a", 1));
    receive(every, event("a", 2));
    assertThat(receive(every, event("a", 1))).isEqualTo(Receipt.DUPLICATE);
    assertThat(effects()).containsExactly("a v1", "a v2");
  }

  @Test
  void parksWhatIsAheadUntilTheGapIsFilled() {
    Event first = event("a", 1);
    Event second = event("a", 2);
    Event third = event("a", 3);
    assertThat(receive(every, third)).isEqualTo(Receipt.AHEAD);
    assertThat(receive(every, second)).isEqualTo(Receipt.AHEAD);
    assertThat(receive(every, event("b", 1))).isEqualTo(Receipt.APPLIED);
    assertThat(receive(every, third)).isEqualTo(Receipt.PARKED);
    assertThat(receive(every, first)).isEqualTo(Receipt.APPLIED_AND_NEXT);
    assertThat(claimAndTryAgain(every)).containsExactly(Receipt.APPLIED_AND_NEXT);
    assertThat(claimAndTryAgain(every)).containsExactly(Receipt.APPLIED);
    assertThat(effects()).containsExactly("b v1", "a v1", "a v2", "a v3");
    assertThat(parked()).isEmpty();
  }

  @Test
  void askForWhatIsMissingWhenItStaysAway() {
    receive(every, event("a", 2));
    assertThat(claim()).isEmpty();
    database.shiftClock(LATER.plusSeconds(1));
    assertThat(claimAndTryAgain(every)).containsExactly(Receipt.AHEAD);
    long last = database.read(tx -> every.lastVersion(tx, new Aggregate("shop.order", "a", 2)));
    assertThat(last).isZero();
  }

  @Test
  void anEventCostsTwoRowsAndOneThatComesAgainNone() {
    receive(every, event("a", 1));
    Event event = event("a", 2);
    assertThat(rowsWritten(event)).isEqualTo(Map.of("inbox", 1L, "inbox_aggregate", 1L));
    assertThat(rowsWritten(event)).isEqualTo(Map.of("inbox", 0L, "inbox_aggregate", 0L));
  }

  @Test
  void aLaterVersionIsNotForgottenForAnEarlierOneThatCameAfterIt() {
    receive(some, event("a", 5));
    receive(some, event("a", 2));
    long last = database.read(tx -> some.lastVersion(tx, new Aggregate("shop.order", "a", 1)));
    assertThat(last).isEqualTo(5);
  }

  @Test
  void versionsMayHaveGapsForWhoGetsSomeOfThem() {
    assertThat(receive(some, event("a", 2))).isEqualTo(Receipt.APPLIED);
    assertThat(receive(some, event("a", 5))).isEqualTo(Receipt.APPLIED);
    assertThat(receive(some, event("a", 4))).isEqualTo(Receipt.APPLIED);
    assertThat(effects()).containsExactly("a v2", "a v5", "a v4");
  }

  @Test
  void laterEventsWaitBehindADeadLetterAndThoseOfOthersDoNot() {
    Event dead = event("a", 1);
    park(some, dead, Reason.DEAD);
    assertThat(receive(some, dead)).isEqualTo(Receipt.PARKED);
    assertThat(receive(some, event("a", 2))).isEqualTo(Receipt.PARKED);
    assertThat(receive(some, event("a", 3))).isEqualTo(Receipt.PARKED);
    assertThat(receive(some, event("b", 1))).isEqualTo(Receipt.APPLIED);
    assertThat(parked()).isEqualTo(Map.of(Reason.DEAD, 1L, Reason.BEHIND, 2L));

    assertThat(redrive(dead)).isTrue();
    for (int turn = 0; turn < 3; turn++) {
      assertThat(claimAndTryAgain(some)).hasSize(1);
    }
    assertThat(effects()).containsExactly("b v1", "a v1", "a v2", "a v3");
    assertThat(parked()).isEmpty();
    assertThat(redrive(dead)).isFalse();
  }

  @Test
  void aDiscardedOneNeverHasItsEffectAndThoseBehindItDo() {
    Event dead = event("a", 1);
    park(every, dead, Reason.UNREADABLE);
    receive(every, event("a", 2));
    boolean released = database.inTransaction(tx -> every.discard(tx, dead));
    assertThat(released).isTrue();
    assertThat(claimAndTryAgain(every)).containsExactly(Receipt.APPLIED);
    assertThat(receive(every, dead)).isEqualTo(Receipt.DUPLICATE);
    assertThat(effects()).containsExactly("a v2");
  }

  @Test
  void countsFailuresAndKeepsTheLastError() {
    Event event = event("a", 1);
    park(some, event, Reason.RETRY);
    park(some, event, Reason.RETRY);
    park(some, event, Reason.DEAD);
    Parked found = database.read(tx -> parked.find(tx, event.id())).orElseThrow();
    assertThat(found.attempts()).isEqualTo(3);
    assertThat(found.reason()).isEqualTo(Reason.DEAD);
    assertThat(found.error()).isEqualTo("because");
    assertThat(found.event().content().bytes()).isEqualTo(event.content().bytes());
    assertThat(found.event().recordedAt()).isEqualTo(event.recordedAt());
    redrive(event);
    assertThat(database.read(tx -> parked.find(tx, event.id())).orElseThrow().attempts()).isZero();
  }

  @Test
  void keepsAnErrorThatQuotesWhatTheDatabaseDoesNotTake() {
    Event event = event("a", 1);
    database.inTransactionVoid(
        tx ->
            some.park(tx, event, Reason.DEAD, "no user \0" + "x".repeat(2_000), Optional.empty()));
    assertThat(database.read(tx -> parked.find(tx, event.id())).orElseThrow().error())
        .startsWith("no user ?x")
        .hasSize(1_000);
  }

  @Test
  void parksNothingThatWasTakenInMeanwhile() {
    Event event = event("a", 1);
    receive(some, event);
    park(some, event, Reason.RETRY);
    assertThat(parked()).isEmpty();
  }

  @Test
  void oneOfTwoWhoTryAParkedEventHasTheEffect() {
    Event event = event("a", 1);
    park(some, event, Reason.RETRY);
    assertThat(again(some, event)).isEqualTo(Receipt.APPLIED);
    assertThat(again(some, event)).isEqualTo(Receipt.DUPLICATE);
    assertThat(effects()).containsExactly("a v1");
  }

  @Test
  void aClaimedOneIsNobodyElsesForAWhile() {
    park(some, event("a", 1), Reason.RETRY);
    assertThat(claim()).hasSize(1);
    assertThat(claim()).isEmpty();
    database.shiftClock(LATER.plusSeconds(1));
    assertThat(claim()).hasSize(1);
  }

  @Test
  void whatWasParkedBeforeTheClockWasSetBackIsDue() {
    database.shiftClock(LATER.multipliedBy(3));
    park(some, event("a", 1), Reason.RETRY);
    database.shiftClock(Duration.ZERO);
    assertThat(claim()).hasSize(1);
    assertThat(claim()).isEmpty();
  }

  @Test
  void listsDeadLettersByConsumerAndType() {
    park(some, event("a", 1), Reason.DEAD);
    park(some, event("b", 1), Reason.RETRY);
    Inbox other = new Inbox("other", Order.SOME_VERSIONS);
    park(other, event("a", 1), Reason.UNREADABLE);
    assertThat(dead(Optional.empty(), Optional.empty())).hasSize(2);
    assertThat(dead(Optional.of(ME), Optional.empty()))
        .extracting(Parked::reason)
        .containsExactly(Reason.DEAD);
    assertThat(dead(Optional.empty(), Optional.of("shop.order.changed"))).hasSize(2);
    assertThat(dead(Optional.empty(), Optional.of("shop.order.other"))).isEmpty();
  }

  @Test
  void takesNoMoreWhenTooManyAreParkedButStillCountsTheirFailures() {
    Event known = event("a", 1);
    park(some, known, Reason.RETRY);
    database.inTransactionVoid(
        tx ->
            tx.execute(
                """
                INSERT INTO event_parked
                SELECT consumer, gen_random_uuid(), reason, attempts, error, NULL, parked_at,
                  position, source, type, schema_version, aggregate_type, 'x' || i, 1, bucket,
                  content_type, data_schema, payload, correlation_id, causation_id, traceparent,
                  recorded_at FROM event_parked, generate_series(2, ?) i
                """,
                ParkedEvents.MAX));
    assertThatThrownBy(() -> park(some, event("b", 1), Reason.RETRY))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("takes no more");
    park(some, known, Reason.DEAD);
  }

  @Test
  void everyEventHasOneEffectInOrderWhoeverBringsItInWhateverOrder() throws Exception {
    int versions = 12;
    List<Event> events =
        IntStream.rangeClosed(1, versions).mapToObj(version -> event("a", version)).toList();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> running = new ArrayList<>();
      for (int process = 0; process < 3; process++) {
        List<Event> shuffled = new ArrayList<>(events);
        Collections.shuffle(shuffled);
        running.add(threads.submit(() -> shuffled.forEach(event -> receive(every, event))));
      }
      for (Future<?> one : running) {
        one.get(60, TimeUnit.SECONDS);
      }
    }
    await()
        .until(
            () -> {
              claimAndTryAgain(every);
              return effects().size() == versions;
            });
    assertThat(effects())
        .containsExactlyElementsOf(events.stream().map(EventTables::name).toList());
  }

  @Test
  void canBeginAnew() {
    Event event = event("a", 1);
    receive(every, event);
    database.inTransactionVoid(every::forget);
    assertThat(receive(every, event)).isEqualTo(Receipt.APPLIED);
  }

  @Test
  void forgetsOldIds() {
    receive(some, event("a", 1));
    assertThat(forgotten()).isZero();
    database.shiftClock(Duration.ofDays(91));
    assertThat(forgotten()).isEqualTo(1);
  }

  private int forgotten() {
    return database.inTransaction(tx -> Inbox.forget(tx, 10));
  }

  private Receipt receive(Inbox inbox, Event event) {
    return database.inTransaction(
        tx ->
            inbox.receive(
                tx,
                event,
                LATER,
                () -> tx.execute("INSERT INTO effect (what) VALUES (?)", EventTables.name(event))));
  }

  private boolean receiveAll(Inbox inbox, List<Event> events) {
    return database.inTransaction(
        tx ->
            inbox.receiveAll(
                tx,
                events,
                () ->
                    events.forEach(
                        event ->
                            tx.execute(
                                "INSERT INTO effect (what) VALUES (?)", EventTables.name(event)))));
  }

  /** By table, those written by taking the event in. */
  private Map<String, Long> rowsWritten(Event event) {
    return database.inTransaction(
        tx -> {
          Map<String, Long> before = rowsWritten(tx);
          every.receive(tx, event, LATER, () -> {});
          Map<String, Long> after = rowsWritten(tx);
          after.replaceAll((table, rows) -> rows - before.getOrDefault(table, 0L));
          return after;
        });
  }

  /** By this session lately. */
  private static Map<String, Long> rowsWritten(Handle tx) {
    return tx
        .createQuery(
            """
            SELECT relname, n_tup_ins + n_tup_upd AS n FROM pg_stat_xact_user_tables
             WHERE relname IN ('inbox', 'inbox_aggregate')
            """)
        .map((row, _) -> Map.entry(row.getString("relname"), row.getLong("n")))
        .stream()
        .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
  }

  private Receipt again(Inbox inbox, Event event) {
    return database.inTransaction(
        tx ->
            inbox.again(
                tx,
                event,
                LATER,
                () -> tx.execute("INSERT INTO effect (what) VALUES (?)", EventTables.name(event))));
  }

  private void park(Inbox inbox, Event event, Reason reason) {
    database.inTransactionVoid(
        tx ->
            inbox.park(
                tx,
                event,
                reason,
                "because",
                reason.dead() ? Optional.empty() : Optional.of(Duration.ZERO)));
  }

  private boolean redrive(Event event) {
    return database.inTransaction(tx -> parked.redrive(tx, event.id()));
  }

  private List<Parked> claim() {
    return database.inTransaction(tx -> parked.claim(tx, 10, LATER, LATER.multipliedBy(2)));
  }

  private List<Receipt> claimAndTryAgain(Inbox inbox) {
    return claim().stream().map(one -> again(inbox, one.event())).toList();
  }

  private List<Parked> dead(Optional<String> consumer, Optional<String> type) {
    return database.read(tx -> ParkedEvents.dead(tx, consumer, type, Optional.empty(), 10));
  }

  private Map<Reason, Long> parked() {
    return database.read(parked::counts);
  }

  private List<String> effects() {
    return database.read(
        tx -> tx.createQuery("SELECT what FROM effect ORDER BY n").mapTo(String.class).list());
  }

  /** Without the log: each call is another event. */
  private static Event event(String aggregate, long version) {
    return new Event(
        version,
        UuidV7.next(),
        "order-svc",
        "shop.order.changed",
        1,
        new Aggregate("shop.order", aggregate, version),
        new Content("text/plain", "", aggregate.getBytes(StandardCharsets.UTF_8)),
        Origin.request("request-1", Optional.empty()),
        Instant.parse("2026-11-21T10:00:00Z"));
  }
}
