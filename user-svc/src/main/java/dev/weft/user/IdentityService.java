package dev.weft.user;

import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.identity.v1.Revocation;
import dev.weft.identity.v1.SubjectRevocation;
import dev.weft.identity.v1.WatchRevocationsRequest;
import dev.weft.identity.v1.WatchRevocationsResponse;
import dev.weft.mesh.Timestamps;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;

/** The face of the issuer towards the mesh: keys and revocations. */
final class IdentityService extends IdentityServiceGrpc.IdentityServiceImplBase {
  private final String issuer;
  private final SigningKeys keys;
  private final RevocationFeed feed;
  private final Duration heartbeat;

  /**
   * @param heartbeat a stream on which nothing was sent for so long gets an empty message
   */
  IdentityService(String issuer, SigningKeys keys, RevocationFeed feed, Duration heartbeat) {
    this.issuer = issuer;
    this.keys = keys;
    this.feed = feed;
    this.heartbeat = heartbeat;
  }

  @Override
  public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> replies) {
    replies.onNext(ListKeysResponse.newBuilder().setJwks(keys.jwks()).build());
    replies.onCompleted();
  }

  @Override
  public void watchRevocations(
      WatchRevocationsRequest request, StreamObserver<WatchRevocationsResponse> replies) {
    new RevocationStream(
            feed,
            heartbeat,
            RevocationFeed.Cursor.parse(request.getResumeToken()),
            (ServerCallStreamObserver<WatchRevocationsResponse>) replies,
            this::message)
        .start();
  }

  private WatchRevocationsResponse message(RevocationFeed.Batch batch, boolean caughtUp) {
    WatchRevocationsResponse.Builder message =
        WatchRevocationsResponse.newBuilder()
            .setResumeToken(batch.next().text())
            .setCaughtUp(caughtUp);
    batch.revocations().forEach(revocation -> message.addRevocations(proto(revocation)));
    return message.build();
  }

  private Revocation proto(dev.weft.mesh.Revocation revocation) {
    Revocation.Builder proto =
        Revocation.newBuilder()
            .setIssuer(issuer)
            .setExpireTime(Timestamps.of(revocation.expiresAt()));
    switch (revocation) {
      case dev.weft.mesh.Revocation.Token token -> proto.setTokenId(token.tokenId());
      case dev.weft.mesh.Revocation.Subject subject ->
          proto.setSubject(
              SubjectRevocation.newBuilder()
                  .setSubject(subject.subject())
                  .setIssuedBefore(Timestamps.of(subject.issuedBefore())));
    }
    return proto.build();
  }
}
