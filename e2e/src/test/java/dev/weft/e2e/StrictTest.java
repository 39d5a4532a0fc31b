package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.ListProductsRequest;
import dev.weft.shop.inventory.v1.Product;
import dev.weft.shop.inventory.v1.WatchStockRequest;
import dev.weft.shop.inventory.v1.WatchStockResponse;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What stands between processes when nobody has said anything: TLS with the registry's certificates
 * on both sides, and its intentions about each call. Only callers that no other test plays are
 * denied anything.
 */
@ExtendWith(SharedWeft.class)
final class StrictTest {
  private static final String INVENTORY = "inventory-svc";
  private static final String GUEST = "guest-svc";
  private static final String GREET = "/greeter.v1.GreeterService/Greet";
  private static final int SECONDS = 10;
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private final Weft weft;

  StrictTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void whoComesWithoutACertificateIsToldSoAndWhetherTheServiceIsWell() {
    try (ServicePort port = ServicePort.open(weft, INVENTORY)) {
      StatusRuntimeException plain = refusal(port.withoutTls());
      StatusRuntimeException nameless = refusal(port.withoutCertificate());

      assertThat(plain.getStatus().getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
      assertThat(ServicePort.errorInfo(plain).getReason()).isEqualTo("TLS_REQUIRED");
      assertThat(plain.getStatus().getDescription()).contains("WEFT_TLS", "./weft cert");
      assertThat(nameless.getStatus().getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
      assertThat(ServicePort.errorInfo(nameless).getReason()).isEqualTo("CERTIFICATE_MISSING");
      assertThat(health(port.withoutTls())).isEqualTo(ServingStatus.SERVING);
      assertThat(health(port.withoutCertificate())).isEqualTo(ServingStatus.SERVING);
      assertThat(products(port.by(GUEST))).isNotEmpty();
    }
  }

  @Test
  void aDenialEndsAnOpenStreamWithinASecondAndRefusesTheNextCall() throws Exception {
    WatchStockRequest request =
        WatchStockRequest.newBuilder().setProductId(weft.product("MUG-01")).build();
    Watch watch = new Watch();
    try (ServicePort port = ServicePort.open(weft, INVENTORY)) {
      InventoryServiceGrpc.newStub(port.as(Visitor.admin(weft), GUEST)).watchStock(request, watch);
      assertThat(watch.begun.await(SECONDS, TimeUnit.SECONDS)).as("the stream has begun").isTrue();

      try (Denial _ = deny(GUEST, INVENTORY)) {
        // What is promised, counted from when the registry has said that it knows.
        Throwable ended = watch.ended.get(1, TimeUnit.SECONDS);

        assertThat(Status.fromThrowable(ended).getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
        assertThat(ServicePort.errorInfo(ended).getReason()).isEqualTo("INTENTION_DENIED");
        StatusRuntimeException refused = refusal(port.by(GUEST));
        assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
        assertThat(ServicePort.errorInfo(refused).getReason()).isEqualTo("INTENTION_DENIED");
        assertThat(products(port.by(Weft.EDGE))).isNotEmpty();
      }

      await("the guest to be let in again")
          .atMost(LIMIT)
          .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
          .until(() -> !products(port.by(GUEST)).isEmpty());
    }
  }

  @Test
  void whatAServiceLearnedLetsInWhoCalledItAndNobodyElse() {
    JsonNode learned;
    try (Greeter greeter = Greeter.start(weft, mode("learn"))) {
      awaitGreetingByTheEdge();
      learned = greeter.page("/intentions").json().path("learned");
      await("the log to tell it, too")
          .atMost(LIMIT)
          .until(
              greeter::log,
              log ->
                  log.contains(
                      "edge-gateway calls " + GREET + " of greeter-svc; what allows that: "));
    }
    // The edge came by its own name, and only for what it was asked.
    assertThat(learned)
        .isEqualTo(
            Answer.json(
                """
                {"Kind": "service-intentions", "Name": "greeter-svc", "Sources": [
                  {"Name": "edge-gateway", "Permissions": [
                    {"Action": "allow",
                     "HTTP": {"PathExact": "/greeter.v1.GreeterService/Greet"}}]}]}
                """));

    // Where the registry denies by default, this is not needed.
    ((ArrayNode) learned.path("Sources")).addObject().put("Name", "*").put("Action", "deny");
    String entries = weft.url("registry") + "/v1/config";
    Visitor.ask("PUT", entries, learned.toString());
    try (Greeter greeter = Greeter.start(weft, Map.of())) {
      awaitGreetingByTheEdge();

      StatusRuntimeException refused =
          catchThrowableOfType(StatusRuntimeException.class, () -> greeter.greet(GUEST, "Eve"));

      assertThat(ServicePort.errorInfo(refused).getReason()).isEqualTo("INTENTION_DENIED");
    } finally {
      Visitor.ask("DELETE", entries + "/service-intentions/" + Greeter.NAME, "");
    }
  }

  @Test
  void inShadowModeWhatWouldBeDeniedIsServedAndLogged() {
    try (Denial _ = deny(GUEST, Greeter.NAME);
        Greeter greeter = Greeter.start(weft, mode("shadow"))) {
      await("what it is to allow")
          .atMost(LIMIT)
          .until(() -> greeter.page("/intentions").json().path("known").asBoolean());

      assertThat(greeter.greet(GUEST, "Eve")).isEqualTo("Hello, Eve!");

      await("the log to tell it")
          .atMost(LIMIT)
          .until(
              greeter::log,
              log ->
                  log.contains(
                      "guest-svc would not be allowed to call "
                          + GREET
                          + " of greeter-svc: the intention for guest-svc"));
    }
  }

  @Test
  void aServiceThatSpeaksNoTlsIsNotServedAndTheEdgeSaysWhatWouldLetItIn() {
    // It cannot ask for the keys of tokens either, and need not wait for them.
    Map<String, String> alone = Map.of("WEFT_TLS", "off", "WEFT_ISSUER_WAIT", "PT0.001S");
    try (Greeter _ = Greeter.start(weft, alone)) {
      await("the edge's page to say so")
          .atMost(LIMIT)
          .until(
              () -> Visitor.fetch(weft.url("services") + "/" + Greeter.NAME).body(),
              page ->
                  page.contains("greeter-svc does not speak TLS")
                      && page.contains("WEFT_PLAINTEXT_UPSTREAMS"));

      // Whether its routes are known from another test or not.
      assertThat(Visitor.anonymous(weft).get("/v1/greetings/Ada").status()).isIn(404, 503);
    }
  }

  private static Map<String, String> mode(String intentions) {
    return Map.of("WEFT_INTENTIONS", intentions, "LOG_FORMAT", "text");
  }

  private void awaitGreetingByTheEdge() {
    await("the edge to serve it")
        .atMost(LIMIT)
        .until(
            () -> Visitor.anonymous(weft).get("/v1/greetings/Ada").status(),
            status -> status == 200);
  }

  /** An RPC that whoever gets as far as the service may call. */
  private static List<Product> products(Channel channel) {
    return InventoryServiceGrpc.newBlockingStub(channel)
        .withDeadlineAfter(SECONDS, TimeUnit.SECONDS)
        .listProducts(ListProductsRequest.newBuilder().setPageSize(1).build())
        .getProductsList();
  }

  private static StatusRuntimeException refusal(Channel channel) {
    return catchThrowableOfType(StatusRuntimeException.class, () -> products(channel));
  }

  private static ServingStatus health(Channel channel) {
    return HealthGrpc.newBlockingStub(channel)
        .withDeadlineAfter(SECONDS, TimeUnit.SECONDS)
        .check(HealthCheckRequest.getDefaultInstance())
        .getStatus();
  }

  /** Tells the registry that a service may not call another one, until it is closed. */
  private Denial deny(String source, String destination) {
    String url =
        weft.url("registry")
            + "/v1/connect/intentions/exact?source=%s&destination=%s"
                .formatted(source, destination);
    Visitor.ask("PUT", url, "{\"Action\":\"deny\"}");
    return new Denial(url);
  }

  private record Denial(String url) implements AutoCloseable {
    @Override
    public void close() {
      Visitor.ask("DELETE", url, "");
    }
  }

  /** Sees a stream begin and end. */
  private static final class Watch implements StreamObserver<WatchStockResponse> {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CompletableFuture<Throwable> ended = new CompletableFuture<>();

    @Override
    public void onNext(WatchStockResponse response) {
      begun.countDown();
    }

    @Override
    public void onError(Throwable failure) {
      ended.complete(failure);
    }

    @Override
    public void onCompleted() {
      ended.completeExceptionally(new AssertionError("it ended by itself"));
    }
  }
}
