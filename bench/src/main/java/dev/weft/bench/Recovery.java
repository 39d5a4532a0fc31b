package dev.weft.bench;

import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * How long order-svc takes to bring every saga to its end after {@code kill -9} with a thousand of
 * them in flight.
 *
 * <p>Arguments: how often (3), how many sagas (1000), and which process is frozen meanwhile so that
 * they stay in flight (card-network; also payment-svc or inventory-svc). It goes on at the moment
 * order-svc is killed; the supervisor restarts order-svc. Times are counted three ways: from the
 * kill, from the new process, and from when that is ready; the look-outs are 50 ms apart. The
 * processor time is what each process used from the kill to the end, by sagas.
 */
public final class Recovery {
  private static final String ORDER = "order-svc";
  private static final int PRODUCTS = 16;
  private static final int PLACING_AT_ONCE = 16;
  private static final int ORDERS_OF_ONE = 250;
  private static final int REFUSALS_MAX = 2_000;
  private static final long LIMIT = TimeUnit.MINUTES.toNanos(3);
  private static final long LOOK_MILLIS = 50;

  private final RunningShop shop;
  private final Connection orders;
  private final List<String> products;

  private Recovery(RunningShop shop, Connection orders, List<String> products) {
    this.shop = shop;
    this.orders = orders;
    this.products = products;
  }

  private record Run(double sinceKill, double sinceProcess, double sinceReady) {}

  public static void main(String[] args)
      throws IOException, InterruptedException, SQLException, ExecutionException {
    int runs = args.length > 0 ? Integer.parseInt(args[0]) : 3;
    int count = args.length > 1 ? Integer.parseInt(args[1]) : 1_000;
    String frozen = args.length > 2 ? args[2] : "card-network";
    System.out.println(RunningShop.machine());
    System.out.println("preparing: build, start");
    try (RunningShop shop = RunningShop.open("recovery");
        Connection orders = shop.connect("order_svc")) {
      var admin = shop.demo().get("admin");
      var administrator =
          Customer.loggedIn(
              shop.edge(), admin.get("email").asText(), admin.get("password").asText());
      List<String> products = new ArrayList<>();
      for (int i = 0; i < PRODUCTS; i++) {
        products.add(administrator.makeProduct("Bench " + i));
      }
      var bench = new Recovery(shop, orders, products);
      System.out.println("  until all have ended, s: since the kill  the new process  it is ready");
      List<Run> all = new ArrayList<>();
      for (int i = 0; i < runs; i++) {
        all.add(bench.once(count, frozen));
      }
      double[] ready = all.stream().mapToDouble(Run::sinceReady).sorted().toArray();
      System.out.printf(
          Locale.ROOT,
          "all ended after it was ready: median %.1f s, %.1f to %.1f s over %d runs, load %s%n",
          ready[ready.length / 2],
          ready[0],
          ready[ready.length - 1],
          ready.length,
          RunningShop.load());
    }
  }

  private Run once(int count, String frozen)
      throws IOException, InterruptedException, SQLException, ExecutionException {
    List<Customer> customers = new ArrayList<>();
    for (int i = 0; i * ORDERS_OF_ONE < count; i++) {
      customers.add(Customer.registered(shop.edge()));
    }
    long killed = shop.pid(ORDER);
    shop.signal(frozen, "STOP");
    try {
      place(count, customers);
      System.out.println("  in flight: " + steps());
      shop.signal(ORDER, "KILL");
    } finally {
      shop.signal(frozen, "CONT");
    }
    return recover(killed, count);
  }

  private Run recover(long killed, int count)
      throws IOException, InterruptedException, SQLException {
    long kill = System.nanoTime();
    Map<String, Duration> timeBefore = shop.processorTime();
    timeBefore.put(ORDER, Duration.ZERO); // of the process that takes its place
    Duration start = Duration.ZERO;
    long process = 0;
    long ready = 0;
    long said = kill;
    while (true) {
      long now = System.nanoTime();
      if (process == 0 && shop.pid(ORDER) != killed && shop.pid(ORDER) != 0) {
        process = now;
      }
      if (process != 0 && ready == 0 && shop.ready(ORDER)) {
        ready = now;
        start = shop.processorTime().getOrDefault(ORDER, Duration.ZERO);
      }
      boolean ended = allEnded();
      if (ended && ready != 0) {
        Run run = new Run(seconds(kill), seconds(process), seconds(ready));
        System.out.printf(
            Locale.ROOT,
            "  %42.1f  %15.1f  %11.1f   load %s; orders: %s%n",
            run.sinceKill(),
            run.sinceProcess(),
            run.sinceReady(),
            RunningShop.load(),
            states());
        System.out.printf(
            "  processor ms/saga:%s; %s took %d ms to be ready%n",
            RunningShop.millisEach(count, timeBefore, shop.processorTime()),
            ORDER,
            start.toMillis());
        return run;
      }
      if (now - kill > LIMIT) {
        throw new IllegalStateException(unended() + " sagas have not ended: " + steps());
      }
      if (now - said > TimeUnit.SECONDS.toNanos(2)) {
        said = now;
        System.out.printf(Locale.ROOT, "    %5.1f s: %d left%n", seconds(kill), unended());
      }
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
    }
  }

  /** Places so many orders, and again those that are turned away for a moment. */
  private void place(int count, List<Customer> customers)
      throws InterruptedException, ExecutionException {
    var next = new AtomicInteger();
    var refusals = new AtomicInteger();
    try (ExecutorService threads = Executors.newFixedThreadPool(PLACING_AT_ONCE)) {
      List<Future<?>> all = new ArrayList<>();
      for (int i = 0; i < PLACING_AT_ONCE; i++) {
        all.add(
            threads.submit(
                () -> {
                  for (int n = next.getAndIncrement(); n < count; n = next.getAndIncrement()) {
                    placeOne(n, customers.get(n / ORDERS_OF_ONE), refusals);
                  }
                  return null;
                }));
      }
      for (Future<?> one : all) {
        one.get();
      }
    }
    System.out.printf("  placed %d, turned away %d times%n", count, refusals.get());
  }

  private void placeOne(int n, Customer customer, AtomicInteger refusals)
      throws IOException, InterruptedException {
    while (true) {
      try {
        customer.order(products.get(n % PRODUCTS), "card_ok");
        return;
      } catch (IllegalStateException e) {
        if (refusals.incrementAndGet() > REFUSALS_MAX) {
          throw e;
        }
        TimeUnit.MILLISECONDS.sleep(100);
      }
    }
  }

  /** Asks little, since what it asks shares the processor with what is measured. */
  private boolean allEnded() throws SQLException {
    return text("SELECT NOT EXISTS (SELECT FROM saga WHERE due_at IS NOT NULL)").equals("t");
  }

  private long unended() throws SQLException {
    return Long.parseLong(text("SELECT count(*)::text FROM saga WHERE due_at IS NOT NULL"));
  }

  /** How many sagas are at which step. */
  private String steps() throws SQLException {
    return text(
        """
        SELECT string_agg(n || ' ' || state || ' at step ' || step, ', ') FROM (
          SELECT state, step, count(*) AS n FROM saga WHERE due_at IS NOT NULL
           GROUP BY state, step ORDER BY step) AS each_step
        """);
  }

  private String states() throws SQLException {
    return text(
        """
        SELECT string_agg(n || ' ' || state, ', ') FROM (
          SELECT state, count(*) AS n FROM customer_order GROUP BY state ORDER BY state) AS each
        """);
  }

  private String text(String query) throws SQLException {
    try (Statement statement = orders.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      return String.valueOf(row.getString(1));
    }
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) / 1e9;
  }
}
