package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.edge.weather.GetForecastRequest;
import dev.weft.edge.weather.GetForecastResponse;
import dev.weft.edge.weather.WeatherGrpc;
import io.grpc.stub.StreamObserver;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What hangs takes its own room and no other's. */
class BulkheadTest {
  // Two calls of a method, four to a service.
  private static final HttpLimits FEW = HttpLimits.DEFAULT.withInFlight(16);

  private final LibraryService library = new LibraryService();
  private final List<RawHttp> clients = new ArrayList<>();
  private EdgeFixture fixture;

  @BeforeEach
  void start() throws Exception {
    fixture = new EdgeFixture(FEW, new Access.Public());
    fixture.add("library", library);
    fixture.add("weather", new Weather());
    await().until(() -> fixture.status("/library/books/b1") == 200);
    await().until(() -> fixture.status("/weather/oslo") == 200);
  }

  @AfterEach
  void stop() throws Exception {
    for (RawHttp client : clients) {
      client.close();
    }
    fixture.close();
  }

  @Test
  void aMethodThatHangsLeavesTheOthersOfItsServiceAlone() throws Exception {
    hang("/library/books/asleep");
    hang("/library/books/asleep");

    HttpResponse<String> refused = fixture.get("/library/books/b1");
    assertThat(refused.statusCode()).isEqualTo(503);
    assertThat(refused.body()).contains("\"SERVICE_BUSY\"");
    assertThat(refused.headers().firstValue("retry-after")).isPresent();
    assertThat(fixture.status("/library/books")).isEqualTo(200);
  }

  @Test
  void refusesBeforeTheBodyIsThere() throws Exception {
    hang("/library/books/asleep");
    hang("/library/books/asleep");
    RawHttp client = new RawHttp(fixture.edge.port());
    clients.add(client);

    client.send("GET /library/books/b1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");

    assertThat(client.answer()).startsWith("HTTP/1.1 503");
  }

  @Test
  void aServiceThatHangsLeavesTheOthersAlone() throws Exception {
    hang("/library/books/asleep");
    hang("/library/books/asleep");
    hang("/library/shelves/asleep");
    // Who asks the same waits for the answer to the other one, and calls nobody.
    hang("/library/shelves/asleep?$another");

    assertThat(fixture.status("/library/books")).isEqualTo(503);
    assertThat(fixture.status("/weather/oslo")).isEqualTo(200);
  }

  @Test
  void givesRoomBackWhenCallsEnd() throws Exception {
    hang("/library/books/asleep");
    hang("/library/books/asleep");
    assertThat(fixture.status("/library/books/b1")).isEqualTo(503);

    for (RawHttp client : clients) {
      client.close();
    }
    await().until(() -> fixture.status("/library/books/b1") == 200);
    for (int i = 0; i < 20; i++) {
      assertThat(fixture.status("/library/books/none")).isEqualTo(404);
    }
  }

  private void hang(String path) throws Exception {
    RawHttp client = new RawHttp(fixture.edge.port());
    clients.add(client);
    client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
    assertThat(library.waiting.tryAcquire(10, TimeUnit.SECONDS)).isTrue();
  }

  private static final class Weather extends WeatherGrpc.WeatherImplBase {
    @Override
    public void getForecast(GetForecastRequest request, StreamObserver<GetForecastResponse> out) {
      out.onNext(GetForecastResponse.newBuilder().setCity(request.getCity()).build());
      out.onCompleted();
    }
  }
}
