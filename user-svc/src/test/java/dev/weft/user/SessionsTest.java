package dev.weft.user;

import static dev.weft.user.RunningUserSvc.PASSWORD;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.weft.durable.Database;
import dev.weft.durable.UuidV7;
import dev.weft.events.EventLog;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import dev.weft.testkit.PostgresExtension;
import dev.weft.user.Sessions.Grant;
import dev.weft.user.User.Preferences;
import dev.weft.user.User.Profile;
import dev.weft.user.Users.Registration;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What time and number do to logins. */
class SessionsTest {
  private static final Duration LIFE = Duration.ofDays(Sessions.LIFE_DAYS);
  private static final String ADDRESS = "203.0.113.1";

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  private final SecureRandom random = new SecureRandom();
  private final Database database = postgres.database();
  private final Passwords passwords = new Passwords();
  private final SessionStore store = new SessionStore();
  private final RevocationStore revoked = new RevocationStore();
  private final RevocationFeed feed = new RevocationFeed(database, revoked, InstantSource.system());
  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("user-svc", "test"));
  private final UserStore userStore =
      new UserStore(
          new UserEvents(new EventLog(database, UserConfig.SERVICE, UserEvents.GRANTS, telemetry)));
  private final Revocations revocations =
      new Revocations(database, revoked, feed, userStore, store);
  private final Throttle throttle = new Throttle();
  private final Users users = new Users(database, userStore, revocations, throttle, passwords);
  private final Sessions sessions =
      new Sessions(database, userStore, store, revocations, throttle, passwords);
  private final String email = RunningUserSvc.freshEmail();
  private User user;

  @BeforeEach
  void register() {
    database.inTransactionVoid(tx -> tx.execute("DELETE FROM session"));
    feed.start();
    user =
        users.register(
            new Registration(
                Email.parse(email).orElseThrow(), PASSWORD, Profile.UNKNOWN, Preferences.DEFAULT),
            ADDRESS);
  }

  @AfterEach
  void end() {
    database.shiftClock(Duration.ZERO);
    feed.close();
    passwords.close();
    telemetry.close();
  }

  @Test
  void aLoginEndsAfterThirtyDaysHoweverOftenItIsRefreshed() {
    Grant grant = login();

    database.shiftClock(LIFE.minusHours(1));
    Grant refreshed = sessions.refresh(grant.refresh().text());
    assertThat(refreshed.access().issuedAt()).isAfter(grant.access().expiresAt());

    database.shiftClock(LIFE.plusSeconds(1));
    refreshIsRefused(refreshed);
    // It is over, not stolen.
    refreshIsRefused(grant);
  }

  @Test
  void theOldestOfTooManyLoginsEnds() {
    Grant first = login();
    Grant second = login();
    Instant now = Instant.now();
    database.inTransactionVoid(
        tx -> {
          for (int i = 2; i < Sessions.PER_USER; i++) {
            store.insert(
                tx, UuidV7.next(), user.id(), RefreshToken.first(random), now, now.plus(LIFE));
          }
        });

    Grant last = login();

    refreshIsRefused(first);
    assertThat(isRevoked(first)).isTrue();
    assertThat(isRevoked(second)).isFalse();
    assertThat(sessions.refresh(second.refresh().text())).isNotNull();
    assertThat(sessions.refresh(last.refresh().text())).isNotNull();
    assertThat(count("session")).isEqualTo(Sessions.PER_USER);
  }

  @Test
  void anUnknownAddressWaitsForItsTurnLikeAKnownOne() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch finish = new CountDownLatch(1);
    try (Passwords busy = new Passwords(1, Duration.ofMillis(50))) {
      Sessions crowded = new Sessions(database, userStore, store, revocations, throttle, busy);
      Thread.ofVirtual()
          .start(
              () ->
                  busy.inTurn(
                      () -> {
                        running.countDown();
                        finish.await();
                        return true;
                      }));
      assertThat(running.await(10, TimeUnit.SECONDS)).isTrue();

      for (String who : List.of(email, RunningUserSvc.freshEmail(), "no e-mail address")) {
        assertThatExceptionOfType(Rejection.class)
            .as(who)
            .isThrownBy(() -> crowded.login(who, PASSWORD, ADDRESS))
            .satisfies(refused -> assertThat(refused.reason()).isEqualTo("LOGIN_BUSY"));
      }
    } finally {
      finish.countDown();
    }
  }

  @Test
  void aLoginIsRefreshedOnlySoOftenWithinTheLifeOfAToken() {
    Grant grant = login();
    for (int i = 1; i < Sessions.REFRESHES_MAX; i++) {
      grant = sessions.refresh(grant.refresh().text());
    }
    String text = grant.refresh().text();

    assertThatExceptionOfType(Rejection.TooMany.class)
        .isThrownBy(() -> sessions.refresh(text))
        .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo("TOO_MANY_ATTEMPTS"));

    // The refused attempt did not use the token up.
    database.shiftClock(AccessToken.LIFE.plusSeconds(2));
    assertThat(sessions.refresh(text)).isNotNull();
  }

  @Test
  void aHashOfOldParametersIsReplacedAtTheNextLogin() {
    Argon2 old = new Argon2(256, 2, 1);
    byte[] salt = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
    String weak = old.phc(salt, old.hash(PASSWORD.getBytes(StandardCharsets.UTF_8), salt, 32));
    database.inTransactionVoid(tx -> userStore.updatePassword(tx, user.id(), weak));

    login();

    assertThat(passwords.outdated(hash())).isFalse();
    assertThat(passwords.matches(PASSWORD, hash())).isTrue();
    // Not a change of the account that its owner would see.
    assertThat(database.<User>read(tx -> userStore.find(tx, user.id()).orElseThrow()))
        .isEqualTo(user);
  }

  @Test
  void aTokenIsDatedBehindWhatWasRevokedInTheSameSecond() {
    Grant before = login();
    users.changePassword(user.id(), PASSWORD, PASSWORD + "!");

    Grant after = sessions.login(email, PASSWORD + "!", ADDRESS);

    Instant revokedUntil =
        database.<Instant>read(
            tx -> userStore.credentials(tx, user.id()).orElseThrow().tokensAfter());
    assertThat(before.access().issuedAt()).isBeforeOrEqualTo(revokedUntil);
    assertThat(after.access().issuedAt()).isAfter(revokedUntil);
  }

  @Test
  void whatHasExpiredIsSweptAway() {
    login();
    assertThat(database.inTransaction(store::sweep)).isZero();

    database.shiftClock(AccessToken.LIFE.plusSeconds(2));
    assertThat(database.inTransaction(store::sweep)).isEqualTo(1);
    assertThat(count("session")).isEqualTo(1);

    database.shiftClock(LIFE.plusSeconds(1));
    assertThat(database.inTransaction(store::sweep)).isEqualTo(1);
    assertThat(count("session")).isZero();
  }

  private Grant login() {
    return sessions.login(email, PASSWORD, ADDRESS);
  }

  private void refreshIsRefused(Grant grant) {
    assertThatExceptionOfType(Rejection.class)
        .isThrownBy(() -> sessions.refresh(grant.refresh().text()))
        .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo("REFRESH_TOKEN_INVALID"));
  }

  private boolean isRevoked(Grant grant) {
    return database.<Boolean>read(
        tx ->
            tx.createQuery("SELECT EXISTS (SELECT FROM revocation WHERE token_id = :token)")
                .bind("token", grant.access().id())
                .mapTo(Boolean.class)
                .one());
  }

  private String hash() {
    return database.read(tx -> userStore.credentials(tx, user.id()).orElseThrow().passwordHash());
  }

  private int count(String table) {
    UUID id = user.id();
    return database.<Integer>read(
        tx ->
            tx.createQuery("SELECT count(*) FROM " + table + " WHERE user_id = :id")
                .bind("id", id)
                .mapTo(Integer.class)
                .one());
  }
}
