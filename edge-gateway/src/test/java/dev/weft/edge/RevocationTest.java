package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.Timestamp;
import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.identity.v1.Revocation;
import dev.weft.identity.v1.SubjectRevocation;
import dev.weft.identity.v1.WatchRevocationsRequest;
import dev.weft.identity.v1.WatchRevocationsResponse;
import dev.weft.testkit.TestIdentity;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

/** What is revoked is so at each edge, by the real verifier over a real stream of the issuer's. */
class RevocationTest {
  /** The issue's: how long it may take until every edge has heard. */
  private static final Duration HEARD = Duration.ofSeconds(2);

  /** These two edges, and the fixture's own. */
  private static final int LISTENERS = 3;

  private static final TestIdentity IDENTITY = new TestIdentity();

  /** Gives the keys of {@link #IDENTITY}, and tells who listens what is revoked from then on. */
  private static final class Issuer extends IdentityServiceGrpc.IdentityServiceImplBase {
    private final List<StreamObserver<WatchRevocationsResponse>> listeners =
        new CopyOnWriteArrayList<>();

    @Override
    public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> out) {
      out.onNext(ListKeysResponse.newBuilder().setJwks(IDENTITY.jwks()).build());
      out.onCompleted();
    }

    @Override
    public void watchRevocations(
        WatchRevocationsRequest request, StreamObserver<WatchRevocationsResponse> out) {
      ((ServerCallStreamObserver<WatchRevocationsResponse>) out)
          .setOnCancelHandler(() -> listeners.remove(out));
      out.onNext(
          WatchRevocationsResponse.newBuilder().setCaughtUp(true).setResumeToken("1").build());
      listeners.add(out);
    }

    void revoke(String user) {
      Instant now = Instant.now();
      Revocation revocation =
          Revocation.newBuilder()
              .setIssuer(TestIdentity.ISSUER)
              .setExpireTime(Timestamp.newBuilder().setSeconds(now.getEpochSecond() + 600))
              .setSubject(
                  SubjectRevocation.newBuilder()
                      .setSubject(user)
                      .setIssuedBefore(Timestamp.newBuilder().setSeconds(now.getEpochSecond() + 1)))
              .build();
      listeners.forEach(
          out ->
              out.onNext(
                  WatchRevocationsResponse.newBuilder()
                      .addRevocations(revocation)
                      .setResumeToken("2")
                      .build()));
    }
  }

  @Test
  void everyEdgeRefusesWhatWasRevokedAlsoByAnIssuerThatStartedAnew() throws Exception {
    String anne = IDENTITY.token("anne", Instant.now(), "customer");
    String ben = IDENTITY.token("ben", Instant.now(), "customer");
    try (EdgeFixture fixture = EdgeFixture.with(new LibraryService());
        EdgeServer one = fixture.verifying();
        EdgeServer other = fixture.verifying()) {
      List<EdgeServer> edges = List.of(one, other);
      Issuer first = new Issuer();
      try (TestBackend _ = TestBackend.start(fixture.consul, "user-svc", first)) {
        await().untilAsserted(() -> assertStatuses(fixture, edges, anne, 200));
        await().until(() -> first.listeners.size() == LISTENERS);

        first.revoke("anne");
        await().atMost(HEARD).untilAsserted(() -> assertStatuses(fixture, edges, anne, 401));
        assertThat(lend(fixture, one, anne).body()).contains("TOKEN_REVOKED");
        assertStatuses(fixture, edges, ben, 200);
      }
      assertStatuses(fixture, edges, anne, 401);
      assertStatuses(fixture, edges, ben, 200);
      Issuer again = new Issuer();
      try (TestBackend _ = TestBackend.start(fixture.consul, "user-svc", again)) {
        await().atMost(Duration.ofSeconds(30)).until(() -> again.listeners.size() == LISTENERS);
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
