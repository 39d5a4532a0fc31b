package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.edge.weather.WeatherGrpc;
import dev.weft.edge.weather2.GetForecastRequest;
import dev.weft.edge.weather2.GetForecastResponse;
import dev.weft.edge.weather2.WatchForecastRequest;
import dev.weft.edge.weather2.WatchForecastResponse;
import dev.weft.edge.weather2.WeatherGrpc.WeatherImplBase;
import io.grpc.BindableService;
import io.grpc.ServerServiceDefinition;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two versions of a contract, side by side. */
class ApiVersionsTest {
  private EdgeFixture fixture;

  @BeforeEach
  void open() throws Exception {
    fixture = new EdgeFixture(HttpLimits.DEFAULT, new Access.Public());
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void oneProcessServesBoth() throws Exception {
    serving("weather", new First("a"), new Second("a"));
    awaitServed("/v2/weather/oslo");

    assertThat(fixture.get("/weather/oslo").body()).contains("\"city\":\"oslo from a\"");
    assertThat(fixture.get("/v2/weather/oslo").body()).contains("\"place\":\"oslo from a\"");
    assertThat(byName("weather.v1.Weather", "{\"city\":\"x\"}").body()).contains("\"city\":\"x fr");
    assertThat(byName("weather.v2.Weather", "{\"place\":\"x\"}").body()).contains("\"place\":\"x");
    assertThat(fixture.management("/services/weather").body())
        .contains(
            "{\"package\":\"weather.v1\",\"rpcs\":3,\"deprecated\":0,\"instances\":[\"",
            "{\"package\":\"weather.v2\",\"rpcs\":3,\"deprecated\":0,\"instances\":[\"");
  }

  /** The one that was there keeps it, and who looks for the other learns why and by whom. */
  @Test
  void saysWhichRpcHasThePathThatBothWant() throws Exception {
    serving("weather", new First("a"), new Second("a"));
    awaitServed("/v2/weather/oslo");

    assertThat(fixture.management("/routes").body())
        .contains(
            "\"rpc\":\"weather.v2.Weather/GetOldForecast\",\"access\":\"public\","
                + "\"owner\":\"weather\",\"ownerRpc\":\"weather.v1.Weather/GetForecast\"");
    assertThat(fixture.get("/weather/oslo").statusCode()).isEqualTo(200);
  }

  @Test
  void whileOneVersionReplacesTheOtherEachIsCalledWhereItIs() throws Exception {
    TestBackend old = serving("weather", new First("old"));
    awaitServed("/weather/oslo");
    TestBackend both = serving("weather", new First("both"), new Second("both"));
    serving("weather", new Second("new"));
    awaitLearned(3);

    for (int i = 0; i < 3; i++) {
      assertThat(answering("/weather/oslo")).containsExactly("both", "old");
      assertThat(answering("/v2/weather/oslo")).containsExactly("both", "new");
      assertThat(answering("/v2/weather/oslo:watch")).containsExactly("both", "new");
    }
    for (int i = 0; i < 8; i++) {
      assertThat(byName("weather.v1.Weather", "{}").statusCode()).isEqualTo(200);
      assertThat(byName("weather.v2.Weather", "{}").statusCode()).isEqualTo(200);
    }

    old.close();
    both.close();

    awaitLearned(1);
    assertThat(answering("/v2/weather/oslo")).containsExactly("new");
    assertThat(byName("weather.v2.Weather", "{}").statusCode()).isEqualTo(200);
    assertThat(byName("weather.v1.Weather", "{}").statusCode()).isEqualTo(404);
  }

  @Test
  void aVersionThatIsTakenBackLeavesTheOtherWhereItWas() throws Exception {
    serving("weather", new First("old"));
    awaitServed("/weather/oslo");
    TestBackend taken = serving("weather", new Second("new"));
    awaitLearned(2);
    assertThat(answering("/v2/weather/oslo")).containsExactly("new");

    taken.close();

    awaitLearned(1);
    assertThat(answering("/weather/oslo")).containsExactly("old");
    assertThat(fixture.get("/v2/weather/oslo").statusCode()).isEqualTo(404);
  }

  @Test
  void saysThatAContractBreaksTheOneBeforeAndServesIt() throws Exception {
    serving("weather", new First("old"));
    awaitServed("/weather/oslo");
    serving("weather", new Second("new"));
    awaitLearned(2);

    assertThat(fixture.management("/services/weather").body())
        .contains("\"held\":false,\"changes\":[\"weather.v1.Weather/GetForecast is gone\",");
    assertThat(answering("/v2/weather/oslo")).containsExactly("new");
    awaitMetric("weft_edge_breaking_changes", "weft_service=\"weather\"", " 1.0");
    awaitMetric("weft_edge_skewed_services", "", " 1.0");
  }

  @Test
  void holdsAContractThatBreaksTheOneBeforeAsLongAsAnInstanceTellsThat() throws Exception {
    fixture.close();
    fixture = new EdgeFixture(new ContractConfig(Compatibility.Policy.HOLD, Optional.empty()));
    TestBackend old = serving("weather", new First("old"));
    awaitServed("/weather/oslo");
    serving("weather", new Second("new"));
    awaitLearned(2);

    assertThat(fixture.management("/services/weather").body())
        .contains("\"held\":true,\"changes\":[\"weather.v1.Weather/GetForecast is gone\",");
    assertThat(fixture.get("/v2/weather/oslo").statusCode()).isEqualTo(404);
    assertThat(answering("/weather/oslo")).containsExactly("old");
    awaitMetric("weft_edge_breaking_changes", "weft_service=\"weather\"", " 1.0");

    old.close();

    awaitServed("/v2/weather/oslo");
    assertThat(answering("/v2/weather/oslo")).containsExactly("new");
    assertThat(fixture.management("/services/weather").body()).contains("\"held\":false");
    assertThat(byName("weather.v1.Weather", "{}").statusCode()).isEqualTo(404);
  }

  @Test
  void versionsOfTwoServicesAreServedAndWhatBothHaveIsTheFirstOnes() throws Exception {
    serving("weather", new First("old"));
    awaitServed("/weather/oslo");
    serving("weather-next", new First("next"), new Second("next"));
    awaitServed("/v2/weather/oslo");

    assertThat(answering("/weather/oslo")).containsExactly("old");
    assertThat(answering("/v2/weather/oslo")).containsExactly("next");
    assertThat(byName("weather.v1.Weather", "{}").body()).contains("from old");
    assertThat(byName("weather.v2.Weather", "{}").body()).contains("from next");
    assertThat(fixture.management("/routes").body())
        .contains(
            "\"service\":\"weather-next\",\"rpc\":\"weather.v1.Weather/GetForecast\","
                + "\"access\":\"public\",\"owner\":\"weather\"");
  }

  @Test
  void countsWhoStillCallsWhatIsDeprecated() throws Exception {
    fixture.add("library", new LibraryService());
    awaitServed("/library/books/b1");
    fixture.get("/library/shelves/s1");
    fixture.post("/library.v1.Library/GetShelf", "{\"shelfId\":\"s1\"}");
    fixture.get("/library/shelves/s1");

    assertThat(fixture.management("/services/library").body())
        .contains("\"deprecated\":1", "\"endOfLife\":{\"Deprecation\":\"@1767312000\"");
    await()
        .untilAsserted(
            () ->
                assertThat(fixture.management("/metrics").body().lines())
                    .filteredOn(line -> line.startsWith("weft_edge_deprecated_requests"))
                    .anySatisfy(
                        line ->
                            assertThat(line)
                                .contains(
                                    "http_route=\"/library/shelves/{shelf_id}\"",
                                    "rpc_method=\"library.v1.Library/GetShelf\"")
                                .endsWith(" 2.0"))
                    .anySatisfy(
                        line ->
                            assertThat(line)
                                .contains("http_route=\"/library.v1.Library/GetShelf\"")
                                .endsWith(" 1.0"))
                    .hasSize(2));
  }

  private TestBackend serving(String name, BindableService... services) throws IOException {
    List<ServerServiceDefinition> all = new ArrayList<>();
    for (BindableService service : services) {
      all.add(service.bindService());
    }
    all.add(ProtoReflectionServiceV1.newInstance().bindService());
    return fixture.add(TestBackend.start(fixture.consul, name, all));
  }

  private HttpResponse<String> byName(String service, String json) throws Exception {
    return fixture.post("/" + service + "/GetForecast", json);
  }

  /** Which instances answer, asked so often that each of them is. */
  private Set<String> answering(String path) throws Exception {
    Set<String> names = new TreeSet<>();
    for (int i = 0; i < 8; i++) {
      HttpResponse<String> answer = fixture.get(path);
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
      String body = answer.body();
      int from = body.indexOf(" from ") + " from ".length();
      names.add(body.substring(from, body.indexOf('"', from)));
    }
    return names;
  }

  private void awaitServed(String path) {
    await().atMost(Duration.ofSeconds(10)).until(() -> fixture.status(path) == 200);
  }

  private void awaitMetric(String name, String attribute, String value) {
    await()
        .untilAsserted(
            () ->
                assertThat(fixture.management("/metrics").body().lines())
                    .filteredOn(line -> line.startsWith(name))
                    .anySatisfy(line -> assertThat(line).contains(attribute).endsWith(value)));
  }

  /** So many instances are there, and the contract of each is known. */
  private void awaitLearned(int instances) {
    await()
        .atMost(Duration.ofSeconds(10))
        .until(
            () -> {
              String page = fixture.management("/services/weather").body();
              // One is that of the service.
              return count(page, "\"id\":") == instances
                  && count(page, "\"contract\":\"") - count(page, "\"contract\":\"\"")
                      == instances + 1;
            });
  }

  private static long count(String text, String part) {
    return Pattern.compile(part, Pattern.LITERAL).matcher(text).results().count();
  }

  private static final class First extends WeatherGrpc.WeatherImplBase {
    private final String name;

    First(String name) {
      this.name = name;
    }

    @Override
    public void getForecast(
        dev.weft.edge.weather.GetForecastRequest request,
        StreamObserver<dev.weft.edge.weather.GetForecastResponse> out) {
      out.onNext(
          dev.weft.edge.weather.GetForecastResponse.newBuilder()
              .setCity(request.getCity() + " from " + name)
              .build());
      out.onCompleted();
    }
  }

  private static final class Second extends WeatherImplBase {
    private final String name;

    Second(String name) {
      this.name = name;
    }

    @Override
    public void getForecast(GetForecastRequest request, StreamObserver<GetForecastResponse> out) {
      out.onNext(
          GetForecastResponse.newBuilder().setPlace(request.getPlace() + " from " + name).build());
      out.onCompleted();
    }

    @Override
    public void watchForecast(
        WatchForecastRequest request, StreamObserver<WatchForecastResponse> out) {
      out.onNext(
          WatchForecastResponse.newBuilder()
              .setPlace(request.getPlace() + " from " + name)
              .build());
      out.onCompleted();
    }
  }
}
