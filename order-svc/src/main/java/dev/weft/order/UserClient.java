package dev.weft.order;

import dev.weft.shop.user.v1.BatchGetUsersRequest;
import dev.weft.shop.user.v1.User;
import dev.weft.shop.user.v1.UserServiceGrpc;
import dev.weft.shop.user.v1.UserServiceGrpc.UserServiceBlockingStub;
import io.grpc.Channel;
import java.util.UUID;

/** What order-svc asks of user-svc. */
final class UserClient {
  static final String SERVICE = "user-svc";

  private final UserServiceBlockingStub users;

  UserClient(Channel channel) {
    users = UserServiceGrpc.newBlockingStub(channel);
  }

  /** Insists that the account exists and is neither disabled nor deleted. */
  void requireActive(UUID userId) {
    boolean active =
        users
            .batchGetUsers(BatchGetUsersRequest.newBuilder().addUserIds(userId.toString()).build())
            .getUsersList()
            .stream()
            .anyMatch(
                user ->
                    user.getUserId().equals(userId.toString())
                        && user.getState() == User.State.STATE_ACTIVE);
    if (!active) {
      throw new DefiniteRefusal(CancelReason.USER_NOT_ACTIVE);
    }
  }
}
