package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.ServiceRegistration;
import dev.weft.consul.Weights;
import dev.weft.edge.weather.GetForecastRequest;
import dev.weft.edge.weather.GetForecastResponse;
import dev.weft.edge.weather.WeatherGrpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.protobuf.services.ProtoReflectionService;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.stub.StreamObserver;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Services that come and go while the edge runs. */
class EdgeRegistryTest {
  private EdgeFixture fixture;

  @BeforeEach
  void open() throws Exception {
    fixture = new EdgeFixture(HttpLimits.DEFAULT, new Access.Public());
    // Whatever is slow once in a JVM is over then.
    fixture.add("library", new LibraryService());
    awaitStatus(Duration.ofSeconds(10), "/library/books/b1", 200);
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void servesAServiceWithinASecondOfItsBeingHealthyAlsoOneThatKnowsNothingOfUs() throws Exception {
    assertThat(fixture.get("/weather/oslo").statusCode()).isEqualTo(404);

    fixture.add("weather", new WeatherService("1"));

    awaitStatus(Duration.ofSeconds(1), "/weather/oslo", 200);
    assertThat(fixture.get("/weather/oslo").body())
        .isEqualTo("{\"city\":\"oslo from 1\",\"degrees\":0.0}");
  }

  /** A service that is not listed could use the token elsewhere. */
  @Test
  void passesNoTokenToAServiceThatIsNotListedForThem() throws Exception {
    fixture.add("weather", new WeatherService("1"));
    awaitStatus(Duration.ofSeconds(5), "/weather/oslo", 200);

    assertThat(
            fixture
                .get("/weather/oslo", "Authorization", "Bearer " + EdgeFixture.USER_TOKEN)
                .body())
        .contains("oslo from 1")
        .doesNotContain("token");
  }

  @Test
  void answers503WhenAServiceHasLeftAnd200WhenItIsBack() throws Exception {
    TestBackend weather = fixture.add("weather", new WeatherService("1"));
    awaitStatus(Duration.ofSeconds(1), "/weather/oslo", 200);
    assertHealth(200, "passing", "{\"name\":\"weather\",\"status\":\"passing\",\"instances\":1,");

    weather.close();

    awaitStatus(Duration.ofSeconds(1), "/weather/oslo", 503);
    assertHealth(503, "degraded", "{\"name\":\"weather\",\"status\":\"critical\",\"instances\":0,");
    var answer = fixture.get("/weather/oslo");
    assertThat(answer.headers().firstValue("retry-after")).contains("1");
    assertThat(answer.body()).contains("NO_HEALTHY_INSTANCE");
    assertThat(fixture.management("/services/weather").body())
        .contains("\"instances\":[]", "\"path\":\"/weather/{city}\"");
    assertThat(fixture.get("/library/books/b1").statusCode()).isEqualTo(200);

    fixture.add("weather", new WeatherService("2"));
    awaitStatus(Duration.ofSeconds(2), "/weather/oslo", 200);
    assertThat(fixture.get("/weather/oslo").body()).contains("oslo from 2");
    assertHealth(200, "passing", "{\"name\":\"weather\",\"status\":\"passing\"");
  }

  /** Of all services together, which an edge that serves the others is well without. */
  private void assertHealth(int status, String verdict, String service) throws Exception {
    HttpResponse<String> health = fixture.management("/health");
    assertThat(health.statusCode()).isEqualTo(status);
    assertThat(health.body())
        .startsWith("{\"status\":\"" + verdict + "\"")
        .contains(service, "{\"name\":\"library\",\"status\":\"passing\",\"instances\":1,");
    assertThat(fixture.management("/readyz").statusCode()).isEqualTo(200);
  }

  /** As in an update that replaces one instance after the other. */
  @Test
  void servesWhatSomeInstancesHaveUntilTheyLeave() throws Exception {
    fixture.add("weather", new WeatherService("1"));
    fixture.add("weather", new WeatherService("2"));
    awaitContract("\"grpcServices\":[\"weather.v1.Weather\"]");
    TestBackend more =
        TestBackend.start(
            fixture.consul,
            "weather",
            List.of(
                new WeatherService("3").bindService(),
                new LibraryService().bindService(),
                ProtoReflectionServiceV1.newInstance().bindService()));
    awaitContract("\"grpcServices\":[\"library.v1.Library\",\"weather.v1.Weather\"]");

    more.close();

    awaitContract("\"grpcServices\":[\"weather.v1.Weather\"]");
  }

  private void awaitContract(String services) {
    await()
        .untilAsserted(
            () -> assertThat(fixture.management("/services/weather").body()).contains(services));
  }

  @Test
  @SuppressWarnings("deprecation") // what is deprecated is what many services still speak
  void asksByTheOlderReflectionWhereThereIsNoOther() throws Exception {
    fixture.add(
        TestBackend.start(
            fixture.consul,
            "weather",
            List.of(
                new WeatherService("1").bindService(),
                ProtoReflectionService.newInstance().bindService())));

    awaitStatus(Duration.ofSeconds(5), "/weather/oslo", 200);
  }

  @Test
  void showsAServiceThatDoesNotTellItsContractAndServesTheOthers() throws Exception {
    fixture.add(
        TestBackend.start(
            fixture.consul, "silent", List.of(new WeatherService("1").bindService())));

    await()
        .untilAsserted(
            () ->
                assertThat(fixture.management("/services/silent").body())
                    .contains("\"problem\":\"reflection answered UNIMPLEMENTED\""));
    assertThat(fixture.get("/library/books/b1").statusCode()).isEqualTo(200);
  }

  @Test
  void leavesARouteToWhoHadItAndAnOwnedOneToItsOwner() throws Exception {
    fixture.add("weather", new WeatherService("first"));
    awaitStatus(Duration.ofSeconds(5), "/weather/oslo", 200);

    fixture.add("impostor", new WeatherService("second"));

    await()
        .untilAsserted(
            () ->
                assertThat(fixture.management("/routes").body())
                    .contains(
                        "\"service\":\"impostor\",\"rpc\":\"weather.v1.Weather/GetForecast\","
                            + "\"access\":\"public\",\"owner\":\"weather\"",
                        "\"path\":\"/v1/auth:login\",\"service\":\"weather\","
                            + "\"rpc\":\"weather.v1.Weather/Login\",\"access\":\"public\","
                            + "\"owner\":\"user-svc\""));
    assertThat(fixture.get("/weather/oslo").body()).contains("from first");
    assertThat(fixture.post("/v1/auth:login", "{}").statusCode()).isEqualTo(404);
    assertThat(fixture.get("/.well-known/jwks.json").statusCode()).isEqualTo(404);
    assertThat(fixture.get("/anywhere/jwks.json").statusCode()).isEqualTo(200);
  }

  @Test
  void followsOperatorsWhoSayWhoseAPathIs() throws Exception {
    fixture.add("impostor", new WeatherService("impostor"));
    awaitStatus(Duration.ofSeconds(5), "/weather/oslo", 200);

    fixture.consul.kv().put(RouteOwners.KEY, "{\"/weather\": \"weather\"}");
    awaitStatus(Duration.ofSeconds(2), "/weather/oslo", 404);
    fixture.add("weather", new WeatherService("owner"));
    awaitStatus(Duration.ofSeconds(2), "/weather/oslo", 200);
    assertThat(fixture.get("/weather/oslo").body()).contains("from owner");

    fixture.consul.kv().put(RouteOwners.KEY, "what was meant?");
    fixture.consul.kv().put("other", "so that the one before was heard of");
    assertThat(fixture.get("/weather/oslo").body()).contains("from owner");
  }

  @Test
  void asksAlsoWhoDoesNotSayThatItSpeaksGrpcButNotWhoSpeaksSomethingElse() throws Exception {
    List<ServerServiceDefinition> services =
        List.of(
            new WeatherService("quiet").bindService(),
            ProtoReflectionServiceV1.newInstance().bindService());
    fixture.add(
        TestBackend.start(
            fixture.consul, services, port -> registration("elsewhere", port, "http")));
    fixture.add(
        TestBackend.start(fixture.consul, services, port -> registration("weather", port, "")));

    awaitStatus(Duration.ofSeconds(2), "/weather/oslo", 200);
    assertThat(fixture.management("/services/elsewhere").body()).doesNotContain("contract");
  }

  private static ServiceRegistration registration(String name, int port, String protocol) {
    return new ServiceRegistration(
        name + "-1",
        name,
        "127.0.0.1",
        port,
        List.of(),
        protocol.isEmpty() ? Map.of() : Map.of(ServiceRegistration.META_PROTOCOL, protocol),
        Weights.EQUAL,
        List.of(),
        false);
  }

  @Test
  void knowsRoutesFromBeforeItsRestart(@TempDir Path folder) throws Exception {
    try (TestBackend weather =
            TestBackend.start(fixture.consul, "weather", new WeatherService("1"));
        EdgeServer before = fixture.another(folder)) {
      assertThat(weather.port()).isPositive();
      await().until(() -> fixture.status(before, "/weather/oslo") == 200);
    }
    fixture.add("impostor", new WeatherService("impostor"));

    try (EdgeServer after = fixture.another(folder)) {
      assertThat(fixture.status(after, "/weather/oslo")).isEqualTo(503);
      await().until(after::ready);
      assertThat(fixture.status(after, "/weather/oslo")).isEqualTo(503);
    }
  }

  /** Otherwise whoever was once refused a path would be known as its owner. */
  @Test
  void knowsOwnersFromBeforeItsRestartWithoutTheRegistry(@TempDir Path folder) throws Exception {
    fixture.consul.kv().put(RouteOwners.KEY, "{\"/weather\": \"weather\"}");
    fixture.add("impostor", new WeatherService("impostor"));
    try (EdgeServer before = fixture.another(folder)) {
      await().until(() -> fixture.status(before, "/anywhere/jwks.json") == 200);
      await().until(() -> fixture.status(before, "/weather/oslo") == 404);
    }

    fixture.agent.close();

    try (EdgeServer after = fixture.another(folder);
        RawHttp client = new RawHttp(after.port())) {
      client.send("GET /anywhere/jwks.json HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.answer()).contains("NO_HEALTHY_INSTANCE");
      client.send("GET /weather/oslo HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.answer()).contains("EDGE_STARTS");
    }
  }

  @Test
  void isReadyWhenItServesWhatWasThereBeforeIt(@TempDir Path folder) throws Exception {
    try (EdgeServer late = fixture.another(folder)) {
      await().until(late::ready);

      assertThat(fixture.status(late, "/library/books/b1")).isEqualTo(200);
    }
  }

  @Test
  void isNotReadyAndCallsNoPathUnknownBeforeItHasAskedWhoIsThere(@TempDir Path folder)
      throws Exception {
    SlowToTell slow = new SlowToTell();
    fixture.add(
        TestBackend.start(
            fixture.consul,
            "weather",
            List.of(
                new WeatherService("1").bindService(),
                ServerInterceptors.intercept(ProtoReflectionServiceV1.newInstance(), slow))));
    try (EdgeServer late = fixture.another(folder)) {
      await().until(() -> fixture.status(late, "/library/books/b1") == 200);
      assertThat(fixture.status(late, "/weather/oslo")).isEqualTo(503);
      assertThat(late.ready()).isFalse();

      slow.told.countDown();

      await().until(late::ready);
      assertThat(fixture.status(late, "/weather/oslo")).isEqualTo(200);
      assertThat(fixture.status(late, "/nobodys")).isEqualTo(404);
    } finally {
      slow.told.countDown();
    }
  }

  /** Keeps who asks for its contract waiting. */
  private static final class SlowToTell implements ServerInterceptor {
    final CountDownLatch told = new CountDownLatch(1);

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
      try {
        told.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      return next.startCall(call, headers);
    }
  }

  @Test
  void isReadyThoughAServiceThatIsThereTellsNoContract(@TempDir Path folder) throws Exception {
    fixture.add(
        TestBackend.start(
            fixture.consul, "silent", List.of(new WeatherService("1").bindService())));

    try (EdgeServer late = fixture.another(folder)) {
      await().atMost(Duration.ofSeconds(5)).until(late::ready);
    }
  }

  @Test
  void isNeitherReadyNorRegisteredBeforeItHasTheIssuersKeys(@TempDir Path folder) throws Exception {
    await().until(() -> fixture.consul.instances(EdgeConfig.SERVICE).size() == 1);
    fixture.issuerKnown.set(false);
    try (EdgeServer late = fixture.another(folder)) {
      await().until(() -> fixture.status(late, "/library/books/b1") == 200);
      assertThat(late.ready()).isFalse();
      assertThat(fixture.status(late, "/nobodys")).isEqualTo(503);
      assertThat(fixture.consul.instances(EdgeConfig.SERVICE)).hasSize(1);

      fixture.issuerKnown.set(true);

      await().until(late::ready);
      await().until(() -> fixture.consul.instances(EdgeConfig.SERVICE).size() == 2);
      assertThat(fixture.status(late, "/nobodys")).isEqualTo(404);
    }
  }

  @Test
  void registersItselfWithACheckOfItsReadiness() {
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(
            () ->
                assertThat(fixture.consul.instances(EdgeConfig.SERVICE))
                    .singleElement()
                    .satisfies(
                        edge -> {
                          assertThat(edge.port()).isEqualTo(fixture.edge.port());
                          assertThat(edge.tags()).containsExactly("http");
                          assertThat(edge.weight()).isPositive();
                        }));
  }

  private void awaitStatus(Duration within, String path, int status) {
    await()
        .atMost(within)
        .pollInterval(Duration.ofMillis(10))
        .until(() -> fixture.status(path) == status);
  }

  /** Says which instance it is. */
  private static final class WeatherService extends WeatherGrpc.WeatherImplBase {
    private static final Metadata.Key<String> AUTHORIZATION =
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final String name;

    WeatherService(String name) {
      this.name = name;
    }

    @Override
    public void getForecast(GetForecastRequest request, StreamObserver<GetForecastResponse> out) {
      out.onNext(
          GetForecastResponse.newBuilder()
              .setCity(request.getCity() + " from " + name + token())
              .build());
      out.onCompleted();
    }

    private static String token() {
      Metadata metadata = TestBackend.METADATA.get();
      return metadata != null && metadata.containsKey(AUTHORIZATION) ? " with a token" : "";
    }

    @Override
    public void anything(GetForecastRequest request, StreamObserver<GetForecastResponse> out) {
      getForecast(request, out);
    }
  }
}
