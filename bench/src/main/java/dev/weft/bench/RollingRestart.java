package dev.weft.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.weft.bench.Flood.Answer;
import dev.weft.bench.Flood.Result;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What callers notice while every service is restarted, one process after the other, over and over:
 * {@code RollingRestart [requests a second] [seconds] [apart]}, 200 and 60 by default, each service
 * with two instances. With {@code apart}, a process that begins yields to all others until it is
 * ready, as if it did not share its processors with them.
 *
 * <p>Asked are: what a service reads for somebody, of two of them in turns; one order in fifty,
 * which takes all four; refresh tokens, each good for one use, so that a call that is lost or made
 * twice ends the login; and watches of stock, each begun again when it says that its server goes.
 * Whatever else happens to any of them is a failure. Retries are those that the edge and the
 * services made among themselves, as they say before they are restarted and in the end; what a
 * process repeats while it stops is not known.
 */
public final class RollingRestart {
  private static final int CUSTOMERS = 16;

  /** One of so many requests. */
  private static final int ORDER_OF = 50;

  private static final int WATCHES = 5;
  private static final int CONNECTIONS = 200;

  /** Of one login; a few less than it may make in the life of a token. */
  private static final int REFRESHES = 50;

  private static final Duration BEFORE = Duration.ofSeconds(10);
  private static final Pattern RETRIES =
      Pattern.compile("(?m)^weft_rpc_client_retries\\S* (\\S+)$");

  private final RunningShop shop;
  private final AtomicBoolean over = new AtomicBoolean();
  private final LongAdder refreshes = new LongAdder();
  private final LongAdder watches = new LongAdder();
  private final LongAdder resumed = new LongAdder();
  private final AtomicInteger failures = new AtomicInteger();

  /** How often each process has repeated a call, by its pid. */
  private final Map<Long, Double> retries = new HashMap<>();

  private RollingRestart(RunningShop shop) {
    this.shop = shop;
  }

  public static void main(String[] arguments)
      throws IOException, InterruptedException, ExecutionException {
    int perSecond = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 200;
    Duration length =
        Duration.ofSeconds(arguments.length > 1 ? Integer.parseInt(arguments[1]) : 60);
    System.out.println(RunningShop.machine());
    try (RunningShop shop =
        RunningShop.open(
            "rolling-restart",
            "--instances=user-svc=2",
            "--instances=order-svc=2",
            "--instances=payment-svc=2",
            "--instances=inventory-svc=2")) {
      boolean apart = arguments.length > 2 && arguments[2].equals("apart");
      new RollingRestart(shop).run(perSecond, length, apart);
    }
    System.out.println(RunningShop.machine());
  }

  private void run(int perSecond, Duration length, boolean apart)
      throws IOException, InterruptedException, ExecutionException {
    JsonNode demo = shop.demo().get("admin");
    Customer admin =
        Customer.loggedIn(shop.edge(), demo.get("email").asText(), demo.get("password").asText());
    String product = admin.makeProduct("Rolling");
    List<Customer> customers = new ArrayList<>();
    for (int i = 0; i < CUSTOMERS; i++) {
      customers.add(Customer.registered(shop.edge()));
    }
    List<Thread> others = new ArrayList<>();
    // Restarts may end later than the requests.
    Duration pause = BEFORE.plus(length).multipliedBy(2).dividedBy(REFRESHES);
    for (Customer customer : customers) {
      others.add(
          Thread.ofVirtual().start(() -> guarded("refresh", () -> refresh(customer, pause))));
    }
    for (int i = 0; i < WATCHES; i++) {
      others.add(Thread.ofVirtual().start(() -> guarded("watch", () -> watch(admin, product))));
    }
    double retriesBefore = retriesSoFar();
    try (Flood flood = new Flood(shop.edge(), CONNECTIONS)) {
      IntFunction<byte[]> requests =
          i -> {
            Customer customer = customers.get(i % CUSTOMERS);
            return i % ORDER_OF == 0 ? customer.orderBytes(product) : customer.readBytes(i);
          };
      flood.send(requests, perSecond, BEFORE);
      var load = new FutureTask<>(() -> flood.send(requests, perSecond, length));
      Thread.ofPlatform().daemon().start(load);
      int restarts = 0;
      for (long began = System.nanoTime(); System.nanoTime() - began < length.toNanos(); ) {
        for (String service : List.of("user-svc", "order-svc", "payment-svc", "inventory-svc")) {
          if (System.nanoTime() - began < length.toNanos()) {
            retriesSoFar();
            if (apart) {
              shop.weftWhileBeginnersYield("restart", service);
            } else {
              shop.weft("restart", service);
            }
            restarts += 2;
          }
        }
      }
      Result answered = load.get();
      over.set(true);
      print(answered, restarts, length, retriesSoFar() - retriesBefore);
    }
    for (Thread other : others) {
      other.interrupt();
      other.join();
    }
  }

