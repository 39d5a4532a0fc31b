package dev.weft.payment;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * Whether something was told by the card network, and lately: {@code t=<seconds since 1970>,v1=<hex
 * of HMAC-SHA-256 over the seconds, a dot and the body>}.
 *
 * @param key what the network and this process share
 */
record CardSignature(SecretKey key) {
  /** What was overheard is of no use later; clocks may differ by as much. */
  static final Duration AGE_MAX = Duration.ofMinutes(5);

  private static final int SECRET_LENGTH_MIN = 16;
  private static final Pattern FORM = Pattern.compile("t=([0-9]{1,12}),v1=([0-9a-f]{64})");
  private static final String HMAC = "HmacSHA256";

  /** Throws {@link IllegalArgumentException} when the secret is too short to be one. */
  static CardSignature ofSecret(String secret) {
    if (secret.length() < SECRET_LENGTH_MIN) {
      throw new IllegalArgumentException("too short");
    }
    return new CardSignature(new SecretKeySpec(secret.getBytes(UTF_8), HMAC));
  }

  boolean holds(String signature, byte[] body, Instant now) {
    Matcher parts = FORM.matcher(signature);
    if (!parts.matches()) {
      return false;
    }
    Instant signed = Instant.ofEpochSecond(Long.parseLong(parts.group(1)));
    return Duration.between(signed, now).abs().compareTo(AGE_MAX) <= 0
        && MessageDigest.isEqual(
            HexFormat.of().parseHex(parts.group(2)), digest(parts.group(1), body));
  }

  private byte[] digest(String seconds, byte[] body) {
    try {
      Mac mac = Mac.getInstance(HMAC);
      mac.init(key);
      mac.update((seconds + ".").getBytes(UTF_8));
      return mac.doFinal(body);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }
}
