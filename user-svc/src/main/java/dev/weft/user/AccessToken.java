package dev.weft.user;

import dev.weft.user.User.Role;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.Set;
import java.util.UUID;

/**
 * What an access token will say, before it is signed.
 *
 * @param id the {@code jti}
 * @param issuedAt in whole seconds, as tokens count
 */
record AccessToken(String id, UUID userId, Set<Role> roles, Instant issuedAt) {
  /** Short, because a verifier that hears of no revocations trusts it for so long. */
  static final Duration LIFE = Duration.ofMinutes(5);

  /**
   * A revocation is kept for so long after its tokens expired: verifiers allow for clocks that
   * differ.
   */
  static final Duration LEEWAY = Duration.ofMinutes(2);

  private static final int ID_BYTES = 16;

  AccessToken {
    roles = Set.copyOf(roles);
  }

  /**
   * A token for a user, issued now.
   *
   * @param tokensAfter all the user's tokens of that second and before are revoked; when that is
   *     the running second, the token is dated one second ahead, which every verifier tolerates
   */
  static AccessToken issue(SecureRandom random, User user, Instant now, Instant tokensAfter) {
    byte[] id = new byte[ID_BYTES];
    random.nextBytes(id);
    Instant second = now.truncatedTo(ChronoUnit.SECONDS);
    Instant earliest = tokensAfter.plusSeconds(1);
    return new AccessToken(
        Base64.getUrlEncoder().withoutPadding().encodeToString(id),
        user.id(),
        user.roles(),
        second.isBefore(earliest) ? earliest : second);
  }

  Instant expiresAt() {
    return issuedAt.plus(LIFE);
  }
}
