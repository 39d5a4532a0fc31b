package dev.weft.user;

import dev.weft.mesh.Caller;
import dev.weft.mesh.UuidText;
import dev.weft.shop.user.v1.BatchGetUsersRequest;
import dev.weft.shop.user.v1.BatchGetUsersResponse;
import dev.weft.shop.user.v1.ChangePasswordRequest;
import dev.weft.shop.user.v1.ChangePasswordResponse;
import dev.weft.shop.user.v1.DeleteUserRequest;
import dev.weft.shop.user.v1.DeleteUserResponse;
import dev.weft.shop.user.v1.DisableUserRequest;
import dev.weft.shop.user.v1.DisableUserResponse;
import dev.weft.shop.user.v1.EnableUserRequest;
import dev.weft.shop.user.v1.EnableUserResponse;
import dev.weft.shop.user.v1.GetMeRequest;
import dev.weft.shop.user.v1.GetMeResponse;
import dev.weft.shop.user.v1.GetUserRequest;
import dev.weft.shop.user.v1.GetUserResponse;
import dev.weft.shop.user.v1.ListUsersRequest;
import dev.weft.shop.user.v1.ListUsersResponse;
import dev.weft.shop.user.v1.RegisterUserRequest;
import dev.weft.shop.user.v1.RegisterUserResponse;
import dev.weft.shop.user.v1.SetRolesRequest;
import dev.weft.shop.user.v1.SetRolesResponse;
import dev.weft.shop.user.v1.UpdateUserRequest;
import dev.weft.shop.user.v1.UpdateUserResponse;
import dev.weft.shop.user.v1.UserServiceGrpc;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.UUID;

/** The face of accounts. */
final class UserService extends UserServiceGrpc.UserServiceImplBase {
  private final Users users;

  UserService(Users users) {
    this.users = users;
  }

  @Override
  public void registerUser(
      RegisterUserRequest request, StreamObserver<RegisterUserResponse> replies) {
    User user = users.register(UserMessages.registration(request), ClientAddress.current());
    replies.onNext(RegisterUserResponse.newBuilder().setUser(UserMessages.user(user)).build());
    replies.onCompleted();
  }

  @Override
  public void getMe(GetMeRequest request, StreamObserver<GetMeResponse> replies) {
    Caller caller = Caller.current();
    User user = users.get(caller, UUID.fromString(caller.requireUser().id()));
    replies.onNext(GetMeResponse.newBuilder().setUser(UserMessages.user(user)).build());
    replies.onCompleted();
  }

  @Override
  public void changePassword(
      ChangePasswordRequest request, StreamObserver<ChangePasswordResponse> replies) {
    UUID id = UUID.fromString(Caller.current().requireUser().id());
    String replacement = UserMessages.newPassword("new_password", request.getNewPassword());
    users.changePassword(id, request.getCurrentPassword(), replacement);
    replies.onNext(ChangePasswordResponse.getDefaultInstance());
    replies.onCompleted();
  }

  @Override
  public void getUser(GetUserRequest request, StreamObserver<GetUserResponse> replies) {
    User user = users.get(Caller.current(), UuidText.parse("user_id", request.getUserId()));
    replies.onNext(GetUserResponse.newBuilder().setUser(UserMessages.user(user)).build());
    replies.onCompleted();
  }

  @Override
  public void updateUser(UpdateUserRequest request, StreamObserver<UpdateUserResponse> replies) {
    UUID id = UuidText.parse("user_id", request.getUserId());
    User.Change change = UserMessages.change(request);
    User user = users.update(Caller.current(), id, change, request.getUser().getEtag());
    replies.onNext(UpdateUserResponse.newBuilder().setUser(UserMessages.user(user)).build());
    replies.onCompleted();
  }

  @Override
  public void deleteUser(DeleteUserRequest request, StreamObserver<DeleteUserResponse> replies) {
    users.delete(Caller.current(), UuidText.parse("user_id", request.getUserId()));
    replies.onNext(DeleteUserResponse.getDefaultInstance());
    replies.onCompleted();
  }

  @Override
  public void listUsers(ListUsersRequest request, StreamObserver<ListUsersResponse> replies) {
    UserMessages.Page page = UserMessages.page(request);
    List<User> found = users.list(page.state(), page.before(), page.size() + 1);
    replies.onNext(UserMessages.users(found, page));
    replies.onCompleted();
  }

  @Override
  public void disableUser(DisableUserRequest request, StreamObserver<DisableUserResponse> replies) {
    User user = users.disable(UuidText.parse("user_id", request.getUserId()));
    replies.onNext(DisableUserResponse.newBuilder().setUser(UserMessages.user(user)).build());
    replies.onCompleted();
  }

  @Override
  public void enableUser(EnableUserRequest request, StreamObserver<EnableUserResponse> replies) {
    User user = users.enable(UuidText.parse("user_id", request.getUserId()));
    replies.onNext(EnableUserResponse.newBuilder().setUser(UserMessages.user(user)).build());
    replies.onCompleted();
  }

  @Override
  public void setRoles(SetRolesRequest request, StreamObserver<SetRolesResponse> replies) {
    User user =
        users.setRoles(
            UuidText.parse("user_id", request.getUserId()),
            UserMessages.roles(request.getRolesList()));
    replies.onNext(SetRolesResponse.newBuilder().setUser(UserMessages.user(user)).build());
    replies.onCompleted();
  }

  @Override
  public void batchGetUsers(
      BatchGetUsersRequest request, StreamObserver<BatchGetUsersResponse> replies) {
    List<UUID> ids =
        request.getUserIdsList().stream().map(id -> UuidText.parse("user_ids", id)).toList();
    replies.onNext(UserMessages.summaries(ids, users.states(ids)));
    replies.onCompleted();
  }
}
