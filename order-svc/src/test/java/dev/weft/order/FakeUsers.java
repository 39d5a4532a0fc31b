package dev.weft.order;

import dev.weft.shop.user.v1.BatchGetUsersRequest;
import dev.weft.shop.user.v1.BatchGetUsersResponse;
import dev.weft.shop.user.v1.User;
import dev.weft.shop.user.v1.UserServiceGrpc;
import dev.weft.shop.user.v1.UserSummary;
import io.grpc.stub.StreamObserver;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/** Accounts: everybody is active who was not disabled. */
final class FakeUsers extends UserServiceGrpc.UserServiceImplBase {
  final Set<UUID> disabled = ConcurrentHashMap.newKeySet();
  private final Faults faults;

  FakeUsers(Faults faults) {
    this.faults = faults;
  }

  @Override
  public void batchGetUsers(
      BatchGetUsersRequest request, StreamObserver<BatchGetUsersResponse> reply) {
    BatchGetUsersResponse response =
        faults.around(
            "check-user",
            () -> {
              BatchGetUsersResponse.Builder users = BatchGetUsersResponse.newBuilder();
              for (String id : request.getUserIdsList()) {
                users.addUsers(
                    UserSummary.newBuilder()
                        .setUserId(id)
                        .setState(
                            disabled.contains(UUID.fromString(id))
                                ? User.State.STATE_DISABLED
                                : User.State.STATE_ACTIVE));
              }
              return users.build();
            });
    reply.onNext(response);
    reply.onCompleted();
  }
}
