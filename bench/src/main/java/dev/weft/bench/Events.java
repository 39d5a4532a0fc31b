package dev.weft.bench;

import com.google.protobuf.StringValue;
import dev.weft.durable.Database;
import dev.weft.durable.DatabaseConfig;
import dev.weft.durable.Event;
import dev.weft.durable.EventGroups;
import dev.weft.durable.LocalPostgres;
import dev.weft.events.EventBus;
import dev.weft.events.EventGrants;
import dev.weft.events.EventLog;
import dev.weft.events.EventTransports;
import dev.weft.events.RabbitPublisher;
import dev.weft.events.Subscription;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshServer;
import dev.weft.testkit.ProcessMesh;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;

/**
 * What events cost and how long they take, from one service to another over the wire, on a durable
 * PostgreSQL; both services, their databases and the one who asks share the machine. They go by
 * gRPC, or over the RabbitMQ that {@code WEFT_EVENTS_URL} names.
 *
 * <p>Arguments: seconds of the measurement of lag (20), events a second in it (200), events of the
 * measurements of throughput (50000).
 */
public final class Events implements AutoCloseable {
  private static final String SOURCE = "order-svc";
  private static final String READER = "payment-svc";
  private static final String TYPES = "shop.order.*";
  private static final String BACKLOG = "backlog";
  private static final String STEADY = "steady";
  private static final int COUNTED = 2_000;
  private static final int WRITERS = 4;
  private static final int MANY = 1_000;
  private static final int FEW = 5;
  private static final long LOOK_NANOS = 5_000_000;
  private static final long HANDLED_MAX = 10_000;
  private static final double THROUGHPUT_MIN = 5_000;

  private final Path home;
  private final LocalPostgres postgres;
  private final Map<String, String> urls;
  private final Database source;
  private final Database consumer;
  private final ProcessMesh registry = new ProcessMesh();
  private final EventLog log;
  private final MeshServer server;
  private final Mesh reader;
  private final AtomicLong aggregates = new AtomicLong();

  private Events() throws IOException {
    home = Files.createTempDirectory("weft-bench-");
    postgres = LocalPostgres.start(home, 0);
    urls = postgres.provision(List.of("source", "consumer"));
    source = database("source");
    source.migrate();
    consumer = database("consumer");
    consumer.migrate();
    consumer.inTransactionVoid(tx -> tx.execute("CREATE TABLE effect (id text, version bigint)"));
    source.inTransactionVoid(
        tx -> tx.execute("CREATE TABLE thing (id text PRIMARY KEY, version bigint NOT NULL)"));
    Mesh mesh = registry.mesh(SOURCE);
    EventTransports ways = EventTransports.from(Env.system(), SOURCE);
    log =
        ways.log(
            source,
            EventGrants.of(
                EventGrants.grant(READER, BACKLOG, TYPES),
                EventGrants.grant(READER, STEADY, TYPES)),
            mesh);
    server = mesh.server(log.service());
    server.start();
    reader = registry.mesh(READER);
    System.out.println("events travel by " + ways);
  }

  public static void main(String[] args) throws Exception {
    int seconds = args.length > 0 ? Integer.parseInt(args[0]) : 20;
    int rate = args.length > 1 ? Integer.parseInt(args[1]) : 200;
    int many = args.length > 2 ? Integer.parseInt(args[2]) : 50_000;
    System.out.printf(
        "machine: %d CPUs, JDK %s, load %s%n",
        Runtime.getRuntime().availableProcessors(), System.getProperty("java.version"), load());
    try (Events bench = new Events()) {
      bench.count();
      bench.cost(Duration.ofSeconds(5));
      bench.throughput(many);
      bench.lag(Duration.ofSeconds(seconds), rate);
    }
    System.out.printf("load afterwards: %s%n", load());
    System.exit(0);
  }

  /** What an event adds to the transaction that says it, by the database's own counters. */
  private void count() {
    Counters without = counted("plain", false);
    Counters with = counted("saying", true);
    System.out.printf(
        Locale.ROOT,
        "a transaction without an event: %.2f commits, %.2f rows; with one: %.2f commits, %.2f rows"
            + " written%n",
        without.commits,
        without.rows,
        with.commits,
        with.rows);
  }

