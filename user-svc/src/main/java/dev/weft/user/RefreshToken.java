package dev.weft.user;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;

/**
 * A refresh token: a part that stays the same from login to logout and names the family, and a part
 * that works once. Whoever shows the first with a used second part holds a token that was stolen,
 * or is the one it was stolen from. Both parts are random, so that plain SHA-256 hashes of them are
 * all the database needs.
 */
final class RefreshToken {
  /** Lets scanners of source code and logs recognise a leaked token. */
  private static final String PREFIX = "weft_rt_";

  private static final int FAMILY_BYTES = 16;
  private static final int SECRET_BYTES = 32;

  private final byte[] family;
  private final byte[] secret;

  private RefreshToken(byte[] family, byte[] secret) {
    this.family = family;
    this.secret = secret;
  }

  /** The first token of a login. */
  static RefreshToken first(SecureRandom random) {
    return new RefreshToken(bytes(random, FAMILY_BYTES), bytes(random, SECRET_BYTES));
  }

  /** The token that replaces this one. */
  RefreshToken next(SecureRandom random) {
    return new RefreshToken(family, bytes(random, SECRET_BYTES));
  }

  /** Reads what {@link #text} wrote; empty for anything else. */
  static Optional<RefreshToken> parse(String text) {
    if (!text.startsWith(PREFIX)) {
      return Optional.empty();
    }
    byte[] bytes;
    try {
      bytes = Base64.getUrlDecoder().decode(text.substring(PREFIX.length()));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
    if (bytes.length != FAMILY_BYTES + SECRET_BYTES) {
      return Optional.empty();
    }
    return Optional.of(
        new RefreshToken(
            Arrays.copyOf(bytes, FAMILY_BYTES),
            Arrays.copyOfRange(bytes, FAMILY_BYTES, bytes.length)));
  }

  /** What the client keeps. */
  String text() {
    byte[] bytes = Arrays.copyOf(family, FAMILY_BYTES + SECRET_BYTES);
    System.arraycopy(secret, 0, bytes, FAMILY_BYTES, SECRET_BYTES);
    return PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  byte[] familyHash() {
    return sha256(family);
  }

  byte[] secretHash() {
    return sha256(secret);
  }

  private static byte[] bytes(SecureRandom random, int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  private static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  @Override
  public String toString() {
    return "RefreshToken[…]";
  }
}
