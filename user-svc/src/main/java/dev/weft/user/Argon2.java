package dev.weft.user;

import java.security.MessageDigest;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.params.Argon2Parameters;

/**
 * Argon2id (RFC 9106) with one set of parameters, and the PHC string format, which keeps them
 * beside the hash so that they can change.
 *
 * @param memoryKib memory of one hash
 * @param iterations passes over it
 * @param parallelism lanes
 */
record Argon2(int memoryKib, int iterations, int parallelism) {
  private static final Pattern PHC =
      Pattern.compile(
          "\\$argon2id\\$v=19\\$m=(\\d{1,7}),t=(\\d{1,3}),p=(\\d{1,2})"
              + "\\$([A-Za-z0-9+/]{11,86})\\$([A-Za-z0-9+/]{22,86})");

  /** Whether the PHC string was made of this password, in time that does not tell how nearly. */
  static boolean matches(byte[] password, String phc) {
    Matcher matcher = PHC.matcher(phc);
    if (!matcher.matches()) {
      throw new IllegalStateException("what is kept of a password is no PHC string of Argon2id");
    }
    Argon2 parameters =
        new Argon2(
            Integer.parseInt(matcher.group(1)),
            Integer.parseInt(matcher.group(2)),
            Integer.parseInt(matcher.group(3)));
    byte[] salt = Base64.getDecoder().decode(matcher.group(4));
    byte[] expected = Base64.getDecoder().decode(matcher.group(5));
    return MessageDigest.isEqual(expected, parameters.hash(password, salt, expected.length));
  }

  byte[] hash(byte[] password, byte[] salt, int length) {
    Argon2BytesGenerator generator = new Argon2BytesGenerator();
    generator.init(
        new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
            .withVersion(Argon2Parameters.ARGON2_VERSION_13)
            .withMemoryAsKB(memoryKib)
            .withIterations(iterations)
            .withParallelism(parallelism)
            .withSalt(salt)
            .build());
    byte[] hash = new byte[length];
    generator.generateBytes(password, hash);
    return hash;
  }

  /** What every PHC string with these parameters begins with. */
  String prefix() {
    return "$argon2id$v=19$m=" + memoryKib + ",t=" + iterations + ",p=" + parallelism + "$";
  }

  String phc(byte[] salt, byte[] hash) {
    Base64.Encoder base64 = Base64.getEncoder().withoutPadding();
    return prefix() + base64.encodeToString(salt) + "$" + base64.encodeToString(hash);
  }
}