  private Counters counted(String id, boolean withEvent) {
    Counters before = source.read(Events::counters);
    // Of its own, since connections that end have told what they did.
    try (Database writer = database("source")) {
      for (long version = 1; version <= COUNTED; version++) {
        long now = version;
        writer.inTransactionVoid(tx -> write(tx, id, now, withEvent));
      }
    }
    Counters after = source.read(Events::counters);
    while (after.commits - before.commits < COUNTED) {
      LockSupport.parkNanos(100_000_000);
      after = source.read(Events::counters);
    }
    return new Counters(
        (after.commits - before.commits) / COUNTED, (after.rows - before.rows) / COUNTED);
  }

  private record Counters(double commits, double rows) {}

  private static Counters counters(Handle tx) {
    return tx.createQuery(
            """
            SELECT xact_commit, tup_inserted + tup_updated AS rows FROM pg_stat_database
             WHERE datname = current_database()
            """)
        .map((row, _) -> new Counters(row.getDouble("xact_commit"), row.getDouble("rows")))
        .one();
  }

  /** Transactions a second of four writers, with an event in each and without. */
  private void cost(Duration each) throws InterruptedException {
    transactions(each, false);
    double without = transactions(each, false);
    double with = transactions(each, true);
    double again = transactions(each, false);
    System.out.printf(
        Locale.ROOT,
        "transactions/s of %d writers: %.0f without an event, %.0f with one, %.0f without again:"
            + " ratio %.2f%n",
        WRITERS,
        without,
        with,
        again,
        2 * with / (without + again));
  }

