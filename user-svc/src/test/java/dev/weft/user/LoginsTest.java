package dev.weft.user;

import static dev.weft.user.Refused.atOnce;
import static dev.weft.user.Refused.error;
import static dev.weft.user.Refused.outcome;
import static dev.weft.user.Refused.refused;
import static dev.weft.user.RunningUserSvc.PASSWORD;
import static dev.weft.user.RunningUserSvc.freshEmail;
import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.crypto.ECDSAVerifier;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.SignedJWT;
import dev.weft.durable.Database;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.user.v1.AuthServiceGrpc.AuthServiceBlockingStub;
import dev.weft.shop.user.v1.DisableUserRequest;
import dev.weft.shop.user.v1.GetJwksRequest;
import dev.weft.shop.user.v1.GetMeRequest;
import dev.weft.shop.user.v1.JsonWebKey;
import dev.weft.shop.user.v1.LoginRequest;
import dev.weft.shop.user.v1.LogoutRequest;
import dev.weft.shop.user.v1.RefreshRequest;
import dev.weft.shop.user.v1.Tokens;
import dev.weft.testkit.PostgresExtension;
import dev.weft.user.RunningUserSvc.Person;
import io.grpc.Status.Code;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Logins and their tokens, over the wire and all interceptors. */
class LoginsTest {
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
  void anAccessTokenIsAShortLivedJwtThatThePublishedKeysVerify() throws Exception {
    Person person = svc.register();

    assertThat(person.tokens().getTokenType()).isEqualTo("Bearer");
    assertThat(person.tokens().getExpiresIn()).isEqualTo(300);
    SignedJWT jwt = SignedJWT.parse(person.tokens().getAccessToken());
    assertThat(jwt.getHeader().getAlgorithm().getName()).isEqualTo("ES256");
    assertThat(jwt.getHeader().getType().getType()).isEqualTo("at+jwt");
    assertThat(jwt.verify(new ECDSAVerifier(published(jwt.getHeader().getKeyID())))).isTrue();
    Map<String, Object> claims = jwt.getPayload().toJSONObject();
    assertThat(claims)
        .containsOnlyKeys("iss", "aud", "sub", "jti", "iat", "exp", "roles", "client_id")
        .containsEntry("iss", "https://weft.example")
        .containsEntry("aud", "weft")
        .containsEntry("sub", person.id())
        .containsEntry("roles", List.of("customer"));
    assertThat(JSONObjectUtils.getLong(claims, "exp") - JSONObjectUtils.getLong(claims, "iat"))
        .isEqualTo(300);
    assertThat(Instant.ofEpochSecond(JSONObjectUtils.getLong(claims, "iat")))
        .isBetween(Instant.now().minusSeconds(30), Instant.now());
  }

