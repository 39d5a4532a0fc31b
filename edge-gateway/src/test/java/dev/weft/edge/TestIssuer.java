package dev.weft.edge;

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
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** Gives its keys to whoever asks, and tells who listens what is revoked from then on. */
final class TestIssuer extends IdentityServiceGrpc.IdentityServiceImplBase {
  /** How often it was asked for its keys. */
  final AtomicInteger keysAsked = new AtomicInteger();

  private final List<StreamObserver<WatchRevocationsResponse>> listeners =
      new CopyOnWriteArrayList<>();
  private final String jwks;

  TestIssuer(String jwks) {
    this.jwks = jwks;
  }

  /** Who hears of what it revokes. */
  int listeners() {
    return listeners.size();
  }

  @Override
  public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> out) {
    keysAsked.incrementAndGet();
    out.onNext(ListKeysResponse.newBuilder().setJwks(jwks).build());
    out.onCompleted();
  }

  @Override
  public void watchRevocations(
      WatchRevocationsRequest request, StreamObserver<WatchRevocationsResponse> out) {
    ((ServerCallStreamObserver<WatchRevocationsResponse>) out)
        .setOnCancelHandler(() -> listeners.remove(out));
    out.onNext(WatchRevocationsResponse.newBuilder().setCaughtUp(true).setResumeToken("1").build());
    listeners.add(out);
  }

  /** All tokens of this user until now. */
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
