package dev.weft.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * How many orders a second are confirmed, how long one takes, what it costs the database, and how
 * much of that the same database could take.
 *
 * <p>Arguments: the seconds of each measurement (20), then the numbers of customers (1 8 16 32).
 * Each customer orders one of 64 products over REST, watches the order until it is CONFIRMED, and
 * orders again. Latency is from the 201 to the watch's line that says CONFIRMED, as the customer
 * reads it: the watch begins after the 201, so an order that is quicker than the watch's first
 * answer counts as long as that. Beside it stands what the database's clock says, from the
 * beginning of the transaction that accepted the order to that of the one that confirmed it.
 *
 * <p>Commits are counted as transaction numbers that the whole server gave out, which reads get
 * none of, less those of as many idle seconds. The commit rate is that of as many connections as
 * there are customers, each updating and committing a row of its own, with the services idle;
 * measured before and after each measurement of orders, since a machine's disk is not the same
 * every minute. The ratio is orders/s by (commits/s by commits per order).
 */
public final class OrderThroughput {
  private static final int PRODUCTS = 64;
  private static final int WARM_UP_CUSTOMERS = 8;
  private static final int CONNECTIONS_MAX = 24;
  private static final Duration WARM_UP = Duration.ofSeconds(20);
  private static final Duration COMMITS = Duration.ofSeconds(3);

  /** Idle sessions hand in what they counted after ten seconds. */
  private static final Duration COUNTED = Duration.ofSeconds(11);

  private final RunningShop shop;
  private final Connection database;
  private final List<String> products = new ArrayList<>();
  private final List<Customer> customers = new ArrayList<>();

  private OrderThroughput(RunningShop shop, Connection database) {
    this.shop = shop;
    this.database = database;
  }

  /** What the database has done so far. */
  private record Work(long nanos, long writes, long transactions, long flushes) {
    Work since(Work before) {
      return new Work(
          nanos - before.nanos,
          writes - before.writes,
          transactions - before.transactions,
          flushes - before.flushes);
    }

    Work less(Work idle) {
      double share = (double) nanos / idle.nanos;
      return new Work(
          nanos,
          Math.round(writes - share * idle.writes),
          Math.round(transactions - share * idle.transactions),
          Math.round(flushes - share * idle.flushes));
    }
  }

  /**
   * What the read model of orders has done so far.
   *
   * @param events each taken in by a transaction of its own
   */
  private record ReadModel(long events, long rows) {
    ReadModel since(ReadModel before) {
      return new ReadModel(events - before.events, rows - before.rows);
    }
  }

  /**
   * Orders of one measurement.
   *
   * @param millis from accepted to CONFIRMED, sorted
   */
  private record Orders(double perSecond, List<Double> millis) {
    double percentile(int percent) {
      return OrderThroughput.percentile(millis, percent);
    }
  }

  public static void main(String[] args)
      throws IOException, InterruptedException, SQLException, ExecutionException {
    Duration length = Duration.ofSeconds(args.length > 0 ? Integer.parseInt(args[0]) : 20);
    int[] sizes =
        args.length > 1
            ? Arrays.stream(args).skip(1).mapToInt(Integer::parseInt).toArray()
            : new int[] {1, 8, 16, 32};
    System.out.println(RunningShop.machine());
    System.out.println("preparing: build, start, warm-up");
    try (RunningShop shop = RunningShop.open("order-throughput");
        Connection database = shop.connect("postgres")) {
      var bench = new OrderThroughput(shop, database);
      bench.prepare(Arrays.stream(sizes).max().orElse(1));
      Work idle = bench.idle();
      System.out.printf(
          Locale.ROOT,
          "idle: %.1f writing and %.1f transactions in all a second%n",
          idle.writes * 1e9 / idle.nanos,
          idle.transactions * 1e9 / idle.nanos);
      System.out.println(
          "customers  orders/s  p50 ms  p99 ms  by the database p50  p99  commits/order"
              + "  transactions  WAL flushes  commits/s  ratio  load");
      for (int size : sizes) {
        bench.measure(size, length, idle);
      }
    }
  }

  private void prepare(int atMost)
      throws IOException, InterruptedException, SQLException, ExecutionException {
    JsonNode demo = shop.demo().get("admin");
    var admin =
        Customer.loggedIn(shop.edge(), demo.get("email").asText(), demo.get("password").asText());
    for (int i = 0; i < PRODUCTS; i++) {
      products.add(admin.makeProduct("Bench " + i));
    }
    try (Statement statement = database.createStatement()) {
      statement.execute("CREATE TABLE commit_rate (id int PRIMARY KEY, n bigint NOT NULL)");
      statement.execute(
          "INSERT INTO commit_rate SELECT i, 0 FROM generate_series(0, %d) i"
              .formatted(CONNECTIONS_MAX - 1));
    }
    register(Math.max(WARM_UP_CUSTOMERS, atMost));
    order(WARM_UP_CUSTOMERS, WARM_UP);
  }

  private void register(int count) throws IOException, InterruptedException {
    customers.clear();
    for (int i = 0; i < count; i++) {
      customers.add(Customer.registered(shop.edge()));
    }
  }

  private Work idle() throws InterruptedException, SQLException {
    TimeUnit.NANOSECONDS.sleep(COUNTED.toNanos());
    Work before = work();
    TimeUnit.NANOSECONDS.sleep(COUNTED.toNanos());
    return work().since(before);
  }

