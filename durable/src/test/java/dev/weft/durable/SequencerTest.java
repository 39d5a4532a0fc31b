package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Event.Content;
import dev.weft.durable.Event.Origin;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class SequencerTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private final Database database = postgres.database();
  private final EventStore store = new EventStore(database);
  private final List<AutoCloseable> opened = new CopyOnWriteArrayList<>();

  @BeforeEach
  void tables() {
    EventTables.clear(database);
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable closeable : opened.reversed()) {
      closeable.close();
    }
  }

  @Test
  void keepsAllThatAnEventSays() {
    Outbox outbox = outbox(database);
    UUID cause = UuidV7.next();
    Origin origin =
        new Origin(
            "request-7",
            Optional.of(cause),
            Optional.of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    Content content =
        new Content("application/protobuf", "shop.event.v1.OrderConfirmed", new byte[] {8, 1});
    UUID id =
        database.inTransaction(
            tx ->
                outbox.append(
                    tx, new NewEvent("shop.order.confirmed", 3, "order-1", 1, content, origin)));
    Event event = positioned(1).getFirst();
    assertThat(event.id()).isEqualTo(id);
    assertThat(event.position()).isEqualTo(1);
    assertThat(event.source()).isEqualTo("order-svc");
    assertThat(event.type()).isEqualTo("shop.order.confirmed");
    assertThat(event.schemaVersion()).isEqualTo(3);
    assertThat(event.aggregate()).isEqualTo(new Event.Aggregate("shop.order", "order-1", 1));
    assertThat(event.content().type()).isEqualTo("application/protobuf");
    assertThat(event.content().schema()).isEqualTo("shop.event.v1.OrderConfirmed");
    assertThat(event.content().bytes()).containsExactly(8, 1);
    assertThat(event.origin()).isEqualTo(origin);
    assertThat(event.recordedAt())
        .isBetween(
            java.time.Instant.now().minusSeconds(60), java.time.Instant.now().plusSeconds(60));
    assertThat(outbox.backlog()).isEqualTo(new Outbox.Backlog(0, 0, Duration.ZERO));
  }

  @Test
  void batchesAreFurtherApartTheLongerOneTakes() {
    assertThat(
            LongStream.of(1, 6, 12, 300)
                .map(millis -> TimeUnit.MILLISECONDS.toNanos(millis))
                .mapToObj(Sequencer::pace))
        .extracting(Duration::toMillis)
        .containsExactly(15L, 18L, 36L, 60L);
  }

  @Test
  void leavesNothingOfAnEventWhoseTransactionRollsBack() {
    Outbox outbox = outbox(database);
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                database.inTransactionVoid(
                    tx -> {
                      outbox.append(tx, EventTables.event("order-1", 1));
                      throw new IllegalStateException("no");
                    }));
    append(outbox, "order-2", 1);
    assertThat(positioned(1)).extracting(EventTables::name).containsExactly("order-2 v1");
  }

  // A position given at the insert would be the smaller one, and the reader past it for ever.
  @Test
  void aReaderMissesNothingWhenAnOlderTransactionCommitsAfterANewerOneWasRead() {
    Outbox outbox = outbox(database);
    try (Handle older = Jdbi.open(postgres.url())) {
      older.begin();
      insertAsAnotherProcess(older, "older");
      append(outbox, "newer", 1);
      long seen = positioned(1).getLast().position();
      older.commit();
      await().until(() -> !store.read(seen, 10).isEmpty());
      assertThat(store.read(seen, 10)).extracting(EventTables::name).containsExactly("older v1");
    }
  }

  @Test
  void givesConsecutivePositionsInTheOrderOfEachAggregateWhileManyProcessesWrite()
      throws Exception {
    long aggregates = 12;
    long versions = 30;
    // Each with a pool of its own, and so does the reader: a pool is slow to grow on a busy
    // machine.
    List<Database> processes = List.of(another(), another(), another());
    List<Event> read = new ArrayList<>();
    AtomicBoolean written = new AtomicBoolean();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<?> reader = threads.submit(() -> readUntil(written, read));
      try {
        List<Future<?>> writers =
            processes.stream()
                .<Future<?>>map(
                    process -> threads.submit(() -> write(process, aggregates, versions)))
                .toList();
        for (Future<?> writer : writers) {
          writer.get(60, TimeUnit.SECONDS);
        }
        await().atMost(Duration.ofSeconds(30)).until(() -> store.last() == aggregates * versions);
      } finally {
        // Also if something failed: the threads are waited for.
        written.set(true);
      }
      reader.get(10, TimeUnit.SECONDS);
    }
    assertThat(read)
        .extracting(Event::position)
        .containsExactlyElementsOf(
            LongStream.rangeClosed(1, aggregates * versions).boxed().toList());
    Map<String, Long> last = new HashMap<>();
    assertThat(read)
        .allSatisfy(
            event ->
                assertThat(event.aggregate().version())
                    .isEqualTo(last.merge(event.aggregate().id(), 1L, Long::sum)));
  }

  @Test
  void holdsBackAnEventWhoseVersionIsNotTheNextOne() {
    Outbox outbox = outbox(database);
    append(outbox, "order-1", 1);
    append(outbox, "order-1", 3);
    append(outbox, "order-2", 1);
    assertThat(positioned(2))
        .extracting(EventTables::name)
        .containsExactlyInAnyOrder("order-1 v1", "order-2 v1");
    append(outbox, "order-2", 1);
    await().until(() -> outbox.backlog().held() == 2);
    assertThat(outbox.backlog().waiting()).isZero();
    assertThat(store.last()).isEqualTo(2);
  }

  @Test
  void givesPositionsToEventsOfAProcessThatDied() {
    database.inTransactionVoid(tx -> insertAsAnotherProcess(tx, "orphan"));
    outbox(database);
    assertThat(positioned(1)).extracting(EventTables::name).containsExactly("orphan v1");
  }

  @Test
  void goesOnInTheNextBatchWhereTheLastOneEnded() {
    int many = 2 * Sequencer.BATCH + 1;
    database.inTransactionVoid(
        tx -> {
          for (long version = 1; version <= many; version++) {
            insert(tx, "order-1", version);
          }
        });
    outbox(database);
    await().until(() -> store.last() == many);
    assertThat(store.readAggregate("shop.order", "order-1", many - 1L, 10))
        .extracting(Event::position)
        .containsExactly(many - 1L, (long) many);
    assertThat(store.read(many - 2L, 1)).extracting(Event::position).containsExactly(many - 1L);
  }

  @Test
  void readsTheEventsOfSomeBuckets() {
    Outbox outbox = outbox(database);
    for (int i = 0; i < 40; i++) {
      append(outbox, "order-" + i, 1);
    }
    List<Event> all = positioned(40);
    int bucket = all.getFirst().aggregate().bucket();
    assertThat(store.read(0, List.of(bucket), 40))
        .extracting(Event::position)
        .containsExactlyElementsOf(
            all.stream()
                .filter(event -> event.aggregate().bucket() == bucket)
                .map(Event::position)
                .toList())
        .hasSizeLessThan(40);
  }

  @Test
  void tellsReadersOfOtherProcessesHowFarTheLogGoes() throws Exception {
    Outbox outbox = outbox(database);
    append(outbox, "order-1", 1);
    positioned(1);
    EventWatch elsewhere = open(new EventWatch(another()));
    assertThat(elsewhere.last()).isZero();
    elsewhere.start();
    // What happened before it listened, too.
    assertThat(elsewhere.awaitAfter(0, Duration.ofSeconds(10))).isTrue();
    assertThat(elsewhere.last()).isOne();
    long mark = elsewhere.mark();
    append(outbox, "order-1", 2);
    assertThat(elsewhere.awaitAfter(mark, Duration.ofSeconds(10))).isTrue();
    assertThat(elsewhere.last()).isEqualTo(2);
  }

  @Test
  void neverChangesOrDeletesAnEvent() {
    append(outbox(database), "order-1", 1);
    positioned(1);
    assertThatThrownBy(() -> database.inTransactionVoid(tx -> tx.execute("DELETE FROM event")))
        .hasMessageContaining("events stay");
    assertThatThrownBy(
            () -> database.inTransactionVoid(tx -> tx.execute("UPDATE event SET type = ''")))
        .hasMessageContaining("events stay");
  }

  @Test
  void makesPartitionsAheadAndKeepsEventsThere() {
    database.inTransactionVoid(EventStore::makePartitions);
    assertThat(partitions()).hasSize(4);
    database.shiftClock(Duration.ofDays(80));
    try {
      database.inTransactionVoid(EventStore::makePartitions);
      database.inTransactionVoid(EventStore::makePartitions);
      assertThat(partitions()).hasSizeBetween(6, 7);
      append(outbox(database), "order-1", 1);
      positioned(1);
    } finally {
      database.shiftClock(Duration.ZERO);
    }
    int elsewhere =
        database.read(
            tx ->
                tx.createQuery("SELECT count(*) FROM ONLY event_otherwise")
                    .mapTo(Integer.class)
                    .one());
    assertThat(elsewhere).isZero();
  }

  @Test
  void refusesATypeOrAnIdThatNamesNoAggregate() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> EventTables.event("confirmed", "order-1", 1))
        .withMessageContaining("shop.order.confirmed");
    assertThatIllegalArgumentException().isThrownBy(() -> EventTables.event("order-1", 0));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> EventTables.event("o".repeat(256), 1))
        .withMessageContaining("256 characters");
  }

  private Outbox outbox(Database database) {
    EventWatch watch = open(new EventWatch(database));
    Sequencer sequencer = open(new Sequencer(database, "order-svc", watch));
    sequencer.start();
    return new Outbox(database, "order-svc", sequencer);
  }

  private Database another() {
    return open(postgres.another());
  }

  private <T extends AutoCloseable> T open(T closeable) {
    opened.add(closeable);
    return closeable;
  }

  private void append(Outbox outbox, String aggregate, long version) {
    database.inTransaction(tx -> outbox.append(tx, EventTables.event(aggregate, version)));
  }

  /** A third of the aggregates, in turns. */
  private void write(Database process, long aggregates, long versions) {
    Outbox outbox = outbox(process);
    long mine = aggregates / 3;
    String name = "order-" + UuidV7.next() + "-";
    for (long version = 1; version <= versions; version++) {
      for (long aggregate = 0; aggregate < mine; aggregate++) {
        NewEvent event = EventTables.event(name + aggregate, version);
        process.inTransactionVoid(tx -> outbox.append(tx, event));
      }
    }
  }

  /** As {@link Outbox#append} does, by somebody who wakes nobody here. */
  private static void insertAsAnotherProcess(Handle tx, String aggregate) {
    insert(tx, aggregate, 1);
  }

  private static void insert(Handle tx, String aggregate, long version) {
    tx.execute(
        """
        INSERT INTO outbox (event_id, source, type, schema_version, aggregate_type, aggregate_id,
          aggregate_version, bucket, content_type, data_schema, payload, correlation_id, recorded_at)
        VALUES (gen_random_uuid(), 'order-svc', 'shop.order.changed', 1, 'shop.order', ?, ?, ?, '',
          '', ?, '', now())
        """,
        aggregate,
        version,
        new Event.Aggregate("shop.order", aggregate, 1).bucket(),
        "x".getBytes(StandardCharsets.UTF_8));
  }

  /** The events, once there are so many. */
  private List<Event> positioned(int count) {
    await().atMost(Duration.ofSeconds(20)).until(() -> store.last() >= count);
    return store.read(0, count + 1);
  }

  private void readUntil(AtomicBoolean written, List<Event> read) {
    boolean last = false;
    while (true) {
      long seen = read.isEmpty() ? 0 : read.getLast().position();
      List<Event> more = store.read(seen, 7);
      read.addAll(more);
      if (more.isEmpty() && last) {
        return;
      }
      last = written.get();
    }
  }

  private List<String> partitions() {
    return database.read(
        tx ->
            tx.createQuery(
                    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent ="
                        + " 'event'::regclass")
                .mapTo(String.class)
                .list());
  }
}
