package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.weft.admin.v1.AdminServiceGrpc;
import dev.weft.admin.v1.CallEndpoint;
import dev.weft.admin.v1.CallExplanation;
import dev.weft.admin.v1.CallPlace;
import dev.weft.admin.v1.CallShare;
import dev.weft.admin.v1.ExplainCallRequest;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Two versions of a service, as the README's canary has them: {@code ./weft split} gives each its
 * share, the edge explains it, and the calls are counted where they arrive; and {@code ./weft
 * breaker} on a service that does not answer.
 */
@BesideSharedWeft
final class CanaryTest {
  private static final String ORDERS = "order-svc";
  private static final String CANARY = "order-svc-2";
  private static final String GET_ORDER = "shop.order.v1.OrderService/GetOrder";
  private static final String PAYMENTS = "payment-svc";
  private static final String LIST_PAYMENTS = "shop.payment.v1.PaymentService/ListPayments";
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final int SECONDS = 10;
  private static final int CALLS = 400;

  /** More than 4.5 standard deviations around a tenth of so many. */
  private static final int LEAST = 12;

  private static final int MOST = 68;

  private static Weft weft;

  @BeforeAll
  static void start() {
    weft =
        Weft.up(
            "canary",
            Map.of("WEFT_ADMIN_CALLERS", "operator"),
            "--registry",
            "dev",
            "--instances",
            "order-svc=2",
            "--version-of",
            "order-svc=v1",
            "--version-of",
            "order-svc-2=v2");
  }

  @AfterAll
  static void stop() {
    weft.close();
  }

  @Test
  void aCanaryHasItsShareWhichIsExplainedAndMovedWithoutAFailedCall() {
    Visitor customer = Visitor.demo(weft);
    String order =
        Orders.place(
            customer,
            UUID.randomUUID().toString(),
            Orders.of(weft.product("MUG-01"), 1, "card_ok"));
    String path = "/v1/orders/" + order;
    // Nobody explains what was never called.
    assertThat(customer.get(path).status()).isEqualTo(200);

    split("v1=90", "v2=10");
    awaitShares(90.0, 10.0);
    assertThat(versionsAt(89.9)).containsExactly("v1");
    assertThat(versionsAt(90.1)).containsExactly("v2");
    long before = served(ORDERS);
    long canaryBefore = served(CANARY);
    for (int i = 0; i < CALLS; i++) {
      assertThat(customer.get(path).status()).isEqualTo(200);
    }
    long canary = served(CANARY) - canaryBefore;
    assertThat(canary).isBetween((long) LEAST, (long) MOST);
    assertThat(served(ORDERS) - before).isEqualTo(CALLS - canary);

    Load load = new Load(() -> customer.get(path));
    try (load) {
      split("v1=50", "v2=50");
      awaitShares(50.0, 50.0);
      split("v1=0", "v2=100");
      awaitShares(100.0);
      assertThat(versionsAt(0)).containsExactly("v2");
      // What was on its way meanwhile has ended.
      load.awaitMore(20);
      long old = served(ORDERS);
      load.awaitMore(100);
      assertThat(served(ORDERS)).isEqualTo(old);
      split("--off");
      awaitShares();
      assertThat(versionsAt(0)).containsExactlyInAnyOrder("v1", "v2");
      load.awaitMore(100);
      assertThat(served(ORDERS)).isGreaterThan(old);
    }
    assertThat(load.ends()).containsOnlyKeys("200");
  }

  @Test
  void theBreakerOfAServiceThatDoesNotAnswerIsShownUntilItDoes() {
    Visitor customer = Visitor.demo(weft);
    assertThat(customer.get("/v1/payments").status()).isEqualTo(200);
    assertThat(circuit().path("state").asText()).isEqualTo("closed");
    assertThat(circuit().path("openings").asInt()).isZero();

    weft.halt(PAYMENTS);
    Load load = new Load(() -> customer.get("/v1/payments"));
    try (load) {
      try {
        await("the circuit to open")
            .atMost(LIMIT)
            .until(() -> circuit().path("state").asText(), "open"::equals);
        Command.Outcome dry = weft.command("breaker", PAYMENTS, "--reset");
        assertThat(dry.out()).contains(LIST_PAYMENTS, "Nothing was done: --yes does it.");
      } finally {
        weft.resume(PAYMENTS);
      }
      await("the circuit to close")
          .atMost(LIMIT)
          .until(() -> circuit().path("state").asText(), "closed"::equals);
    }
    assertThat(circuit().path("openings").asInt()).isPositive();
    assertThat(explain(LIST_PAYMENTS, 0).getObstaclesList()).isEmpty();
    assertThat(customer.get("/v1/payments").status()).isEqualTo(200);
  }