  private void measure(int size, Duration length, Work idle)
      throws IOException, InterruptedException, SQLException, ExecutionException {
    register(size); // logs in anew
    int connections = Math.min(size, CONNECTIONS_MAX);
    double rateBefore = commitRate(connections);
    TimeUnit.NANOSECONDS.sleep(COUNTED.toNanos());
    Work before = work();
    ReadModel viewBefore = readModel();
    Map<String, Duration> timeBefore = shop.processorTime();
    String since = now();
    Orders orders = order(size, length);
    String load = RunningShop.load();
    Map<String, Duration> timeAfter = shop.processorTime();
    List<Double> stamped = stamped(since);
    TimeUnit.NANOSECONDS.sleep(COUNTED.toNanos());
    Work work = work().since(before).less(idle);
    double rate = (rateBefore + commitRate(connections)) / 2;
    int count = orders.millis.size();
    double commits = (double) work.writes / count;
    System.out.printf(
        Locale.ROOT,
        "%9d  %8.1f  %6.1f  %6.1f  %19.1f  %3.0f  %13.1f  %12.1f  %11.1f  %9.0f  %4.0f%%  %s%n",
        size,
        orders.perSecond,
        orders.percentile(50),
        orders.percentile(99),
        percentile(stamped, 50),
        percentile(stamped, 99),
        commits,
        (double) work.transactions / count,
        (double) work.flushes / count,
        rate,
        100 * orders.perSecond * commits / rate,
        load);
    ReadModel view = readModel().since(viewBefore);
    System.out.printf(
        Locale.ROOT,
        "           read model: %.1f transactions and %.1f rows written an order%n",
        (double) view.events / count,
        (double) view.rows / count);
    System.out.println(
        "           processor ms/order:" + RunningShop.millisEach(count, timeBefore, timeAfter));
  }

  /** Lets so many customers order, each one order after the other. */
  private Orders order(int size, Duration length)
      throws IOException, InterruptedException, ExecutionException {
    var millis = new ConcurrentLinkedQueue<Double>();
    long began = System.nanoTime();
    long end = began + length.toNanos();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Void>> all = new ArrayList<>();
      for (Customer customer : customers.subList(0, size)) {
        all.add(
            threads.submit(
                () -> {
                  while (System.nanoTime() < end) {
                    millis.add(orderOnce(customer));
                  }
                  return null;
                }));
      }
      for (Future<Void> one : all) {
        one.get();
      }
    }
    double seconds = (System.nanoTime() - began) / 1e9;
    return new Orders(millis.size() / seconds, millis.stream().sorted().toList());
  }

  private double orderOnce(Customer customer) throws IOException, InterruptedException {
    String product = products.get(ThreadLocalRandom.current().nextInt(products.size()));
    String order = customer.order(product, "card_ok");
    long accepted = System.nanoTime();
    String state = customer.watchToTheEnd(order);
    if (!state.equals("STATE_CONFIRMED")) {
      throw new IllegalStateException("order " + order + " ended " + state);
    }
    return (System.nanoTime() - accepted) / 1e6;
  }

  /** Commits a second of so many connections, each updating a row of its own. */
  private double commitRate(int connections)
      throws IOException, InterruptedException, SQLException, ExecutionException {
    long count = 0;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Long>> all = new ArrayList<>();
      for (int i = 0; i < connections; i++) {
        int row = i;
        all.add(threads.submit(() -> commits(row)));
      }
      for (Future<Long> one : all) {
        count += one.get();
      }
    }
    return count / (double) COMMITS.toSeconds();
  }

  private long commits(int row) throws IOException, SQLException {
    try (Connection connection = shop.connect("postgres");
        var update =
            connection.prepareStatement("UPDATE commit_rate SET n = n + 1 WHERE id = " + row)) {
      long end = System.nanoTime() + COMMITS.toNanos();
      long count = 0;
      while (System.nanoTime() < end) {
        update.executeUpdate(); // commits by itself
        count++;
      }
      return count;
    }
  }

  private Work work() throws SQLException {
    try (Statement statement = database.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
                       (SELECT sum(xact_commit) FROM pg_stat_database),
                       (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')
                """)) {
      row.next();
      return new Work(System.nanoTime(), row.getLong(1), row.getLong(2), row.getLong(3));
    }
  }

  private ReadModel readModel() throws IOException, SQLException {
    try (Connection orders = shop.connect("order_svc");
        Statement statement = orders.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                SELECT (SELECT count(*) FROM inbox WHERE consumer = 'order-view'),
                       (SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables
                         WHERE relname IN ('order_view', 'order_view_change', 'order_view_count',
                                           'inbox', 'inbox_aggregate'))
                """)) {
      row.next();
      return new ReadModel(row.getLong(1), row.getLong(2));
    }
  }

  private String now() throws SQLException {
    try (Statement statement = database.createStatement();
        ResultSet row = statement.executeQuery("SELECT now()::text")) {
      row.next();
      return row.getString(1);
    }
  }

  /** From accepted to CONFIRMED by the rows' stamps, in milliseconds, sorted. */
  private List<Double> stamped(String since) throws IOException, SQLException {
    try (Connection orders = shop.connect("order_svc");
        var query =
            orders.prepareStatement(
                """
                SELECT 1e3 * extract(epoch FROM update_time - create_time) FROM customer_order
                 WHERE state = 'CONFIRMED' AND create_time > ?::timestamptz ORDER BY 1
                """)) {
      query.setString(1, since);
      List<Double> all = new ArrayList<>();
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          all.add(rows.getDouble(1));
        }
      }
      return all;
    }
  }

  private static double percentile(List<Double> sorted, int percent) {
    return sorted.isEmpty()
        ? Double.NaN
        : sorted.get(Math.min(sorted.size() - 1, sorted.size() * percent / 100));
  }
}
