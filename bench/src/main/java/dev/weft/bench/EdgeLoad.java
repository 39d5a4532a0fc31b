package dev.weft.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.weft.bench.Flood.Answer;
import dev.weft.bench.Flood.Result;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * What a running system does when far more is asked of it than it can do, and what connections cost
 * that ask for nothing.
 *
 * <ul>
 *   <li>{@code EdgeLoad idle [connections]}: opens so many (9,900) from 160 addresses, each after
 *       one good request, and says what they cost the edge.
 *   <li>{@code EdgeLoad overload [orders|reads] [times] [seconds] [apart]}: finds the peak with
 *       clients that wait for their answers, then sends so many times (10) the peak for so long
 *       (60), whether answers come or not, and then half of the peak. The peak is that of the best
 *       number of clients for as long as the flood. An answer counts as good when it is a 2xx
 *       within two seconds. Beside it somebody reads the catalogue. With {@code apart}, all but the
 *       edge and this program yield to these two, which is as near as one machine comes to machines
 *       of their own.
 * </ul>
 */
public final class EdgeLoad {
  private static final Duration GOOD_WITHIN = Duration.ofSeconds(2);
  private static final Duration WARM_UP = Duration.ofSeconds(20);
  private static final Duration CLOSED = Duration.ofSeconds(8);
  private static final Duration NORMAL = Duration.ofSeconds(20);
  private static final int[] CLIENTS = {4, 16, 32, 64};

  /** Of the flood: as many requests may be on their way at once. */
  private static final int CONNECTIONS = 1_000;

  private static final int CUSTOMERS = 32;
  private static final int SOON_MILLIS = 10;

  private static final int ADDRESSES = 160;
  private static final int CATALOGUE_PER_SECOND = 20;
  private static final double NANOS_PER_MILLI = 1e6;

  private EdgeLoad() {}

  public static void main(String[] arguments) throws IOException, InterruptedException {
    List<String> all = List.of(arguments);
    String what = all.isEmpty() ? "overload" : all.getFirst();
    System.out.println(RunningShop.machine());
    try (RunningShop shop = RunningShop.open("edge-load")) {
      switch (what) {
        case "idle" -> idle(shop, number(all, 1, 9_900));
        case "overload" ->
            overload(
                shop,
                all.size() > 1 ? all.get(1) : "orders",
                number(all, 2, 10),
                Duration.ofSeconds(number(all, 3, 60)),
                all.size() > 4 && all.get(4).equals("apart"));
        default -> throw new IllegalArgumentException(what + " (expected: idle or overload)");
      }
    }
    System.out.println(RunningShop.machine());
  }

  private static int number(List<String> all, int at, int usual) {
    return all.size() > at ? Integer.parseInt(all.get(at)) : usual;
  }

  // --- Connections that ask for nothing

  private static void idle(RunningShop shop, int count) throws IOException, InterruptedException {
    URI edge = URI.create(shop.edge());
    long pid = shop.pid("edge-gateway");
    List<SocketChannel> open = new ArrayList<>();
    try {
      // The first ones make the edge load what it needs for any.
      for (int i = 0; i < 100; i++) {
        open.add(connected(edge, i));
      }
      long before = RunningShop.residentKib(pid);
      long began = System.nanoTime();
      for (int i = 100; i < count; i++) {
        open.add(connected(edge, i));
      }
      double seconds = (System.nanoTime() - began) / 1e9;
      long after = RunningShop.residentKib(pid);
      long asked = System.nanoTime();
      try (SocketChannel one = connected(edge, 0)) {
        System.out.printf(
            Locale.ROOT,
            "%d idle connections, opened in %.1f s: %.1f MiB more in memory (%.2f KiB each), %.1f"
                + " MiB in all; one request meanwhile: %.1f ms%n",
            open.size(),
            seconds,
            (after - before) / 1024.0,
            (after - before) / (double) (count - 100),
            after / 1024.0,
            (System.nanoTime() - asked) / NANOS_PER_MILLI);
        if (!one.isConnected()) {
          throw new IllegalStateException("the edge takes no connection any more");
        }
      }
    } finally {
      for (SocketChannel channel : open) {
        channel.close();
      }
    }
  }

