package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.Mesh;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The edge and a service of the mesh with certificates and intentions of one registry, over
 * sockets.
 */
@Timeout(120)
class UpstreamTlsTest {
  private static final String BOOK = "/library/books/b1";
  private static final Duration LONG = Duration.ofSeconds(60);

  private EdgeFixture fixture;
  private Mesh library;

  @BeforeEach
  void start() throws Exception {
    fixture = EdgeFixture.callingOverTls();
    library = Mesh.open(fixture.config("library"));
    library.server(new LibraryService()).start();
    await().atMost(LONG).until(() -> fixture.status(BOOK) == 200);
  }

  @AfterEach
  void stop() throws IOException {
    library.close();
    fixture.close();
  }

  private HttpResponse<String> agent(String method, String path, String body)
      throws IOException, InterruptedException {
    URI uri = URI.create("http://127.0.0.1:" + fixture.agent.address().getPort() + path);
    return fixture.client.send(
        HttpRequest.newBuilder(uri).method(method, BodyPublishers.ofString(body)).build(),
        BodyHandlers.ofString());
  }

  /** Its health is told without TLS, too: that it is asked for over TLS, MeshTlsTest shows. */
  @Test
  void theRegistryFindsTheServiceWellAndShowsThatItSpeaksTls() throws Exception {
    await()
        .atMost(LONG)
        .untilAsserted(
            () ->
                assertThat(agent("GET", "/v1/health/checks/library", "").body())
                    .contains("success")
                    .contains("\"passing\""));
    assertThat(agent("GET", "/v1/health/connect/library", "").body()).contains("\"Native\":true");
  }

  @Test
  void aServiceWithoutTlsIsNotServedAndThePageSaysWhatLetsItIn() throws Exception {
    try (TestBackend _ = TestBackend.start(fixture.consul, "plain-svc", new LibraryService())) {
      await()
          .atMost(LONG)
          .untilAsserted(
              () ->
                  assertThat(fixture.management("/services/plain-svc").body())
                      .contains("plain-svc does not speak TLS", "WEFT_PLAINTEXT_UPSTREAMS"));
    }
  }

  @Test
  void anIntentionTakesTheServiceFromTheEdgeAndGivesItBack() throws Exception {
    String intention =
        "{\"SourceName\":\"edge-gateway\",\"DestinationName\":\"library\",\"Action\":\"deny\"}";
    HttpResponse<String> made = agent("POST", "/v1/connect/intentions", intention);
    assertThat(made.statusCode()).as(made.body()).isEqualTo(200);

    await().atMost(LONG).until(() -> fixture.status(BOOK) == 403);
    assertThat(fixture.get(BOOK).body()).contains("INTENTION_DENIED");
    String id = made.body().replaceAll(".*\"ID\":\"([^\"]+)\".*", "$1").strip();
    assertThat(agent("DELETE", "/v1/connect/intentions/" + id, "").statusCode()).isEqualTo(200);

    await().atMost(LONG).until(() -> fixture.status(BOOK) == 200);
  }
}
