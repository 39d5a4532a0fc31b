package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.StringValue;
import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.ParkedEvents;
import dev.weft.durable.ParkedEvents.Reason;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import dev.weft.testkit.PostgresExtension;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A service that says events, one that handles them, and a way between them. */
abstract class EventFixture {
  @RegisterExtension static final PostgresExtension sourceDatabase = new PostgresExtension();
  @RegisterExtension static final PostgresExtension consumerDatabase = new PostgresExtension();

  static final String SOURCE = "order-svc";
  static final String CONSUMER = "payments-of-orders";
  static final String ALL = "shop.order.*";

  static final RetryPolicy QUICK = new RetryPolicy(3, Duration.ofMillis(10), Duration.ofMillis(40));
  static final Duration WAIT = Duration.ofSeconds(30);

  final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("test", "test"));
  final Database source = sourceDatabase.database();
  final Database consumer = consumerDatabase.database();
  private final Map<String, Long> versions = new HashMap<>();
  final List<AutoCloseable> opened = new ArrayList<>();
  EventLog log = eventLog();

  /** Lets others have the events of the log, from a process that has just started. */
  abstract void serve(EventLog log, Database database);

  /** Ends that process as a crash would. */
  abstract void crash();

  /** The transport as a process of the consumer has it. */
  abstract EventTransport transport();

  /** Waits until what was said is where consumers get it; what is under way may come twice. */
  void awaitPublished() {
    await().atMost(WAIT).until(() -> log.store().last() == total());
  }

  @BeforeEach
  void begin() {
    for (Database database : List.of(source, consumer)) {
      database.inTransactionVoid(
          tx -> {
            // New files for every table and index take seconds on a busy disk.
            tx.execute("SET LOCAL statement_timeout = '30s'");
            tx.execute(
                """
                TRUNCATE outbox, event, event_aggregate, event_group_bucket, event_group_member,
                  inbox, inbox_aggregate, event_parked
                """);
            tx.execute("UPDATE event_counter SET last = 0");
          });
    }
    consumer.inTransactionVoid(
        tx -> {
          tx.execute("DROP TABLE IF EXISTS effect");
          tx.execute(
              "CREATE TABLE effect (n bigint GENERATED ALWAYS AS IDENTITY, id text, version bigint)");
        });
    log.start();
    serve(log, source);
  }

  @AfterEach
  void end() throws Exception {
    for (AutoCloseable one : opened.reversed()) {
      one.close();
    }
    crash();
    log.close();
    telemetry.close();
  }

  static Subscription all() {
    return Subscription.of(CONSUMER, SOURCE, ALL).retries(QUICK);
  }

  EventBus bus() {
    return bus(transport());
  }

  EventBus bus(EventTransport transport) {
    Database another = consumerDatabase.anotherDatabase();
    opened.add(another);
    EventBus bus = new EventBus(another, transport, telemetry, 4, Duration.ofMillis(50), () -> {});
    opened.add(bus);
    return bus;
  }

  Subscriber subscriber(Database database, Subscription subscription, EventHandler handler) {
    return new Subscriber(subscription, handler, shared(database), Duration.ofMillis(50), () -> {});
  }

  Subscriber.Shared shared(Database database) {
    return new Subscriber.Shared(
        database,
        new PriorityGate(4),
        List.of(),
        new EventTrace(telemetry.tracer("test")),
        new EventMetrics(telemetry.meter("test"), InstantSource.system()),
        InstantSource.system());
  }

  EventLog eventLog() {
    return new EventLog(
        source,
        SOURCE,
        EventGrants.of(
            EventGrants.grant("payment-svc", CONSUMER, ALL),
            EventGrants.grant("payment-svc", "stock-of-orders", ALL)),
        telemetry,
        new EventStream.Pace(
            Duration.ofMillis(800), Duration.ofMillis(100), Duration.ofMillis(300)));
  }

  void effect(Handle tx, Event event) {
    tx.execute(
        "INSERT INTO effect (id, version) VALUES (?, ?)",
        event.aggregate().id(),
        event.aggregate().version());
  }

  /** So many aggregates, each with so many events more, in turns. */
  void publishRounds(int aggregates, int rounds) {
    for (int round = 0; round < rounds; round++) {
      for (int a = 0; a < aggregates; a++) {
        publish("order-" + a, "shop.order.changed");
      }
    }
  }

  void publish(String id, String type) {
    publish(id, type, 1);
  }

  void publish(String id, String type, int schemaVersion) {
    long version = versions.merge(id, 1L, Long::sum);
    source.inTransaction(
        tx -> log.publish(tx, type, schemaVersion, id, version, StringValue.of(id)));
  }

  int total() {
    return (int) versions.values().stream().mapToLong(Long::longValue).sum();
  }

  void awaitEffects(int count) {
    await()
        .atMost(WAIT)
        .until(() -> effects().values().stream().mapToInt(Collection::size).sum() >= count);
    assertThat(effects().values().stream().mapToInt(Collection::size).sum()).isEqualTo(count);
  }

  /** By aggregate, in the order in which they happened. */
  Map<String, List<Long>> effects() {
    return consumer.read(
        tx -> {
          Map<String, List<Long>> effects = new HashMap<>();
          tx.createQuery("SELECT id, version FROM effect ORDER BY n")
              .map(
                  (row, _) ->
                      effects
                          .computeIfAbsent(row.getString("id"), _ -> new ArrayList<>())
                          .add(row.getLong("version")))
              .list();
          return effects;
        });
  }

  Map<Reason, Long> parked() {
    return consumer.read(new ParkedEvents(CONSUMER)::counts);
  }

  List<ParkedEvents.Parked> letters() {
    return consumer.read(
        tx -> ParkedEvents.dead(tx, Optional.of(CONSUMER), Optional.empty(), Optional.empty(), 10));
  }

  void redriveAll() {
    letters()
        .forEach(
            letter ->
                consumer.inTransactionVoid(
                    tx -> new ParkedEvents(CONSUMER).redrive(tx, letter.event().id())));
  }

  static List<Long> upTo(long version) {
    return Stream.iterate(1L, v -> v + 1).limit(version).toList();
  }

  /** What arrives, and what is done about it. */
  record Received(Step step) implements EventTransport.Receiver {
    interface Step {
      void take(Event event) throws InterruptedException;
    }

    @Override
    public void receive(Event event) throws InterruptedException {
      step.take(event);
    }

    @Override
    public void unreadable(byte[] message, String why) {
      throw new AssertionError(why);
    }

    @Override
    public void givenUp(Event event, String why) {
      throw new AssertionError(why);
    }
  }
}
