package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.weft.consul.FakeAgent.Reply;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RegistrationTest {
  private static final String REGISTER = "/v1/agent/service/register";
  private static final String HEALTH = "/v1/agent/health/service/id/order-svc-127.0.0.1-9102";
  private static final String DEREGISTER = "/v1/agent/service/deregister/order-svc-127.0.0.1-9102";
  private static final ServiceRegistration ORDER =
      ServiceRegistration.grpc("order-svc", "127.0.0.1", 9102, "shop.order.v1.OrderService");

  private FakeAgent agent = FakeAgent.start();
  private final Consul consul = Consul.connect(agent.config());

  @AfterEach
  void stop() {
    agent.answer(DEREGISTER, _ -> Reply.ok(""));
    consul.close();
    agent.close();
  }

  @Test
  void registersWithANativeGrpcCheckAndNothingConsulDoesNotKnow() {
    agent.answer(REGISTER, _ -> Reply.ok(""));
    Registration registration =
        consul.register(
            ORDER
                .withMeta(ServiceRegistration.META_VERSION, "1.2.3")
                .withMeta(ServiceRegistration.META_SCHEMA, "abc")
                .withTags("grpc")
                .withWeights(new Weights(10, 1)));
    assertThat(registration.state()).isEqualTo(Registration.State.REGISTERED);
    FakeAgent.Request request = agent.request(REGISTER, 1);
    assertThat(request.method()).isEqualTo("PUT");
    assertThat(request.query()).isEqualTo("replace-existing-checks=true");
    assertThat(JsonParser.parseString(request.body()))
        .isEqualTo(
            JsonParser.parseString(
                """
                {"ID":"order-svc-127.0.0.1-9102","Name":"order-svc","Address":"127.0.0.1",
                 "Port":9102,"Tags":["grpc"],
                 "Meta":{"version":"1.2.3","schema":"abc","protocol":"grpc","lang":"java"},
                 "Weights":{"Passing":10,"Warning":1},
                 "Checks":[{"CheckID":"order-svc-127.0.0.1-9102:grpc","Name":"gRPC health",
                            "GRPC":"127.0.0.1:9102/shop.order.v1.OrderService","GRPCUseTLS":false,
                            "Interval":"1000ms","Timeout":"3000ms",
                            "DeregisterCriticalServiceAfter":"60000ms"}]}
                """));
  }

  @Test
  void registersAgainWithTheHealthLastSeenWhenTheAgentForgotIt() {
    AtomicReference<Reply> health = new AtomicReference<>(healthy("passing"));
    agent.answer(REGISTER, _ -> Reply.ok(""));
    agent.answer(HEALTH, _ -> health.get());
    Registration registration = consul.register(ORDER);
    agent.request(HEALTH, 1);
    health.set(Reply.status(404, "Unknown service"));
    JsonObject body = JsonParser.parseString(agent.request(REGISTER, 2).body()).getAsJsonObject();
    health.set(healthy("passing"));
    assertThat(check(body).get("Status").getAsString()).isEqualTo("passing");
    assertThat(check(firstBody()).has("Status")).isFalse();
    await().until(() -> registration.state() == Registration.State.REGISTERED);
    assertThat(registration.lastFailure()).isEmpty();
  }

  @Test
  void registersAgainWhenACheckIsGone() {
    agent.answer(REGISTER, _ -> Reply.ok(""));
    agent.answer(HEALTH, _ -> Reply.ok("{\"AggregatedStatus\":\"passing\",\"Checks\":null}"));
    consul.register(ORDER);
    agent.request(REGISTER, 2);
  }

  @Test
  void leavesAnInstanceInMaintenanceOrCriticalAlone() {
    agent.answer(REGISTER, _ -> Reply.ok(""));
    agent.answer(HEALTH, _ -> new Reply(503, Map.of(), healthy("critical").body()));
    consul.register(ORDER);
    agent.request(HEALTH, 2);
    assertThat(agent.requests(REGISTER)).hasSize(1);
  }

  @Test
  void goesOnTryingWhenTheAgentIsNotThereYet() {
    int port = agent.port();
    agent.close();
    Registration registration = consul.register(ORDER);
    assertThat(registration.state()).isEqualTo(Registration.State.PENDING);
    assertThat(registration.lastFailure().orElseThrow())
        .hasMessageContaining("cannot connect")
        .hasMessageContaining("CONSUL_HTTP_ADDR");
    agent = FakeAgent.startAt(port);
    agent.answer(REGISTER, _ -> Reply.ok(""));
    await().until(() -> registration.state() == Registration.State.REGISTERED);
    assertThat(registration.lastFailure()).isEmpty();
  }

  @Test
  void doesNotRegisterAgainBecauseTheAgentCannotBeAsked() {
    agent.answer(REGISTER, _ -> Reply.ok(""));
    agent.answer(HEALTH, _ -> Reply.status(500, "busy"));
    Registration registration = consul.register(ORDER);
    await().until(() -> registration.lastFailure().isPresent());
    agent.request(HEALTH, 3);
    assertThat(agent.requests(REGISTER)).hasSize(1);
    assertThat(registration.state()).isEqualTo(Registration.State.REGISTERED);
  }

  @Test
  void throwsWhenTheRegistrationItselfIsRefused() {
    agent.answer(REGISTER, _ -> Reply.status(400, "Invalid check: no interval\nmore"));
    assertThatThrownBy(() -> consul.register(ORDER))
        .isInstanceOfSatisfying(
            ConsulException.class,
            e -> {
              assertThat(e.status()).isEqualTo(400);
              assertThat(e.path()).isEqualTo("PUT /v1/agent/service/register");
            })
        .hasMessageContaining("Invalid check: no interval")
        .hasMessageNotContaining("more");
  }

  @Test
  void deregistersOnceWhenClosed() {
    agent.answer(REGISTER, _ -> Reply.ok(""));
    agent.answer(DEREGISTER, _ -> Reply.status(404, "Unknown service ID"));
    Registration registration = consul.register(ORDER);
    registration.close();
    registration.close();
    assertThat(registration.state()).isEqualTo(Registration.State.CLOSED);
    consul.close();
    assertThat(agent.requests(DEREGISTER)).hasSize(1);
  }

  @Test
  void isDeregisteredWhenTheClientIsClosed() {
    agent.answer(REGISTER, _ -> Reply.ok(""));
    agent.answer(DEREGISTER, _ -> Reply.ok(""));
    Registration registration = consul.register(ORDER);
    consul.close();
    assertThat(agent.requests(DEREGISTER)).hasSize(1);
    assertThat(registration.state()).isEqualTo(Registration.State.CLOSED);
  }

  @Test
  void closesQuietlyWhenTheAgentIsGone() {
    agent.answer(REGISTER, _ -> Reply.ok(""));
    Registration registration = consul.register(ORDER);
    agent.close();
    registration.close();
    assertThat(registration.state()).isEqualTo(Registration.State.CLOSED);
  }

  @Test
  void refusesWhatConsulWouldRefuse() {
    assertThatThrownBy(() -> ORDER.withId("a/b")).hasMessageContaining("id: 'a/b'");
    assertThatThrownBy(() -> ORDER.withMeta("a.b", "c")).hasMessageContaining("meta 'a.b'");
    assertThatThrownBy(() -> ORDER.withMeta("a", "x".repeat(513))).hasMessageContaining("512");
    assertThatThrownBy(() -> new Weights(0, 1)).hasMessageContaining("passing: 0");
    assertThatThrownBy(() -> ServiceRegistration.grpc("a", "h", 0, ""))
        .hasMessageContaining("port: 0");
  }

  @Test
  void writesEveryKindOfCheck() {
    List<Check> checks =
        List.of(
            Check.of("t", new Check.Probe.Ttl(java.time.Duration.ofSeconds(10)))
                .withInitial(Health.PASSING),
            Check.of(
                "h",
                new Check.Probe.Http(
                    java.net.URI.create("http://127.0.0.1:1/livez"),
                    Check.Probe.DEFAULT_INTERVAL,
                    Check.Probe.DEFAULT_TIMEOUT)),
            Check.of(
                    "c",
                    new Check.Probe.Tcp(
                        "127.0.0.1:1", Check.Probe.DEFAULT_INTERVAL, Check.Probe.DEFAULT_TIMEOUT))
                .withFailuresBeforeCritical(2),
            Check.grpc("g", "::1", 1, ""));
    assertThat(
            JsonParser.parseString(Wire.registration(ORDER.withChecks(checks)))
                .getAsJsonObject()
                .get("Checks"))
        .isEqualTo(
            JsonParser.parseString(
                """
                [{"CheckID":"t","Name":"t","TTL":"10000ms","Status":"passing"},
                 {"CheckID":"h","Name":"h","HTTP":"http://127.0.0.1:1/livez",
                  "Interval":"1000ms","Timeout":"3000ms"},
                 {"CheckID":"c","Name":"c","TCP":"127.0.0.1:1","Interval":"1000ms",
                  "Timeout":"3000ms","FailuresBeforeCritical":2},
                 {"CheckID":"g","Name":"gRPC health","GRPC":"[::1]:1","GRPCUseTLS":false,
                  "Interval":"1000ms","Timeout":"3000ms",
                  "DeregisterCriticalServiceAfter":"60000ms"}]
                """));
  }

  private JsonObject firstBody() {
    return JsonParser.parseString(agent.request(REGISTER, 1).body()).getAsJsonObject();
  }

  private static JsonObject check(JsonObject registration) {
    return registration.getAsJsonArray("Checks").get(0).getAsJsonObject();
  }

  private static Reply healthy(String status) {
    return Reply.ok(
        """
        {"AggregatedStatus":"%s","Service":{"ID":"order-svc-127.0.0.1-9102"},
         "Checks":[{"CheckID":"order-svc-127.0.0.1-9102:grpc","Status":"%s","Output":"ok"}]}
        """
            .formatted(status, status));
  }
}
