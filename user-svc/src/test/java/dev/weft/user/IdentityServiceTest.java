package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Timestamp;
import com.nimbusds.jose.jwk.JWKSet;
import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.IdentityServiceGrpc.IdentityServiceBlockingStub;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.Revocation;
import dev.weft.identity.v1.WatchRevocationsRequest;
import dev.weft.identity.v1.WatchRevocationsResponse;
import dev.weft.mesh.RemoteError;
import dev.weft.mesh.ServiceKeys;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Channel;
import io.grpc.Context;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What the mesh is told of keys and revocations, through the layers between services. */
@Timeout(30)
class IdentityServiceTest {
  private static final String ISSUER = "https://weft.example";
  private static final Duration HEARTBEAT = Duration.ofMillis(50);

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();
  @TempDir static Path directory;
  private final RevocationStore store = new RevocationStore();
  private final Instant expiry =
      Instant.now().plus(Duration.ofMinutes(5)).truncatedTo(ChronoUnit.SECONDS);
  private RevocationFeed feed;

  @BeforeEach
  void serve() throws IOException {
    postgres.database().inTransactionVoid(tx -> tx.execute("DELETE FROM revocation"));
    ServiceKeys.generate(directory, List.of("user-svc"));
    SigningKeys keys =
        new SigningKeys(
            postgres.database(),
            new SigningKeyStore(),
            KeySeal.of(Files.readString(ServiceKeys.keyFile(directory, "user-svc"))));
    keys.refresh();
    feed = new RevocationFeed(postgres.database(), store, InstantSource.system());
    feed.start();
    mesh.serve("user-svc", new IdentityService(ISSUER, keys, feed, HEARTBEAT));
  }

  @AfterEach
  void end() {
    mesh.stop("user-svc");
    feed.close();
  }

  @Test
  void tellsPublicKeysToServices() throws Exception {
    JWKSet jwks = JWKSet.parse(stub().listKeys(ListKeysRequest.getDefaultInstance()).getJwks());

    assertThat(jwks.getKeys()).isNotEmpty().noneMatch(key -> key.isPrivate());
  }

  @Test
  void tellsNothingToUsersAndStrangers() {
    for (Channel channel :
        List.of(mesh.channel("user-svc"), mesh.channelAs("user-svc", "ann", "admin"))) {
      IdentityServiceBlockingStub stub = IdentityServiceGrpc.newBlockingStub(channel);
      refused(() -> stub.listKeys(ListKeysRequest.getDefaultInstance()));
      refused(() -> stub.watchRevocations(WatchRevocationsRequest.getDefaultInstance()).next());
    }
  }

  @Test
  void tellsTheBacklogThenThatItIsCompleteThenWhatIsNew() {
    revoke("old");
    try (Stream stream = watch("")) {
      List<Revocation> backlog = stream.untilCaughtUp();
      assertThat(backlog)
          .containsExactly(
              Revocation.newBuilder()
                  .setIssuer(ISSUER)
                  .setTokenId("old")
                  .setExpireTime(
                      Timestamp.newBuilder()
                          .setSeconds(expiry.plus(AccessToken.LEEWAY).getEpochSecond()))
                  .build());

      UUID subject = UUID.randomUUID();
      Instant second = Instant.now().truncatedTo(ChronoUnit.SECONDS);
      postgres.database().inTransactionVoid(tx -> store.revokeSubject(tx, subject, second));

      Revocation news = stream.untilNews();
      assertThat(news.getSubject().getSubject()).isEqualTo(subject.toString());
      assertThat(news.getSubject().getIssuedBefore().getSeconds())
          .isEqualTo(second.getEpochSecond());
    }
  }

  @Test
  void saysSoWhenThereIsNoBacklogAndBeatsWhileThereIsNoNews() {
    try (Stream stream = watch("")) {
      for (int i = 0; i < 4; i++) {
        WatchRevocationsResponse beat = stream.next();
        assertThat(beat.getCaughtUp()).isTrue();
        assertThat(beat.getRevocationsList()).isEmpty();
        assertThat(beat.getResumeToken()).isNotEmpty();
      }
    }
  }

  @Test
  void resumesBehindWhatTheReaderHasSeen() {
    revoke("seen");
    String resume;
    try (Stream stream = watch("")) {
      stream.untilCaughtUp();
      resume = stream.resumeToken;
    }
    revoke("missed");

    try (Stream stream = watch(resume)) {
      assertThat(stream.untilCaughtUp())
          .extracting(Revocation::getTokenId)
          .containsExactly("missed");
    }
    try (Stream stream = watch("' OR 1=1--")) {
      assertThat(stream.untilCaughtUp())
          .extracting(Revocation::getTokenId)
          .containsExactly("seen", "missed");
    }
  }

  private void revoke(String tokenId) {
    postgres.database().inTransactionVoid(tx -> store.revokeToken(tx, tokenId, expiry));
  }

  private static void refused(Runnable call) {
    assertThatThrownBy(call::run)
        .satisfies(
            e ->
                assertThat(RemoteError.of(e).orElseThrow().reason())
                    .isEqualTo("SERVICE_TOKEN_MISSING"));
  }

  private static IdentityServiceBlockingStub stub() {
    return IdentityServiceGrpc.newBlockingStub(mesh.channel("order-svc", "user-svc"));
  }

  private static Stream watch(String resumeToken) {
    Context.CancellableContext context = Context.current().withCancellation();
    Context test = context.attach();
    try {
      return new Stream(
          context,
          stub()
              .watchRevocations(
                  WatchRevocationsRequest.newBuilder().setResumeToken(resumeToken).build()));
    } finally {
      context.detach(test);
    }
  }

  /** One reader. */
  private static final class Stream implements AutoCloseable {
    private final Context.CancellableContext context;
    private final Iterator<WatchRevocationsResponse> messages;
    private String resumeToken = "";

    private Stream(
        Context.CancellableContext context, Iterator<WatchRevocationsResponse> messages) {
      this.context = context;
      this.messages = messages;
    }

    WatchRevocationsResponse next() {
      WatchRevocationsResponse message = messages.next();
      resumeToken = message.getResumeToken();
      return message;
    }

    List<Revocation> untilCaughtUp() {
      List<Revocation> told = new ArrayList<>();
      WatchRevocationsResponse message;
      do {
        message = next();
        told.addAll(message.getRevocationsList());
      } while (!message.getCaughtUp());
      return told;
    }

    Revocation untilNews() {
      WatchRevocationsResponse message = next();
      while (message.getRevocationsCount() == 0) {
        message = next();
      }
      return message.getRevocations(0);
    }

    @Override
    public void close() {
      context.cancel(null);
    }
  }
}