  @Test
  void whyALoginIsRefusedIsNotTold() {
    Person disabled = svc.register();
    svc.users(svc.adminToken())
        .disableUser(DisableUserRequest.newBuilder().setUserId(disabled.id()).build());
    Person person = svc.register();

    List<RemoteError> refusals = new ArrayList<>();
    for (String email :
        List.of(freshEmail(), disabled.email(), "no address", "a\u00e9@@", "' OR 1=1--")) {
      refusals.add(
          refused(Code.UNAUTHENTICATED, "WRONG_CREDENTIALS", () -> svc.login(email, PASSWORD)));
    }
    for (String password : List.of("x", PASSWORD + " ", PASSWORD.toUpperCase(Locale.ROOT))) {
      refusals.add(
          refused(
              Code.UNAUTHENTICATED,
              "WRONG_CREDENTIALS",
              () -> svc.login(person.email(), password)));
    }
    assertThat(refusals).containsOnly(refusals.getFirst());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 129, 5_000})
  void aPasswordOfAnotherLengthIsNotHashed(int length) {
    RemoteError error = error(() -> svc.login(freshEmail(), "x".repeat(length)));

    assertThat(error.code()).isEqualTo(Code.INVALID_ARGUMENT);
    assertThat(error.violations()).hasSize(1);
    assertThat(error.violations().getFirst().field()).isEqualTo("password");
  }

  @Test
  void aRefreshTokenWorksOnceAndItsReuseEndsTheLogin() {
    Person person = svc.register();
    Tokens elsewhere = svc.login(person.email());
    Tokens second = refresh(person.tokens());
    Tokens third = refresh(second);
    assertThat(List.of(person.tokens(), second, third))
        .extracting(Tokens::getRefreshToken)
        .doesNotHaveDuplicates();

    // A thief, or the one it was stolen from.
    refreshIsRefused(person.tokens());

    refreshIsRefused(third);
    for (Tokens tokens : List.of(person.tokens(), second, third)) {
      refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", () -> me(tokens));
    }
    // The person's other logins are not concerned.
    assertThat(me(elsewhere)).isEqualTo(person.id());
    assertThat(me(refresh(elsewhere))).isEqualTo(person.id());
  }

  @Test
  void oneOfManyRefreshesAtOnceWins() throws Exception {
    for (int round = 0; round < 5; round++) {
      Tokens tokens = svc.register().tokens();

      List<String> outcomes = atOnce(4, () -> outcome(() -> refresh(tokens)));

      assertThat(outcomes).containsOnly("done", "REFRESH_TOKEN_INVALID").containsOnlyOnce("done");
    }
  }

  @Test
  void aRefreshTokenIsKeptAsAHashOnly() {
    String token = svc.register().tokens().getRefreshToken();
    byte[] bytes = Base64.getUrlDecoder().decode(token.substring("weft_rt_".length()));

    boolean kept =
        postgres
            .database()
            .read(
                tx ->
                    tx.createQuery(
                            "SELECT bool_or(position(:family IN family_hash) > 0"
                                + " OR position(:secret IN token_hash) > 0) FROM session")
                        .bind("family", Arrays.copyOf(bytes, 16))
                        .bind("secret", Arrays.copyOfRange(bytes, 16, 48))
                        .mapTo(Boolean.class)
                        .one());
    assertThat(kept).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "x",
        "weft_rt_",
        "weft_rt_%00",
        "' OR 1=1--",
        "eyJhbGciOiJub25lIn0.e30.",
        "\ud83d\ude00"
      })
  void whatIsNoRefreshTokenIsRefused(String text) {
    refused(
        Code.UNAUTHENTICATED,
        "REFRESH_TOKEN_INVALID",
        () -> svc.auth().refresh(RefreshRequest.newBuilder().setRefreshToken(text).build()));
  }

  @Test
  void anAccessTokenDoesNotRefreshAndARefreshTokenGivesNoAccess() {
    Tokens tokens = svc.register().tokens();

    assertThat(
            error(
                    () ->
                        svc.auth()
                            .refresh(
                                RefreshRequest.newBuilder()
                                    .setRefreshToken(tokens.getAccessToken())
                                    .build()))
                .code())
        .isIn(Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED);
    refused(
        Code.UNAUTHENTICATED,
        "TOKEN_INVALID",
        () -> svc.users(tokens.getRefreshToken()).getMe(GetMeRequest.getDefaultInstance()));
  }

  @Test
  void aLogoutEndsItsLoginAndNoOther() {
    Person person = svc.register();
    Tokens elsewhere = svc.login(person.email());
    Tokens refreshed = refresh(person.tokens());

    logout(refreshed, refreshed.getRefreshToken());

    refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", () -> me(refreshed));
    refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", () -> me(person.tokens()));
    refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", () -> logout(refreshed, ""));
    refreshIsRefused(refreshed);
    assertThat(me(elsewhere)).isEqualTo(person.id());
  }

  @Test
  void aLogoutWithoutARefreshTokenRevokesTheAccessTokenOnly() {
    Person person = svc.register();

    logout(person.tokens(), "");

    refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", () -> me(person.tokens()));
    assertThat(me(refresh(person.tokens()))).isEqualTo(person.id());
  }

  @Test
  void aLogoutDoesNotEndSomebodyElsesLogin() {
    Person victim = svc.register();

    logout(svc.register().tokens(), victim.tokens().getRefreshToken());

    assertThat(me(victim.tokens())).isEqualTo(victim.id());
    assertThat(me(refresh(victim.tokens()))).isEqualTo(victim.id());
  }

  @Test
  void guessesAreCountedPerAccountFromWhereverTheyCome() {
    Person person = svc.register();
    for (int i = 0; i < 20; i++) {
      String address = "198.51.100." + i;
      refused(
          Code.UNAUTHENTICATED,
          "WRONG_CREDENTIALS",
          () -> loginFrom(address, person.email(), "guess " + address));
    }

    RemoteError error =
        refused(
            Code.RESOURCE_EXHAUSTED,
            "TOO_MANY_ATTEMPTS",
            () -> loginFrom("198.51.100.99", person.email().toUpperCase(Locale.ROOT), PASSWORD));
    assertThat(error.retryAfter())
        .hasValueSatisfying(
            wait -> assertThat(wait).isBetween(Duration.ofSeconds(1), Duration.ofSeconds(30)));
    // Who is logged in stays so, and others are not concerned.
    assertThat(me(refresh(person.tokens()))).isEqualTo(person.id());
    assertThat(svc.register().id()).isNotEmpty();
  }

  @Test
  void guessesAreCountedPerAddressThatTheEdgeTells() {
    Person person = svc.register();
    exhaust(Throttle.ADDRESS.by("203.0.113.7"));

    refused(
        Code.RESOURCE_EXHAUSTED,
        "TOO_MANY_ATTEMPTS",
        () -> loginFrom("203.0.113.7", person.email(), PASSWORD));
    refused(
        Code.RESOURCE_EXHAUSTED,
        "TOO_MANY_ATTEMPTS",
        () -> loginFrom("6.6.6.6, 203.0.113.7", person.email(), PASSWORD));
    // Another address, and the same one as somebody claims it who is not the edge.
    assertThat(loginFrom("203.0.113.8", person.email(), PASSWORD)).isNotNull();
    assertThat(
            login(
                RunningUserSvc.with(svc.auth(), "x-forwarded-for", "203.0.113.7"),
                person.email(),
                PASSWORD))
        .isNotNull();
  }

  @Test
  void aStormOfLoginsIsAnsweredAndLeavesRoomForOthers() throws Exception {
    Person person = svc.register();
    Tokens tokens = svc.login(person.email());

    List<String> outcomes;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<List<String>> storm =
          threads.submit(() -> atOnce(200, () -> outcome(() -> svc.login(person.email()))));
      assertThat(fastest(() -> me(tokens))).isLessThan(Duration.ofSeconds(1).toNanos());
      outcomes = storm.get();
    }

    assertThat(outcomes)
        .contains("done")
        .allMatch(
            outcome ->
                List.of(
                        "done",
                        "LOGIN_BUSY",
                        "TOO_MANY_ATTEMPTS",
                        "DATA_BUSY",
                        "DATABASE_UNAVAILABLE",
                        // By the server itself, when it sees its calls take longer.
                        "OVERLOADED")
                    .contains(outcome));
  }

  /**
   * Makes all attempts there are, an hour ahead, so that none is free again before the test ends.
   */
  private static void exhaust(Throttle.Attempt attempt) {
    Database database = postgres.anotherDatabase();
    database.shiftClock(Duration.ofHours(1));
    database.inTransactionVoid(
        tx ->
            IntStream.range(0, attempt.limit().burst())
                .forEach(_ -> new Throttle().count(tx, List.of(attempt))));
  }

  private static void refreshIsRefused(Tokens tokens) {
    refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID", () -> refresh(tokens));
  }

  private static Tokens refresh(Tokens tokens) {
    return svc.auth()
        .refresh(RefreshRequest.newBuilder().setRefreshToken(tokens.getRefreshToken()).build())
        .getTokens();
  }

  private static void logout(Tokens tokens, String refreshToken) {
    svc.auth(tokens.getAccessToken())
        .logout(LogoutRequest.newBuilder().setRefreshToken(refreshToken).build());
  }

  private static Tokens loginFrom(String address, String email, String password) {
    return login(svc.forwarding(svc.auth(), address), email, password);
  }

  private static Tokens login(AuthServiceBlockingStub stub, String email, String password) {
    return stub.login(LoginRequest.newBuilder().setEmail(email).setPassword(password).build())
        .getTokens();
  }

  /** The id of whom the access token belongs to. */
  private static String me(Tokens tokens) {
    return svc.users(tokens.getAccessToken())
        .getMe(GetMeRequest.getDefaultInstance())
        .getUser()
        .getUserId();
  }

  private static ECKey published(String kid) throws Exception {
    JsonWebKey key =
        svc.auth().getJwks(GetJwksRequest.getDefaultInstance()).getKeysList().stream()
            .filter(one -> one.getKid().equals(kid))
            .findFirst()
            .orElseThrow();
    return ECKey.parse(
        Map.of("kty", key.getKty(), "crv", key.getCrv(), "x", key.getX(), "y", key.getY()));
  }

  /** The shortest of some runs: what else the machine does counts least in it. */
  private static long fastest(Callable<?> call) {
    return IntStream.range(0, 5)
        .mapToLong(
            _ -> {
              long began = System.nanoTime();
              outcome(call);
              return System.nanoTime() - began;
            })
        .min()
        .orElseThrow();
  }
}
