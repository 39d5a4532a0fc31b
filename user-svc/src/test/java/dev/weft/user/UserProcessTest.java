package dev.weft.user;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.Caller;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.Rejection;
import dev.weft.shop.user.v1.AuthServiceGrpc;
import dev.weft.shop.user.v1.AuthServiceGrpc.AuthServiceBlockingStub;
import dev.weft.shop.user.v1.LoginRequest;
import dev.weft.shop.user.v1.LogoutRequest;
import dev.weft.shop.user.v1.RefreshRequest;
import dev.weft.shop.user.v1.Tokens;
import dev.weft.testkit.PostgresExtension;
import dev.weft.testkit.ProcessMesh;
import dev.weft.testkit.ProcessMesh.Running;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The process as {@code ./weft up} starts it, found in the registry by another service. */
@Timeout(120)
class UserProcessTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension final ProcessMesh processes = new ProcessMesh();
  @TempDir Path directory;
  private Map<String, String> environment = Map.of();
  private Mesh orders;

  @BeforeEach
  void open() {
    environment =
        Map.of(
            "DATABASE_URL", postgres.url(),
            "WEFT_BOOTSTRAP_ADMIN_FILE", RunningUserSvc.adminFile(directory).toString());
    orders = processes.mesh("order-svc");
  }

  @Test
  void givesTokensThatOtherServicesVerifyOverTheMeshUntilTheyAreRevoked() throws Exception {
    Running running = start();
    assertThat(running.get("/readyz").statusCode()).isEqualTo(200);
    assertThat(running.get("/livez").statusCode()).isEqualTo(200);

    Tokens tokens = login();
    assertThat(verified(tokens).roles()).containsExactly("admin");

    RunningUserSvc.as(auth(), tokens.getAccessToken()).logout(LogoutRequest.getDefaultInstance());
    await()
        .atMost(Duration.ofSeconds(5))
        .untilAsserted(() -> assertThat(reason(tokens)).isEqualTo("TOKEN_REVOKED"));

    assertThat(running.stop()).isEqualTo(143);
  }

  @Test
  void goesOnWhereItWasKilled() throws Exception {
    Running killed = start();
    Tokens tokens = login();
    assertThat(verified(tokens)).isNotNull();
    killed.process().destroyForcibly().waitFor();
    // Others verify on while there is no issuer.
    assertThat(orders.tokens().verify(tokens.getAccessToken())).isNotNull();

    start();

    Tokens refreshed =
        auth()
            .refresh(RefreshRequest.newBuilder().setRefreshToken(tokens.getRefreshToken()).build())
            .getTokens();
    assertThat(verified(refreshed).id()).isEqualTo(verified(tokens).id());
  }

  @Test
  void namesAWrongVariableInOneLineAndExits64() throws Exception {
    for (Map.Entry<String, String> wrong :
        Map.of(
                "DATABASE_URL", "mysql://u:secret@h/d",
                "WEFT_BOOTSTRAP_ADMIN_FILE", "/nowhere/secret.json",
                "PORT", "99999")
            .entrySet()) {
      Map<String, String> broken = new HashMap<>(environment);
      broken.put(wrong.getKey(), wrong.getValue());
      Process process = processes.launch("user-svc", UserServer.class, broken);

      assertThat(process.waitFor()).isEqualTo(64);
      assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
          .startsWith("user-svc: " + wrong.getKey())
          .doesNotContain("u:secret")
          .hasLineCount(1);
    }
  }

  private Running start() {
    return processes.start("user-svc", UserServer.class, environment);
  }

  private Tokens login() {
    return auth()
        .login(
            LoginRequest.newBuilder()
                .setEmail(RunningUserSvc.ADMIN_EMAIL)
                .setPassword(RunningUserSvc.PASSWORD)
                .build())
        .getTokens();
  }

  private AuthServiceBlockingStub auth() {
    // Patient: the process has just started, perhaps on a machine that builds something else too.
    return AuthServiceGrpc.newBlockingStub(orders.channel("user-svc"))
        .withWaitForReady()
        .withDeadlineAfter(ProcessMesh.START_MAX);
  }

  /** Whom another service takes the access token for, once it can tell. */
  private Caller.User verified(Tokens tokens) {
    return await()
        .atMost(ProcessMesh.START_MAX)
        .ignoreExceptionsInstanceOf(Rejection.Unavailable.class)
        .until(() -> orders.tokens().verify(tokens.getAccessToken()), user -> true);
  }

  /** Why another service refuses the access token. */
  private String reason(Tokens tokens) {
    return catchThrowable(() -> orders.tokens().verify(tokens.getAccessToken()))
            instanceof Rejection refusal
        ? refusal.reason()
        : "none";
  }
}
