package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ManagementPagesTest {
  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("test", "1"));
  private final Management management = Management.open("test", "1", "127.0.0.1", 0, telemetry);

  @AfterEach
  void close() {
    management.close();
    telemetry.close();
  }

  @Test
  void answersAPageAndWhatIsBelowIt() throws Exception {
    management.page(
        "/things",
        name ->
            name.equals("none") ? Optional.empty() : Optional.of("{\"name\":\"" + name + "\"}"));

    assertThat(get("/things").body()).isEqualToIgnoringNewLines("{\"name\":\"\"}");
    assertThat(get("/things/a").body()).isEqualToIgnoringNewLines("{\"name\":\"a\"}");
    assertThat(get("/things/none").statusCode()).isEqualTo(404);
    assertThat(get("/thingsandmore").statusCode()).isEqualTo(404);
    assertThat(get("/").body()).contains("/livez", "/things");
  }

  private HttpResponse<String> get(String path) throws IOException, InterruptedException {
    URI uri = URI.create("http://127.0.0.1:" + management.port() + path);
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
    }
  }
}
