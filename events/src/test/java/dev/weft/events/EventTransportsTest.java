package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import dev.weft.durable.LocalPorts;
import dev.weft.mesh.Env;
import dev.weft.mesh.Management;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import dev.weft.testkit.PostgresExtension;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class EventTransportsTest {
  private static final String SERVICE = "order-svc";

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local(SERVICE, "test"));
  private final Management management = Management.open(SERVICE, "test", "127.0.0.1", 0, telemetry);

  @BeforeEach
  void serve() {
    management.readiness("database", () -> true);
  }

  @AfterEach
  void end() {
    management.close();
    telemetry.close();
  }

  @Test
  void aProcessWhoseBrokerIsAwayIsDegradedAndReady() throws Exception {
    EventTransports ways = ways(Map.of("WEFT_EVENTS_URL", nobody()));
    try (EventLog log = ways.log(log(), management, telemetry)) {
      log.start();
      HttpResponse<String> readiness = readiness();
      assertThat(readiness.statusCode()).isEqualTo(200);
      assertThat(readiness.body()).contains("\"status\":\"degraded\"", "\"events-broker\"");
    }
  }

  @Test
  void soIsOneThatOnlyHandlesEvents() throws Exception {
    EventTransports ways = ways(Map.of("WEFT_EVENTS_URL", nobody()));
    try (EventTransport transport = ways.open(grpc(), management, telemetry)) {
      assertThat(transport).isInstanceOf(RabbitEventTransport.class);
      assertThat(readiness().body()).contains("\"status\":\"degraded\"");
    }
  }

  @Test
  void whatWaitsForABrokerThatIsAwayEndsAtOnce() throws Exception {
    EventTransports ways = ways(Map.of("WEFT_EVENTS_URL", nobody()));
    EventLog log = ways.log(log(), management, telemetry);
    log.start();
    EventTransport transport = ways.open(grpc(), management, telemetry);
    EventTransport.Feed feed =
        transport.subscribe(
            Subscription.of("shipping", "stock-svc", "shop.stock.*"),
            new EventFixture.Received(event -> {}));
    // Some attempts later its pauses are longer than this test.
    await().pollDelay(Duration.ofSeconds(1)).until(() -> true);
    assertTimeout(
        Duration.ofSeconds(3),
        () -> {
          feed.close();
          transport.close();
          log.close();
        });
  }

  @Test
  void aLogThatWasNeverStartedCanBeClosed() throws Exception {
    ways(Map.of("WEFT_EVENTS_URL", nobody())).log(log(), management, telemetry).close();
  }

  @Test
  void withoutABrokerEventsTravelByGrpcAndNothingIsAskedOfOne() throws Exception {
    EventTransports ways = ways(Map.of());
    try (EventLog log = ways.log(log(), management, telemetry);
        EventTransport transport = ways.open(grpc(), management, telemetry)) {
      log.start();
      assertThat(transport).isInstanceOf(GrpcEventTransport.class);
      assertThat(readiness().body())
          .contains("\"status\":\"ready\"")
          .doesNotContain("events-broker");
    }
  }

  private static EventTransports ways(Map<String, String> environment) {
    return EventTransports.from(Env.of(environment), SERVICE);
  }

  /** An address where nobody listens. */
  private static String nobody() throws IOException {
    return "amqp://weft:weft@127.0.0.1:" + LocalPorts.free();
  }

  private EventLog log() {
    return new EventLog(postgres.database(), SERVICE, EventGrants.of(), telemetry);
  }

  private static GrpcEventTransport grpc() {
    return new GrpcEventTransport(
        _ -> {
          throw new IllegalStateException("nobody is asked");
        },
        _ -> {
          throw new IllegalStateException("nobody is asked");
        });
  }

  private HttpResponse<String> readiness() throws Exception {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return http.send(
          HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + management.port() + "/readyz"))
              .build(),
          BodyHandlers.ofString());
    }
  }
}
