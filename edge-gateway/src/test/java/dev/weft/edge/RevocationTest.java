package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.testkit.TestIdentity;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is revoked is so at each edge, by the real verifier over a real stream of the issuer's. */
class RevocationTest {
  /** The issue's: how long it may take until every edge has heard. */
  private static final Duration HEARD = Duration.ofSeconds(2);

  /** These two edges, and the fixture's own. */
  private static final int LISTENERS = 3;

  private static final TestIdentity IDENTITY = new TestIdentity();

  @Test
  void everyEdgeRefusesWhatWasRevokedAlsoByAnIssuerThatStartedAnew() throws Exception {
    String anne = IDENTITY.token("anne", Instant.now(), "customer");
    String ben = IDENTITY.token("ben", Instant.now(), "customer");
    try (EdgeFixture fixture = EdgeFixture.with(new LibraryService());
        EdgeServer one = fixture.verifying();
        EdgeServer other = fixture.verifying()) {
      List<EdgeServer> edges = List.of(one, other);
      TestIssuer first = new TestIssuer(IDENTITY.jwks());
      try (TestBackend _ = TestBackend.start(fixture.consul, "user-svc", first)) {
        await().untilAsserted(() -> assertStatuses(fixture, edges, anne, 200));
        await().until(() -> first.listeners() == LISTENERS);

        first.revoke("anne");
        await().atMost(HEARD).untilAsserted(() -> assertStatuses(fixture, edges, anne, 401));
        assertThat(lend(fixture, one, anne).body()).contains("TOKEN_REVOKED");
        assertStatuses(fixture, edges, ben, 200);
      }
      assertStatuses(fixture, edges, anne, 401);
      assertStatuses(fixture, edges, ben, 200);
      TestIssuer again = new TestIssuer(IDENTITY.jwks());
      try (TestBackend _ = TestBackend.start(fixture.consul, "user-svc", again)) {
        await().atMost(Duration.ofSeconds(30)).until(() -> again.listeners() == LISTENERS);
        assertStatuses(fixture, edges, ben, 200);

        again.revoke("ben");
        await().atMost(HEARD).untilAsserted(() -> assertStatuses(fixture, edges, ben, 401));
        assertStatuses(fixture, edges, anne, 401);
      }
    }
  }

  private static void assertStatuses(
      EdgeFixture fixture, List<EdgeServer> edges, String token, int status) throws Exception {
    for (EdgeServer edge : edges) {
      assertThat(lend(fixture, edge, token).statusCode()).isEqualTo(status);
    }
  }

  private static HttpResponse<String> lend(EdgeFixture fixture, EdgeServer edge, String token)
      throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(
                URI.create("http://127.0.0.1:" + edge.port() + "/library/books/b1:lend"))
            .timeout(Duration.ofSeconds(20))
            .header("Authorization", "Bearer " + token)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{}"))
            .build();
    return fixture.client.send(request, HttpResponse.BodyHandlers.ofString());
  }
}
