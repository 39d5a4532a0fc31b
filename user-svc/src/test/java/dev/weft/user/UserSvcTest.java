package dev.weft.user;

import static dev.weft.user.Refused.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.shop.user.v1.GetMeRequest;
import dev.weft.shop.user.v1.LogoutRequest;
import dev.weft.shop.user.v1.RefreshRequest;
import dev.weft.shop.user.v1.Tokens;
import dev.weft.shop.user.v1.User;
import dev.weft.testkit.PostgresExtension;
import dev.weft.user.RunningUserSvc.Person;
import io.grpc.Status;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A person's way through the service, over the wire and all interceptors. */
class UserSvcTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir static Path directory;
  private static RunningUserSvc svc;

  @BeforeAll
  static void start() {
    svc = RunningUserSvc.start(postgres.url(), directory);
  }

  @AfterAll
  static void stop() {
    svc.close();
  }

  @Test
  void aPersonRegistersLogsInRefreshesAndLogsOut() {
    Person person = svc.register();

    User me =
        svc.users(person.tokens().getAccessToken())
            .getMe(GetMeRequest.getDefaultInstance())
            .getUser();
    assertThat(me.getUserId()).isEqualTo(person.id());
    assertThat(me.getEmail()).isEqualTo(person.email());
    assertThat(me.getRolesList()).containsExactly("customer");
    assertThat(me.getState()).isEqualTo(User.State.STATE_ACTIVE);

    Tokens refreshed =
        svc.auth()
            .refresh(
                RefreshRequest.newBuilder()
                    .setRefreshToken(person.tokens().getRefreshToken())
                    .build())
            .getTokens();
    svc.auth(refreshed.getAccessToken())
        .logout(LogoutRequest.newBuilder().setRefreshToken(refreshed.getRefreshToken()).build());

    refused(
        Status.Code.UNAUTHENTICATED,
        "TOKEN_REVOKED",
        () -> svc.users(refreshed.getAccessToken()).getMe(GetMeRequest.getDefaultInstance()));
    refused(
        Status.Code.UNAUTHENTICATED,
        "TOKEN_REVOKED",
        () -> svc.users(person.tokens().getAccessToken()).getMe(GetMeRequest.getDefaultInstance()));
    refused(
        Status.Code.UNAUTHENTICATED,
        "REFRESH_TOKEN_INVALID",
        () ->
            svc.auth()
                .refresh(
                    RefreshRequest.newBuilder()
                        .setRefreshToken(refreshed.getRefreshToken())
                        .build()));
  }
}
