package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.weft.consul.Health;
import dev.weft.consul.ServiceRegistration;
import dev.weft.edge.weather.GetForecastRequest;
import dev.weft.edge.weather.GetForecastResponse;
import dev.weft.edge.weather.WeatherGrpc;
import io.grpc.Status;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What an edge says of the way of a call behind it, beside the way that calls go. */
@Timeout(120)
class OnwardTest {
  private static final String PATH = "/weather/oslo";
  private static final Duration WITHIN = Duration.ofSeconds(10);

  private EdgeFixture fixture;

  /** Counts its calls, and fails if it is told to. */
  private static final class Forecasts extends WeatherGrpc.WeatherImplBase {
    private final AtomicInteger calls = new AtomicInteger();
    private volatile boolean fails;

    @Override
    public void getForecast(GetForecastRequest request, StreamObserver<GetForecastResponse> out) {
      calls.incrementAndGet();
      if (fails) {
        out.onError(Status.INTERNAL.asRuntimeException());
        return;
      }
      out.onNext(GetForecastResponse.getDefaultInstance());
      out.onCompleted();
    }
  }

  private record Instance(Forecasts forecasts, TestBackend backend) {
    int calls() {
      return forecasts.calls.get();
    }
  }

  @BeforeEach
  void open() throws Exception {
    fixture = new EdgeFixture(HttpLimits.DEFAULT, new Access.Public());
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  private Instance start(String version) throws Exception {
    return start("weather", version);
  }

  private Instance start(String service, String version) throws Exception {
    Forecasts forecasts = new Forecasts();
    TestBackend backend =
        TestBackend.start(
            fixture.consul,
            List.of(forecasts.bindService(), ProtoReflectionServiceV1.newInstance().bindService()),
            port -> {
              ServiceRegistration plain =
                  ServiceRegistration.grpc(service, "127.0.0.1", port, "")
                      .withMeta(ServiceRegistration.META_VERSION, version);
              return plain.withChecks(
                  plain.checks().stream().map(one -> one.withInitial(Health.PASSING)).toList());
            });
    return new Instance(forecasts, fixture.add(backend));
  }

  private void put(String entry) {
    fixture.consul.configEntries().put(entry);
  }

  private JsonNode explained(String... headers) throws Exception {
    String[] all = Arrays.copyOf(headers, headers.length + 2);
    all[headers.length] = "X-Weft-Explain";
    all[headers.length + 1] = "1";
    return Described.node(fixture.get(PATH, all).body());
  }

  private static JsonNode at(JsonNode explanation, Instance instance) {
    for (JsonNode one : explanation.path("instances")) {
      if (one.path("at").asText().equals("127.0.0.1:" + instance.backend.port())) {
        return one;
      }
    }
    throw new AssertionError("not among " + explanation.path("instances"));
  }

  private static void assertCalled(JsonNode explanation, Instance instance, String whyNot) {
    JsonNode said = at(explanation, instance);
    assertThat(said.path("called").asText()).isEqualTo(whyNot.isEmpty() ? "in turn" : "no");
    assertThat(said.path("why").asText()).isEqualTo(whyNot);
  }

  @Test
  void tellsTheInstancesThatRoutesAndSharesLeadTo() throws Exception {
    Instance one = start("v1");
    Instance two = start("v2");
    put("{\"Kind\": \"service-defaults\", \"Name\": \"weather\", \"Protocol\": \"grpc\"}");
    put(
        """
        {"Kind": "service-resolver", "Name": "weather", "Subsets": {
          "v1": {"Filter": "Service.Meta.version == v1"},
          "v2": {"Filter": "Service.Meta.version == v2"}}}\
        """);
    put(
        """
        {"Kind": "service-splitter", "Name": "weather",
         "Splits": [{"Weight": 100, "ServiceSubset": "v2"}]}\
        """);
    put(
        """
        {"Kind": "service-router", "Name": "weather", "Routes": [
          {"Match": {"HTTP": {"PathPrefix": "/", "Header": [{"Name": "color", "Exact": "red"}]}},
           "Destination": {"ServiceSubset": "v1", "RequestTimeout": "7s", "NumRetries": 3}}]}\
        """);

    await()
        .atMost(WITHIN)
        .untilAsserted(
            () -> {
              JsonNode said = explained();
              assertCalled(said, one, "the filter does not match it");
              assertCalled(said, two, "");
            });
    JsonNode said = explained();
    JsonNode red = explained("Grpc-Metadata-Color", "red");

    assertThat(said.at("/way/0/routes/0/if").asText()).isEqualTo("path /… and header color = red");
    assertThat(said.at("/way/0/routes/0/taken").asBoolean()).isFalse();
    assertThat(said.at("/way/0/routes/0/why").asText()).isEqualTo("not so: header color = red");
    assertThat(said.at("/way/0/routes/1/taken").asBoolean()).isTrue();
    assertThat(said.at("/way/1/shares/0/taken").asBoolean()).isTrue();
    assertThat(said.at("/way/1/shares/0/percent").asDouble()).isEqualTo(100);
    assertThat(said.at("/place/filter").asText()).isEqualTo("Service.Meta.version == v2");
    assertThat(said.at("/call/deadline").asText()).isEqualTo("5 s");
    assertThat(said.at("/call/deadlineFrom").asText()).isEqualTo("the contract");
    assertThat(red.at("/way/0/routes/0/taken").asBoolean()).isTrue();
    assertThat(red.at("/place/balancing").asText()).isEqualTo("round_robin");
    assertThat(red.at("/call/deadline").asText()).isEqualTo("7 s");
    assertThat(red.at("/call/deadlineFrom").asText()).isEqualTo("a route of the registry");
    assertCalled(red, one, "");
    assertCalled(red, two, "the filter does not match it");
    assertThat(one.calls() + two.calls()).as("nothing was called").isZero();

    assertThat(fixture.status(PATH)).isEqualTo(200);
    assertThat(two.calls()).isEqualTo(1);
    assertThat(fixture.get(PATH, "Grpc-Metadata-Color", "red").statusCode()).isEqualTo(200);
    assertThat(one.calls()).isEqualTo(1);
  }

  @Test
  void callsGoToTheServiceThatStandsInForOneThatHasNobodyLeft() throws Exception {
    Instance own = start("v1");
    put(
        """
        {"Kind": "service-resolver", "Name": "weather",
         "Failover": {"*": {"Service": "other-weather"}}}\
        """);
    await().atMost(WITHIN).until(() -> fixture.status(PATH) == 200);
    Instance other = start("other-weather", "v1");
    assertThat(own.calls()).isPositive();
    assertThat(other.calls()).isZero();

    own.backend.crash();

    await()
        .atMost(Duration.ofSeconds(60))
        .until(
            () ->
                fixture.consul.instances("weather").stream()
                    .noneMatch(one -> one.health() == Health.PASSING));
    await()
        .atMost(Duration.ofSeconds(60))
        .during(Duration.ofSeconds(2))
        .until(() -> fixture.status(PATH) == 200);
    assertThat(other.calls()).isPositive();
  }

  @Test
  void tellsWhoIsLeftOutBecauseCallsFailedThere() throws Exception {
    List<Instance> instances = List.of(start("v1"), start("v1"), start("v1"));
    Instance fails = instances.getLast();
    put(
        """
        {"Kind": "service-defaults", "Name": "weather", "Meta": {
          "weft-timeout": "20s", "weft-outlier": "50", "weft-outlier-interval": "2s",
          "weft-outlier-time": "1h"}}\
        """);
    await().atMost(WITHIN).until(() -> explained().path("instances").size() == 3);
    JsonNode before = explained();
    instances.forEach(one -> assertCalled(before, one, ""));
    // So that the circuit does not open because the one that fails is connected first.
    await()
        .atMost(WITHIN)
        .until(() -> called(6) && instances.stream().allMatch(one -> one.calls() > 0));

    fails.forecasts.fails = true;
    await()
        .atMost(Duration.ofSeconds(60))
        .until(
            () -> {
              int calls = fails.calls();
              return called(30) && fails.calls() == calls;
            });

    JsonNode said = explained();
    assertCalled(said, fails, "it is left out for a while, because its calls failed");
    assertCalled(said, instances.get(0), "");
    assertCalled(said, instances.get(1), "");
    assertThat(said.at("/call/deadline").asText()).isEqualTo("20 s");
    assertThat(said.at("/call/deadlineFrom").asText()).isEqualTo("the registry, for the service");
  }

  /** Makes so many calls; always true. */
  private boolean called(int times) {
    for (int i = 0; i < times; i++) {
      fixture.status(PATH);
    }
    return true;
  }
}