  private void print(Result answered, int restarts, Duration length, double retries)
      throws IOException {
    Map<String, Integer> statuses = answered.outcomes();
    long failed = answered.answers().stream().filter(one -> one.status() / 100 != 2).count();
    double[] millis = answered.answers().stream().mapToDouble(Answer::millis).sorted().toArray();
    System.out.printf(
        Locale.ROOT,
        "%d processes restarted while %d requests were sent in %d s: %d failed %s%s; p50 %.1f, p99"
            + " %.1f, worst %.1f ms%n",
        restarts,
        answered.answers().size(),
        length.toSeconds(),
        failed,
        statuses,
        answered.unsent() > 0 ? ", " + answered.unsent() + " found no connection" : "",
        millis[millis.length / 2],
        millis[millis.length - 1 - millis.length / 100],
        millis[millis.length - 1]);
    System.out.printf(
        Locale.ROOT,
        "%d refresh tokens used, %d watches begun of which %d because the server went; of these %d"
            + " failed; %.0f calls were retried; load %s%n",
        refreshes.sum(),
        watches.sum(),
        resumed.sum(),
        failures.get(),
        retries,
        RunningShop.load());
  }

  private interface Work {
    void run() throws IOException, InterruptedException;
  }

  private void guarded(String what, Work work) {
    try {
      work.run();
    } catch (IOException | UncheckedIOException | IllegalStateException e) {
      if (!over.get()) {
        failures.incrementAndGet();
        System.out.println(what + " failed: " + e);
      }
    } catch (InterruptedException e) {
      // It is over.
      Thread.currentThread().interrupt();
    }
  }

  private void refresh(Customer customer, Duration pause) throws IOException, InterruptedException {
    while (!over.get()) {
      customer.refresh();
      refreshes.increment();
      Thread.sleep(pause);
    }
  }

  private void watch(Customer customer, String product) throws IOException, InterruptedException {
    while (!over.get()) {
      watches.increment();
      String last = customer.watchStock(product);
      if (over.get()) {
        return;
      }
      if (!last.contains("SERVER_DRAINING")) {
        throw new IOException("ended with " + last);
      }
      resumed.increment();
    }
  }

  /** As the edge and all services count them, those included that run no more. */
  private double retriesSoFar() throws IOException, InterruptedException {
    try (HttpClient http = HttpClient.newHttpClient()) {
      for (Map.Entry<Long, String> process : shop.managementUrls().entrySet()) {
        String metrics =
            http.send(
                    HttpRequest.newBuilder(URI.create(process.getValue() + "/metrics")).build(),
                    BodyHandlers.ofString())
                .body();
        double ofProcess = 0;
        for (Matcher found = RETRIES.matcher(metrics); found.find(); ) {
          ofProcess += Double.parseDouble(found.group(1));
        }
        retries.put(process.getKey(), ofProcess);
      }
    }
    return retries.values().stream().mapToDouble(Double::doubleValue).sum();
  }
}
