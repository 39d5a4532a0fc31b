package dev.weft.mesh;

import java.time.Instant;

/**
 * User tokens of the configured issuer that are refused although their signature and times are
 * right.
 */
public sealed interface Revocation {
  /** When the tokens have expired anyway and this may be forgotten. */
  Instant expiresAt();

  /**
   * One token.
   *
   * @param tokenId its {@code jti}
   */
  record Token(String tokenId, Instant expiresAt) implements Revocation {}

  /**
   * All tokens a user was given up to a moment: deleted, disabled, password or roles changed.
   *
   * @param subject the user's id, {@code sub}
   * @param issuedBefore tokens with {@code iat} at or before this second are refused
   */
  record Subject(String subject, Instant issuedBefore, Instant expiresAt) implements Revocation {}
}
