package dev.weft.user;

import dev.weft.durable.Database;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.Rejection;
import dev.weft.user.SessionStore.Session;
import dev.weft.user.UserStore.Credentials;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logins: opened with a password, kept alive with refresh tokens, ended by logout or by a refresh
 * token that is shown twice.
 *
 * <p>A login lasts {@value #LIFE_DAYS} days, however often it is refreshed. A user has at most
 * {@value #PER_USER}; the oldest ends when there are more, and its access tokens are revoked.
 */
final class Sessions {
  static final long LIFE_DAYS = 30;
  static final int PER_USER = 50;

  /**
   * Refreshes within the life of an access token, so that few tokens have to be revoked at once.
   */
  static final int REFRESHES_MAX = 60;

  private static final Logger log = LoggerFactory.getLogger(Sessions.class);

  private final Database database;
  private final UserStore users;
  private final SessionStore sessions;
  private final Revocations revocations;
  private final Throttle throttle;
  private final Passwords passwords;
  private final SecureRandom random = new SecureRandom();

  /** What a login or a refresh gives. */
  record Grant(AccessToken access, RefreshToken refresh) {}

  /** A login, which may have ended older ones of the same user. */
  private record Opened(Grant grant, boolean endedOthers) {}

  /** What became of a refresh token that was shown. */
  private sealed interface Shown {
    record Accepted(Grant grant) implements Shown {}

    record Refused() implements Shown {}

    record Reused(UUID userId) implements Shown {}
  }

  Sessions(
      Database database,
      UserStore users,
      SessionStore sessions,
      Revocations revocations,
      Throttle throttle,
      Passwords passwords) {
    this.database = database;
    this.users = users;
    this.sessions = sessions;
    this.revocations = revocations;
    this.throttle = throttle;
    this.passwords = passwords;
  }

  /**
   * Logs in. Unknown, disabled and mistaken cannot be told apart, neither by the answer nor by its
   * time.
   *
   * @param address the client's, which guesses are counted for
   */
  Grant login(String emailText, String password, String address) {
    Optional<Email> email = Email.parse(emailText);
    List<Throttle.Attempt> attempts =
        List.of(
            Throttle.ACCOUNT.by(email.map(Email::key).orElse(emailText)),
            Throttle.ADDRESS.by(address));
    Optional<Credentials> account =
        database.inTransaction(
            tx -> {
              throttle.count(tx, attempts);
              return email.flatMap(known -> users.credentials(tx, known));
            });
    if (account.isEmpty()) {
      passwords.matchNobody(password);
      throw wrongCredentials();
    }
    String checked = account.get().passwordHash();
    if (!passwords.matches(password, checked)) {
      throw wrongCredentials();
    }
    String kept = passwords.outdated(checked) ? passwords.hash(password) : checked;
    Opened opened =
        database
            .inTransaction(tx -> open(tx, account.get().user().id(), checked, kept, attempts))
            .orElseThrow(Sessions::wrongCredentials);
    if (opened.endedOthers) {
      revocations.tell();
    }
    return opened.grant;
  }

  private Optional<Opened> open(
      Handle tx, UUID userId, String checked, String kept, List<Throttle.Attempt> attempts) {
    // The password was checked outside; it counts only if it is still the same.
    Optional<Credentials> account =
        users
            .lockCredentials(tx, userId)
            .filter(now -> now.user().active() && now.passwordHash().equals(checked));
    if (account.isEmpty()) {
      return Optional.empty();
    }
    if (!kept.equals(checked)) {
      users.updatePassword(tx, userId, kept);
    }
    throttle.forgive(tx, attempts);
    Instant now = UserStore.now(tx);
    UUID sessionId = UuidV7.next();
    RefreshToken refresh = RefreshToken.first(random);
    sessions.insert(tx, sessionId, userId, refresh, now, now.plus(Duration.ofDays(LIFE_DAYS)));
    Grant grant = grant(tx, sessionId, account.get(), now, refresh);
    List<UUID> oldest = sessions.beyond(tx, userId, PER_USER);
    oldest.forEach(ended -> revocations.endSession(tx, ended));
    return Optional.of(new Opened(grant, !oldest.isEmpty()));
  }

  /**
   * Exchanges a refresh token. Of several that come at once with the same one, one wins; whoever
   * comes after it was used ends the login.
   */
  Grant refresh(String text) {
    RefreshToken token = RefreshToken.parse(text).orElseThrow(Sessions::invalidRefreshToken);
    return switch (database.inTransaction(tx -> show(tx, token))) {
      case Shown.Accepted accepted -> accepted.grant;
      case Shown.Refused _ -> throw invalidRefreshToken();
      case Shown.Reused reused -> {
        revocations.tell();
        log.warn(
            "a refresh token of user {} was used twice, so the login it came from has ended",
            reused.userId);
        throw invalidRefreshToken();
      }
    };
  }

  private Shown show(Handle tx, RefreshToken token) {
    // Not locked: a token that is unused here may be lost to another call below, and that is no
    // theft.
    Optional<Session> found = sessions.find(tx, token);
    if (found.isEmpty()) {
      return new Shown.Refused();
    }
    Session session = found.get();
    if (!session.current()) {
      revocations.endSession(tx, session.id());
      return new Shown.Reused(session.userId());
    }
    Optional<Credentials> account =
        users.shareCredentials(tx, session.userId()).filter(known -> known.user().active());
    if (account.isEmpty()) {
      return new Shown.Refused();
    }
    if (sessions.liveAccessTokens(tx, session.id()) >= REFRESHES_MAX) {
      throw Rejection.tooMany(
          "TOO_MANY_ATTEMPTS", "this login is refreshed too often", AccessToken.LIFE);
    }
    RefreshToken next = token.next(random);
    if (!sessions.rotate(tx, session.id(), token, next)) {
      return new Shown.Refused();
    }
    return new Shown.Accepted(grant(tx, session.id(), account.get(), UserStore.now(tx), next));
  }

  /**
   * Revokes an access token and, if the refresh token belongs to the same user, the login that came
   * from.
   */
  void logout(UUID userId, String tokenId, Instant expiresAt, String refreshToken) {
    revocations.inTransaction(
        tx -> {
          RefreshToken.parse(refreshToken)
              .flatMap(token -> sessions.find(tx, token))
              .filter(session -> session.userId().equals(userId))
              .ifPresent(session -> revocations.endSession(tx, session.id()));
          revocations.revokeToken(tx, tokenId, expiresAt);
          return true;
        });
  }

  private Grant grant(
      Handle tx, UUID sessionId, Credentials account, Instant now, RefreshToken refresh) {
    AccessToken access = AccessToken.issue(random, account.user(), now, account.tokensAfter());
    sessions.addAccessToken(tx, sessionId, access);
    return new Grant(access, refresh);
  }

  private static Rejection wrongCredentials() {
    return Rejection.unauthenticated("WRONG_CREDENTIALS", "e-mail or password is wrong");
  }

  private static Rejection invalidRefreshToken() {
    return Rejection.unauthenticated(
        "REFRESH_TOKEN_INVALID", "the refresh token is not valid: log in again");
  }
}
