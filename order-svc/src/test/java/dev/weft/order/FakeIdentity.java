package dev.weft.order;

import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.identity.v1.WatchRevocationsRequest;
import dev.weft.identity.v1.WatchRevocationsResponse;
import dev.weft.testkit.TestIdentity;
import io.grpc.stub.StreamObserver;

/** The issuer of users' tokens, which revokes none. */
final class FakeIdentity extends IdentityServiceGrpc.IdentityServiceImplBase {
  private final TestIdentity identity;

  FakeIdentity(TestIdentity identity) {
    this.identity = identity;
  }

  @Override
  public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> reply) {
    reply.onNext(ListKeysResponse.newBuilder().setJwks(identity.jwks()).build());
    reply.onCompleted();
  }

  @Override
  public void watchRevocations(
      WatchRevocationsRequest request, StreamObserver<WatchRevocationsResponse> reply) {
    reply.onNext(
        WatchRevocationsResponse.newBuilder().setResumeToken("0").setCaughtUp(true).build());
  }
}