  private static void split(String... how) {
    List<String> arguments = new ArrayList<>(List.of("split", ORDERS));
    arguments.addAll(List.of(how));
    Command.Outcome outcome = weft.command(arguments.toArray(String[]::new));
    assertThat(outcome.exitCode()).as("%s", outcome.all()).isZero();
  }

  /** How the edge's circuit to the payments' list is. */
  private static JsonNode circuit() {
    // Who does not answer is a trouble of the command's, and the others have.
    Command.Outcome outcome = weft.command("breaker", PAYMENTS, "--json");
    for (JsonNode circuit : Answer.json(outcome.out()).path("circuits")) {
      if (circuit.path("caller").asText().startsWith(Weft.EDGE + "@")
          && circuit.path("method").asText().equals(LIST_PAYMENTS)) {
        return circuit;
      }
    }
    throw new AssertionError("no such circuit in " + outcome.out());
  }

  /** What the edge says of a call that draws this, by its own port for that. */
  private static CallExplanation explain(String method, double draw) {
    try (ServicePort port = ServicePort.at(weft, Weft.EDGE, adminPort())) {
      return AdminServiceGrpc.newBlockingStub(port.asService("operator"))
          .withDeadlineAfter(SECONDS, TimeUnit.SECONDS)
          .explainCall(ExplainCallRequest.newBuilder().setMethod(method).setDraw(draw).build())
          .getExplanation();
    }
  }

  private static int adminPort() {
    JsonNode edges = Visitor.fetch(weft.url("registry") + "/v1/health/service/" + Weft.EDGE).json();
    return edges.at("/0/Service/Meta/admin_port").asInt();
  }

  /** The versions whose instances may have a call that draws this. */
  private static List<String> versionsAt(double draw) {
    CallPlace place =
        explain(GET_ORDER, draw).getPlacesList().stream()
            .filter(CallPlace::getTaken)
            .findFirst()
            .orElseThrow();
    return place.getEndpointsList().stream()
        .filter(endpoint -> endpoint.getWhyNot().isEmpty())
        .map(CallEndpoint::getVersion)
        .toList();
  }

  /** Until the edge draws by these. */
  private static void awaitShares(Double... percent) {
    await("the edge to hear of the shares")
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(
                        explain(GET_ORDER, 0).getStepsList().stream()
                            .flatMap(step -> step.getShares().getSharesList().stream())
                            .map(CallShare::getPercent))
                    .containsExactly(percent));
  }

  /** How many calls for an order this instance has served. */
  private static long served(String instance) {
    return weft.served(instance, GET_ORDER + "\"");
  }

  /** Makes calls from several threads until it is closed, and keeps how they ended. */
  private static final class Load implements AutoCloseable {
    private static final int THREADS = 8;
    private static final int PAUSE_MILLIS = 20;

    private final ScheduledExecutorService threads = Executors.newScheduledThreadPool(THREADS);
    private final AtomicInteger calls = new AtomicInteger();
    private final Map<String, Integer> ends = new ConcurrentHashMap<>();

    Load(Supplier<Answer> call) {
      for (int i = 0; i < THREADS; i++) {
        var _ =
            threads.scheduleWithFixedDelay(() -> run(call), 0, PAUSE_MILLIS, TimeUnit.MILLISECONDS);
      }
    }

    private void run(Supplier<Answer> call) {
      String end;
      try {
        end = "" + call.get().status();
      } catch (UncheckedIOException e) {
        end = e.toString();
      }
      ends.merge(end, 1, Integer::sum);
      calls.incrementAndGet();
    }

    /** Until so many more have ended. */
    void awaitMore(int more) {
      int before = calls.get();
      await("calls").atMost(LIMIT).until(() -> calls.get() >= before + more);
    }

    /** By status of HTTP, or by what went wrong, how many calls ended so. */
    Map<String, Integer> ends() {
      return ends;
    }

    @Override
    public void close() {
      Threads.end(threads);
    }
  }
}