  private double transactions(Duration length, boolean withEvent) throws InterruptedException {
    AtomicLong done = new AtomicLong();
    long end = System.nanoTime() + length.toNanos();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < WRITERS; i++) {
        String id = "thing-" + aggregates.incrementAndGet();
        threads.execute(
            () -> {
              for (long version = 1; System.nanoTime() < end; version++) {
                long now = version;
                source.inTransactionVoid(tx -> write(tx, id, now, withEvent));
                done.incrementAndGet();
              }
            });
      }
    }
    return done.get() / (length.toNanos() / 1e9);
  }

  private void write(Handle tx, String id, long version, boolean withEvent) {
    tx.execute(
        "INSERT INTO thing VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version",
        id,
        version);
    if (withEvent) {
      say(tx, id, version);
    }
  }

  private UUID say(Handle tx, String id, long version) {
    return log.publish(tx, "shop.order.changed", 1, id, version, StringValue.of("x".repeat(200)));
  }

  /**
   * How fast backlogs get positions and into the broker, and how fast they are handled elsewhere.
   */
  private void throughput(int many) {
    log.start();
    Map<UUID, Long> handled = new ConcurrentHashMap<>();
    try (EventBus bus = bus()) {
      // So that in a broker there is a queue for what is said.
      subscribe(bus, BACKLOG, handled);
      awaitFirst(BACKLOG, handled);
    }
    relay("of %,d aggregates".formatted(MANY), MANY, many);
    relay("of %d aggregates".formatted(FEW), FEW, many / 5);
    handle(Math.min(many, HANDLED_MAX));
  }

  /** All of it commits at once. */
  private void relay(String what, int among, int many) {
    awaitPositions();
    long last = log.store().last() + many;
    source.inTransactionVoid(
        tx -> {
          for (int i = 0; i < many; i++) {
            UUID _ = say(tx, "bulk-" + among + "-" + i % among, i / among + 1L);
          }
        });
    long start = System.nanoTime();
    String backlog = "a backlog of %,d events %s".formatted(many, what);
    while (log.store().last() < last) {
      LockSupport.parkNanos(LOOK_NANOS);
    }
    rate(backlog + " is given positions", many, start);
    if (inBroker().isPresent()) {
      while (inBroker().orElse(0) < last) {
        LockSupport.parkNanos(LOOK_NANOS);
      }
      rate(backlog + " is given positions and confirmed by the broker", many, start);
    }
  }

  private void awaitPositions() {
    while (source.read(tx -> count(tx, "outbox")) > 0) {
      LockSupport.parkNanos(LOOK_NANOS);
    }
  }

  /** The position up to which the broker has everything, if there is one. */
  private OptionalLong inBroker() {
    return log.groups().progress().stream()
        .filter(group -> group.group().equals(RabbitPublisher.GROUP))
        .mapToLong(EventGroups.Progress::position)
        .findFirst();
  }

  private void handle(long many) {
    Map<UUID, Long> handled = new ConcurrentHashMap<>();
    long start = System.nanoTime();
    try (EventBus bus = bus()) {
      subscribe(bus, BACKLOG, handled);
      while (handled.size() < many) {
        LockSupport.parkNanos(1_000_000);
      }
      rate("handled by one consumer, each in a transaction of its own", handled.size(), start);
    }
  }

  private EventBus bus() {
    return EventTransports.from(Env.system(), READER).bus(consumer, reader);
  }

  private static void rate(String what, long events, long since) {
    double rate = events / ((System.nanoTime() - since) / 1e9);
    System.out.printf(
        Locale.ROOT, "%s: %.0f events/s, %.2f of 5,000%n", what, rate, rate / THROUGHPUT_MIN);
  }

  /** From the commit to the handler, at a steady rate. */
  private void lag(Duration length, int rate) throws InterruptedException {
    Map<UUID, Long> committed = new ConcurrentHashMap<>();
    Map<UUID, Long> handled = new ConcurrentHashMap<>();
    int warmUp = 5 * rate;
    int total = warmUp + (int) (length.toSeconds() * rate);
    UUID[] ids = new UUID[total];
    try (EventBus bus = bus();
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      subscribe(bus, STEADY, handled);
      awaitFirst(STEADY, handled);
      long start = System.nanoTime();
      for (int i = 0; i < total; i++) {
        long due = start + i * 1_000_000_000L / rate;
        LockSupport.parkNanos(due - System.nanoTime());
        int n = i;
        threads.execute(
            () -> {
              UUID id = source.inTransaction(tx -> one(tx, "lag-" + n));
              committed.put(id, System.nanoTime());
              ids[n] = id;
            });
      }
      while (committed.size() < total || !handled.keySet().containsAll(committed.keySet())) {
        LockSupport.parkNanos(5_000_000);
      }
    }
    double[] millis =
        Arrays.stream(ids)
            .skip(warmUp)
            .mapToDouble(
                id ->
                    (Objects.requireNonNull(handled.get(id))
                            - Objects.requireNonNull(committed.get(id)))
                        / 1e6)
            .sorted()
            .toArray();
    System.out.printf(
        Locale.ROOT,
        "lag from commit to handler at %d events/s, %d events: p50 %.1f ms, p95 %.1f ms, p99 %.1f"
            + " ms, max %.1f ms (bounds of p99: 50 ms by gRPC, 100 ms over a broker)%n",
        rate,
        millis.length,
        at(millis, 0.5),
        at(millis, 0.95),
        at(millis, 0.99),
        millis[millis.length - 1]);
  }

  /** Notes when each event is handled. */
  private static void subscribe(EventBus bus, String consumer, Map<UUID, Long> handled) {
    bus.subscribe(
        Subscription.of(consumer, SOURCE, TYPES).fromNowOn(),
        (tx, event) -> {
          handled.putIfAbsent(event.id(), System.nanoTime());
          effect(tx, event);
        });
  }

  /** Says events until one arrives: who wants only what is new gets it from then on. */
  private void awaitFirst(String consumer, Map<UUID, Long> handled) {
    for (int i = 0; handled.isEmpty(); i++) {
      String id = consumer + "-" + i;
      source.inTransactionVoid(tx -> one(tx, id));
      LockSupport.parkNanos(100_000_000);
    }
  }

  private UUID one(Handle tx, String id) {
    tx.execute("INSERT INTO thing VALUES (?, 1)", id);
    return say(tx, id, 1);
  }

  private static void effect(Handle tx, Event event) {
    tx.execute(
        "INSERT INTO effect VALUES (?, ?)", event.aggregate().id(), event.aggregate().version());
  }

  private static double at(double[] sorted, double quantile) {
    return sorted[(int) Math.min(sorted.length - 1L, Math.round(sorted.length * quantile))];
  }

  private static long count(Handle tx, String table) {
    return tx.createQuery("SELECT count(*) FROM " + table).mapTo(Long.class).one();
  }

  private Database database(String name) {
    return Database.open(DatabaseConfig.parse(Objects.requireNonNull(urls.get(name))));
  }

  private static String load() throws IOException {
    Path load = Path.of("/proc/loadavg");
    return Files.exists(load) ? Files.readString(load).strip() : "unknown";
  }

  @Override
  public void close() throws IOException {
    server.close();
    log.close();
    registry.close();
    source.close();
    consumer.close();
    postgres.close();
    try (Stream<Path> files = Files.walk(home)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
