package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.api.AnnotationsProto;
import com.google.api.HttpRule;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import dev.weft.edge.weather.GetForecastRequest;
import dev.weft.edge.weather.GetForecastResponse;
import dev.weft.edge.weather.WeatherGrpc;
import dev.weft.edge.weather.WeatherProto;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What operators say of contracts while the edge runs: which one a service has, and its rules. */
class OperatorsContractsTest {
  private static final Reflected WEATHER = Contracts.reflected(WeatherProto.getDescriptor());

  @TempDir Path folder;
  private EdgeFixture fixture;

  @BeforeEach
  void open() throws Exception {
    fixture = new EdgeFixture(new ContractConfig(Compatibility.Policy.REPORT, Optional.of(folder)));
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void servesAServiceThatDoesNotTellItsContractByTheOneInTheFolder() throws Exception {
    give(WEATHER);
    silent();
    awaitStatus("/weather/oslo", 200);

    assertThat(fixture.get("/weather/oslo").body()).contains("oslo");
    assertThat(fixture.management("/services/weather").body())
        .contains("\"contract\":\"" + WEATHER.fingerprint() + "\"}")
        .doesNotContain("\"problem\"");
  }

  @Test
  void followsTheFileWhileItIsReplaced() throws Exception {
    give(WEATHER);
    silent();
    awaitStatus("/weather/oslo", 200);

    give(moved("/moved/{city}"));

    awaitStatus("/moved/oslo", 200);
    assertThat(fixture.get("/weather/oslo").statusCode()).isEqualTo(404);

    Files.write(file(), new byte[] {7, 7, 7});
    await()
        .untilAsserted(
            () ->
                assertThat(fixture.management("/services/weather").body())
                    .contains("\"problem\":\"weather.binpb cannot be read"));
    assertThat(fixture.get("/moved/oslo").statusCode()).isEqualTo(200);
  }

  @Test
  void believesAServiceThatTellsItsContractItself() throws Exception {
    give(moved("/moved/{city}"));
    fixture.add("weather", new Weather());

    awaitStatus("/weather/oslo", 200);
    assertThat(fixture.get("/moved/oslo").statusCode()).isEqualTo(404);
  }

  @Test
  void followsRulesWhileTheyChange() throws Exception {
    fixture.add("weather", new Weather());
    awaitStatus("/weather/oslo", 200);

    rules("{\"selector\": \"weather.v1.Weather.GetForecast\", \"get\": \"/w/{city}\"}");
    awaitStatus("/w/oslo", 200);
    assertThat(fixture.get("/weather/oslo").statusCode()).isEqualTo(404);
    assertThat(fixture.management("/routes").body())
        .contains(
            "\"rules\":[{\"selector\":\"weather.v1.Weather.GetForecast\","
                + "\"services\":[\"weather\"]}]",
            "\"ignoredRules\":[]");

    rules("{\"selector\": \"weather.v1.Weather.GetForecast\", \"get\": \"/x/{town}\"}");
    awaitStatus("/weather/oslo", 200);
    assertThat(fixture.get("/w/oslo").statusCode()).isEqualTo(404);
    assertThat(fixture.management("/services/weather").body())
        .contains("\"ignoredRules\":[{\"service\":\"weather\",", "town");

    rules("{\"selector\": \"weather.v1.Weather.GetForecast\", \"get\": \"/y/{city}\"}");
    awaitStatus("/y/oslo", 200);
    fixture.consul.kv().put(HttpRules.KEY, "what was meant?");
    fixture.consul.kv().put(Mounts.KEY, "{\"/m\": {\"service\": \"weather\", \"to\": \"/y\"}}");
    awaitStatus("/m/oslo", 200);
    assertThat(fixture.get("/y/oslo").statusCode()).isEqualTo(200);

    fixture.consul.kv().delete(HttpRules.KEY);
    awaitStatus("/weather/oslo", 200);
    assertThat(fixture.get("/y/oslo").statusCode()).isEqualTo(404);
  }

  @Test
  void rulesHoldForWhatComesLaterAndForWhatHasLeft() throws Exception {
    rules("{\"selector\": \"weather.v1.Weather.GetForecast\", \"get\": \"/w/{city}\"}");
    fixture.consul.kv().put(Mounts.KEY, "{\"/m\": {\"service\": \"weather\", \"to\": \"/w\"}}");
    TestBackend weather = fixture.add("weather", new Weather());
    awaitStatus("/w/oslo", 200);

    weather.close();
    awaitStatus("/w/oslo", 503);
    rules("{\"selector\": \"weather.v1.Weather.GetForecast\", \"get\": \"/z/{city}\"}");

    awaitStatus("/z/oslo", 503);
    assertThat(fixture.get("/w/oslo").statusCode()).isEqualTo(404);
  }

  /** What a contract says of callers, and operators of paths, is not a rule's to change. */
  @Test
  void rulesOpenNothing() throws Exception {
    fixture.add("library", new LibraryService());
    awaitStatus("/library/books/b1", 200);

    rules(
        "{\"selector\": \"library.v1.Library.BurnBook\", \"post\": \"/burn/{book_id}\"},"
            + "{\"selector\": \"library.v1.Library.Hidden\", \"post\": \"/hidden\", \"body\": \"*\"},"
            + "{\"selector\": \"library.v1.Library.GetBook\", \"get\": \"/v1/users/{book_id}\"}");

    await().until(() -> fixture.send("POST", "/burn/b1", "").statusCode() != 404);
    assertThat(fixture.send("POST", "/burn/b1", "").statusCode()).isEqualTo(401);
    assertThat(
            fixture
                .send("POST", "/burn/b1", "", "Authorization", "Bearer " + EdgeFixture.USER_TOKEN)
                .statusCode())
        .isEqualTo(403);
    assertThat(fixture.post("/hidden", "{}").statusCode()).isEqualTo(404);
    assertThat(fixture.get("/v1/users/b1").statusCode()).isEqualTo(404);
    assertThat(fixture.management("/routes").body())
        .contains("\"path\":\"/v1/users/{book_id}\"", "\"owner\":\"user-svc\"");
    assertThat(fixture.get("/library/books").statusCode()).isEqualTo(200);
  }

  private void rules(String rules) {
    fixture.consul.kv().put(HttpRules.KEY, "{\"rules\": [" + rules + "]}");
  }

  private Path file() {
    return folder.resolve("weather.binpb");
  }

  private void give(Reflected contract) throws IOException {
    Files.write(file(), DescriptorSetsTest.set(contract, false).toByteArray());
  }

  /** An instance without reflection. */
  private void silent() throws IOException {
    fixture.add(TestBackend.start(fixture.consul, "weather", List.of(new Weather().bindService())));
  }

  private static Reflected moved(String path) {
    FileDescriptorProto.Builder file = WeatherProto.getDescriptor().toProto().toBuilder();
    var options = file.getServiceBuilder(0).getMethodBuilder(0).getOptionsBuilder();
    options.setExtension(AnnotationsProto.http, HttpRule.newBuilder().setGet(path).build());
    return Contracts.changed(WeatherProto.getDescriptor(), file.build());
  }

  private void awaitStatus(String path, int status) {
    await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(20))
        .until(() -> fixture.status(path) == status);
  }

  private static final class Weather extends WeatherGrpc.WeatherImplBase {
    @Override
    public void getForecast(GetForecastRequest request, StreamObserver<GetForecastResponse> out) {
      out.onNext(GetForecastResponse.newBuilder().setCity(request.getCity()).build());
      out.onCompleted();
    }
  }
}