  /** A connection that has been used once, from an address of its own among a few. */
  private static SocketChannel connected(URI edge, int i) throws IOException {
    SocketChannel channel = SocketChannel.open();
    channel.bind(new InetSocketAddress("127.0.1." + (1 + i % ADDRESSES), 0));
    channel.connect(new InetSocketAddress(edge.getHost(), edge.getPort()));
    String request = "GET /none HTTP/1.1\r\nHost: " + edge.getAuthority() + "\r\n\r\n";
    channel.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.US_ASCII)));
    ByteBuffer answer = ByteBuffer.allocate(2_000);
    if (channel.read(answer) < 0) {
      throw new IOException("connection " + i + " was closed");
    }
    if (!new String(answer.array(), 0, 12, StandardCharsets.US_ASCII).equals("HTTP/1.1 404")) {
      throw new IOException("connection " + i + " was refused");
    }
    return channel;
  }

  // --- More than can be done

  private static void overload(
      RunningShop shop, String what, int times, Duration length, boolean apart)
      throws IOException, InterruptedException {
    if (apart) {
      shop.yieldTo("edge-gateway");
    }
    String edge = shop.edge();
    IntFunction<byte[]> requests = requests(shop, what);
    closed(edge, requests, 16, WARM_UP);
    double most = 0;
    int best = 0;
    for (int clients : CLIENTS) {
      Result answered = closed(edge, requests, clients, CLOSED);
      print(clients + " clients that wait", answered, CLOSED);
      if (goodPerSecond(answered, CLOSED) > most) {
        most = goodPerSecond(answered, CLOSED);
        best = clients;
      }
    }
    // As long as what comes: what an order leaves to be done later has to be done, too.
    Result sustained = closed(edge, requests, best, length);
    print(best + " clients that wait, as long", sustained, length);
    double peak = goodPerSecond(sustained, length);
    double half = peak / 2;
    try (Flood flood = new Flood(edge, CONNECTIONS);
        Flood bystander = new Flood(edge, CATALOGUE_PER_SECOND)) {
      Result normal = flood.send(requests, half, NORMAL);
      print("half of the peak", normal, NORMAL);
      double usual = percentile(millis(normal, EdgeLoad::isGood), 99);

      byte[] catalogue = Customer.catalogueBytes(edge);
      var page =
          new FutureTask<>(() -> bystander.send(_ -> catalogue, CATALOGUE_PER_SECOND, length));
      Thread.ofPlatform().daemon().start(page);
      Map<String, Duration> before = processorTime(shop);
      Result over = flood.send(requests, times * peak, length);
      long ended = System.nanoTime();
      Map<String, Duration> used = processorTime(shop);
      Result after = flood.send(requests, half, NORMAL);

      print(times + " times the peak", over, length);
      double[] refusals = millis(over, EdgeLoad::isRefusal);
      System.out.printf(
          Locale.ROOT,
          "  goodput %.0f%% of the peak; refusals p50 %.1f, p99 %.1f ms, %.0f%% within %d ms%n",
          100 * goodPerSecond(over, length) / peak,
          percentile(refusals, 50),
          percentile(refusals, 99),
          100.0 * Arrays.stream(refusals).filter(ms -> ms <= SOON_MILLIS).count() / refusals.length,
          SOON_MILLIS);
      System.out.println(
          "  ms of the processor for each"
              + RunningShop.millisEach(over.answers().size(), before, used));
      print("a page of the catalogue meanwhile", page.get(), length);
      print("half of the peak again", after, NORMAL);
      printRecovery(after, ended, usual);
    } catch (ExecutionException e) {
      throw new IOException(e);
    }
  }

  /** Of all processes of the system, and of this one, which sends. */
  private static Map<String, Duration> processorTime(RunningShop shop) throws IOException {
    Map<String, Duration> all = shop.processorTime();
    all.put("sender", ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO));
    return all;
  }

  private static IntFunction<byte[]> requests(RunningShop shop, String what)
      throws IOException, InterruptedException {
    List<Customer> customers = new ArrayList<>();
    for (int i = 0; i < CUSTOMERS; i++) {
      customers.add(Customer.registered(shop.edge()));
    }
    if (what.equals("reads")) {
      return i -> customers.get(i % CUSTOMERS).readBytes();
    }
    if (!what.equals("orders")) {
      throw new IllegalArgumentException(what + " (expected: orders or reads)");
    }
    JsonNode demo = shop.demo().get("admin");
    Customer admin =
        Customer.loggedIn(shop.edge(), demo.get("email").asText(), demo.get("password").asText());
    List<String> products = new ArrayList<>();
    for (int i = 0; i < CUSTOMERS; i++) {
      products.add(admin.makeProduct("Load " + i));
    }
    return i -> customers.get(i % CUSTOMERS).orderBytes(products.get(i % CUSTOMERS));
  }

  /** So many clients, each of which sends its next request when it has its answer. */
  private static Result closed(
      String edge, IntFunction<byte[]> requests, int clients, Duration length) throws IOException {
    try (Flood flood = new Flood(edge, clients)) {
      return flood.send(requests, Flood.AS_MANY_AS_THERE_ARE_CONNECTIONS, length);
    }
  }

  private static boolean isGood(Answer answer) {
    return answer.status() / 100 == 2 && answer.millis() <= GOOD_WITHIN.toMillis();
  }

  private static boolean isRefusal(Answer answer) {
    return answer.status() == 429 || answer.status() == 503;
  }

  private static double goodPerSecond(Result result, Duration length) {
    return millis(result, EdgeLoad::isGood).length / (double) length.toSeconds();
  }

  private static double[] millis(Result result, Predicate<Answer> which) {
    return result.answers().stream().filter(which).mapToDouble(Answer::millis).sorted().toArray();
  }

  private static double percentile(double[] sorted, int percent) {
    return sorted.length == 0
        ? Double.NaN
        : sorted[Math.min(sorted.length - 1, sorted.length * percent / 100)];
  }

  private static void print(String what, Result result, Duration length) throws IOException {
    Map<String, Integer> statuses = result.outcomes();
    double[] millis = millis(result, EdgeLoad::isGood);
    System.out.printf(
        Locale.ROOT,
        "%s: %.0f good/s, p50 %.1f, p99 %.1f ms; answers %s%s, load %s%n",
        what,
        goodPerSecond(result, length),
        percentile(millis, 50),
        percentile(millis, 99),
        statuses,
        result.unsent() > 0 ? ", " + result.unsent() + " found no connection" : "",
        RunningShop.load());
  }

  private static void printRecovery(Result after, long began, double usual) {
    int seconds = (int) NORMAL.toSeconds();
    double[] worst = new double[seconds];
    for (int i = 0; i < seconds; i++) {
      int second = i;
      double[] then =
          after.answers().stream()
              .filter(one -> (one.atNanos() - began) / TimeUnit.SECONDS.toNanos(1) == second)
              .mapToDouble(one -> isGood(one) ? one.millis() : Double.POSITIVE_INFINITY)
              .sorted()
              .toArray();
      worst[i] = percentile(then, 99);
    }
    int calm = seconds;
    while (calm > 0 && worst[calm - 1] <= 1.5 * usual) {
      calm--;
    }
    System.out.printf(
        Locale.ROOT,
        "  p99 was %.1f ms before; by the second after: %s; at most half as much again from second"
            + " %d on%n",
        usual,
        Arrays.stream(worst)
            .mapToObj(millis -> String.format(Locale.ROOT, "%.0f", millis))
            .collect(Collectors.joining(" ")),
        calm);
  }
}
