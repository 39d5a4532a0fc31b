package dev.weft.user;

import static dev.weft.user.Refused.refused;
import static dev.weft.user.RunningUserSvc.ADMIN_EMAIL;
import static dev.weft.user.RunningUserSvc.PASSWORD;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.shop.user.v1.GetMeRequest;
import dev.weft.shop.user.v1.LogoutRequest;
import dev.weft.shop.user.v1.RefreshRequest;
import dev.weft.shop.user.v1.Tokens;
import dev.weft.testkit.PostgresExtension;
import dev.weft.user.RunningUserSvc.Person;
import io.grpc.Status.Code;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Several processes on one database, at the same time and one after another. */
class InstancesTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir static Path directory;

  @Test
  void oneTakesTheTokensOfAnotherAndHearsOfItsRevocations() {
    try (RunningUserSvc one = start();
        RunningUserSvc other = start()) {
      Person person = one.register();
      assertThat(me(other, person.tokens())).isEqualTo(person.id());

      one.auth(person.tokens().getAccessToken()).logout(LogoutRequest.getDefaultInstance());

      await()
          .atMost(Duration.ofSeconds(5))
          .untilAsserted(
              () ->
                  refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", () -> me(other, person.tokens())));
      Tokens refreshed = refresh(other, person.tokens());
      assertThat(me(one, refreshed)).isEqualTo(person.id());
    }
  }

  @Test
  void aRestartForgetsNothing() {
    Person present;
    Person gone;
    try (RunningUserSvc before = start()) {
      present = before.register();
      gone = before.register();
      before.auth(gone.tokens().getAccessToken()).logout(LogoutRequest.getDefaultInstance());
    }

    try (RunningUserSvc after = start()) {
      assertThat(me(after, present.tokens())).isEqualTo(present.id());
      assertThat(me(after, refresh(after, present.tokens()))).isEqualTo(present.id());
      refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", () -> me(after, gone.tokens()));
    }
  }

  @Test
  void theFirstAdministratorIsMadeOnceAndNobodyIsPromoted() throws IOException {
    try (RunningUserSvc first = start()) {
      assertThat(first.adminToken()).isNotEmpty();
    }
    assertThat(admins()).isEqualTo(1);

    // Another name in the file: there is an administrator already.
    Path file = directory.resolve("admin.json");
    String original = Files.readString(file);
    Files.writeString(file, original.replace(ADMIN_EMAIL, "second@weft.example"));
    try (RunningUserSvc second = start()) {
      assertThat(second.adminToken()).isNotEmpty();
      refused(Code.UNAUTHENTICATED, "WRONG_CREDENTIALS", () -> second.login("second@weft.example"));
      second.register("second@weft.example");
    }

    // No administrator, and an ordinary account under the name in the file.
    postgres
        .database()
        .inTransactionVoid(tx -> tx.execute("UPDATE account SET roles = '{CUSTOMER}'"));
    try (RunningUserSvc third = start()) {
      assertThat(third.login("second@weft.example", PASSWORD).getAccessToken()).isNotEmpty();
    }
    assertThat(admins()).isZero();
    Files.writeString(file, original);
  }

  private static RunningUserSvc start() {
    return RunningUserSvc.start(postgres.url(), directory);
  }

  private static String me(RunningUserSvc svc, Tokens tokens) {
    return svc.users(tokens.getAccessToken())
        .getMe(GetMeRequest.getDefaultInstance())
        .getUser()
        .getUserId();
  }

  private static Tokens refresh(RunningUserSvc svc, Tokens tokens) {
    return svc.auth()
        .refresh(RefreshRequest.newBuilder().setRefreshToken(tokens.getRefreshToken()).build())
        .getTokens();
  }

  private static int admins() {
    return postgres
        .database()
        .<Integer>read(
            tx ->
                tx.createQuery("SELECT count(*) FROM account WHERE 'ADMIN' = ANY (roles)")
                    .mapTo(Integer.class)
                    .one());
  }
}
