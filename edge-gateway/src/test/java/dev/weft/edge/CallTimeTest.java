package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.edge.weather.GetForecastRequest;
import dev.weft.edge.weather.GetForecastResponse;
import dev.weft.edge.weather.WeatherGrpc;
import io.grpc.Context;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How much time the calls of an edge have, as their service sees it; the contract gives 5 s. */
@Timeout(60)
class CallTimeTest {
  private static final String PATH = "/weather/oslo";
  private static final String NAME = "/weather.v1.Weather/GetForecast";
  private static EdgeFixture fixture;

  /** Tells the seconds that it has. */
  private static final class Clock extends WeatherGrpc.WeatherImplBase {
    @Override
    public void getForecast(GetForecastRequest request, StreamObserver<GetForecastResponse> out) {
      double left =
          Objects.requireNonNull(Context.current().getDeadline())
                  .timeRemaining(TimeUnit.MILLISECONDS)
              / 1_000.0;
      out.onNext(GetForecastResponse.newBuilder().setDegrees(left).build());
      out.onCompleted();
    }
  }

  @BeforeAll
  static void open() throws Exception {
    fixture = new EdgeFixture(HttpLimits.DEFAULT, new Access.Public());
    fixture.add("weather", new Clock());
    await().atMost(Duration.ofSeconds(10)).until(() -> fixture.status(PATH) == 200);
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close();
  }

  private static double seconds(String... headers) throws Exception {
    return Described.node(fixture.get(PATH, headers).body()).path("degrees").asDouble();
  }

  private static double secondsByName(String... headers) throws Exception {
    return Described.node(fixture.post(NAME, "{}", headers).body()).path("degrees").asDouble();
  }

  private static void say(String time) {
    fixture
        .consul
        .configEntries()
        .put(
            """
            {"Kind": "service-defaults", "Name": "weather", "Protocol": "grpc",
             "Meta": {"weft-timeout": "%s"}}\
            """
                .formatted(time));
  }

  @Test
  void isTheRegistrysUnlessTheClientHasLess() throws Exception {
    assertThat(seconds()).isBetween(0.1, 5.0);

    say("60s");
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(() -> assertThat(seconds()).isBetween(30.0, 60.0));
    assertThat(secondsByName()).isBetween(30.0, 60.0);
    assertThat(seconds("Grpc-Timeout", "20S")).isBetween(10.0, 20.0);
    assertThat(secondsByName("Connect-Timeout-Ms", "20000")).isBetween(10.0, 20.0);
    assertThat(seconds("Grpc-Timeout", "1H")).as("it has no more for that").isBetween(30.0, 60.0);
    assertThat(secondsByName("Connect-Timeout-Ms", "3600000")).isBetween(30.0, 60.0);

    say("3s");
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(() -> assertThat(seconds()).isBetween(0.1, 3.0));

    fixture
        .consul
        .configEntries()
        .put(
            """
            {"Kind": "service-router", "Name": "weather", "Routes": [
              {"Match": {"HTTP": {"PathPrefix": "/", "Header": [{"Name": "color", "Exact": "red"}]}},
               "Destination": {"RequestTimeout": "200s"}},
              {"Match": {"HTTP": {"PathPrefix": "/"}}, "Destination": {"RequestTimeout": "90s"}}]}\
            """);
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(() -> assertThat(seconds()).isBetween(60.0, 90.0));
    assertThat(seconds("Grpc-Metadata-Color", "red")).isBetween(120.0, 200.0);
    assertThat(seconds("Grpc-Metadata-Color", "red", "Grpc-Timeout", "100S"))
        .isBetween(60.0, 100.0);
  }

  @Test
  void isEndedForAClientThatWaitsNoLonger() throws Exception {
    assertThat(fixture.get(PATH, "Grpc-Timeout", "1n").statusCode()).isEqualTo(504);
  }
}
