package dev.weft.user;

import dev.weft.mesh.Caller;
import dev.weft.shop.user.v1.AuthServiceGrpc;
import dev.weft.shop.user.v1.GetJwksRequest;
import dev.weft.shop.user.v1.GetJwksResponse;
import dev.weft.shop.user.v1.LoginRequest;
import dev.weft.shop.user.v1.LoginResponse;
import dev.weft.shop.user.v1.LogoutRequest;
import dev.weft.shop.user.v1.LogoutResponse;
import dev.weft.shop.user.v1.RefreshRequest;
import dev.weft.shop.user.v1.RefreshResponse;
import dev.weft.shop.user.v1.Tokens;
import io.grpc.stub.StreamObserver;
import java.util.UUID;

/** The face of logins. */
final class AuthService extends AuthServiceGrpc.AuthServiceImplBase {
  private final Sessions sessions;
  private final TokenSigner signer;
  private final SigningKeys keys;

  AuthService(Sessions sessions, TokenSigner signer, SigningKeys keys) {
    this.sessions = sessions;
    this.signer = signer;
    this.keys = keys;
  }

  @Override
  public void login(LoginRequest request, StreamObserver<LoginResponse> replies) {
    Sessions.Grant grant =
        sessions.login(request.getEmail(), request.getPassword(), ClientAddress.current());
    replies.onNext(LoginResponse.newBuilder().setTokens(tokens(grant)).build());
    replies.onCompleted();
  }

  @Override
  public void refresh(RefreshRequest request, StreamObserver<RefreshResponse> replies) {
    Sessions.Grant grant = sessions.refresh(request.getRefreshToken());
    replies.onNext(RefreshResponse.newBuilder().setTokens(tokens(grant)).build());
    replies.onCompleted();
  }

  @Override
  public void logout(LogoutRequest request, StreamObserver<LogoutResponse> replies) {
    Caller.User user = Caller.current().requireUser();
    sessions.logout(
        UUID.fromString(user.id()), user.tokenId(), user.expiresAt(), request.getRefreshToken());
    replies.onNext(LogoutResponse.getDefaultInstance());
    replies.onCompleted();
  }

  @Override
  public void getJwks(GetJwksRequest request, StreamObserver<GetJwksResponse> replies) {
    GetJwksResponse.Builder jwks = GetJwksResponse.newBuilder();
    keys.published().forEach(key -> jwks.addKeys(UserMessages.key(key)));
    replies.onNext(jwks.build());
    replies.onCompleted();
  }

  private Tokens tokens(Sessions.Grant grant) {
    return UserMessages.tokens(signer.sign(grant.access()), grant.refresh());
  }
}
