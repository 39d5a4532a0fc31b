package dev.weft.mesh;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.ECDSAVerifier;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.util.Base64URL;
import com.nimbusds.jose.util.JSONObjectUtils;
import java.nio.charset.StandardCharsets;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.text.ParseException;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.Set;

/**
 * A signed token in compact form, read as narrowly as our issuers write it: ES256 only, a header of
 * exactly {@code alg}, {@code typ} and {@code kid}, base64url without padding, at most {@value
 * #MAX_LENGTH} characters. Nothing of its payload can be seen before the signature was checked.
 *
 * <p>One signature has two texts, since (r, s) and (r, n - s) verify alike, so a token's text is no
 * name for it. That is why a token is revoked by its {@code jti} or its subject.
 */
final class Jws {
  static final int MAX_LENGTH = 8 * 1024;

  private static final int SIGNATURE_BYTES = 64;
  private static final int KEY_ID_LENGTH = 128;
  private static final Set<String> HEADER_NAMES = Set.of("alg", "typ", "kid");
  private static final JWSHeader ES256 = new JWSHeader(JWSAlgorithm.ES256);

  private final String keyId;
  private final byte[] signingInput;
  private final byte[] payload;
  private final Base64URL signature;

  /**
   * The token is not one we would have issued. The message is for our logs, not for whoever sent
   * it.
   */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String message) {
      super(message, null, false, false);
    }
  }

  private Jws(String keyId, byte[] signingInput, byte[] payload, Base64URL signature) {
    this.keyId = keyId;
    this.signingInput = signingInput;
    this.payload = payload;
    this.signature = signature;
  }

  /**
   * Takes a token apart without trusting it.
   *
   * @param type the only {@code typ} that is accepted
   */
  static Jws parse(String compact, String type) throws Malformed {
    if (compact.length() > MAX_LENGTH) {
      throw new Malformed("longer than " + MAX_LENGTH + " characters");
    }
    int first = compact.indexOf('.');
    int second = compact.indexOf('.', first + 1);
    if (first < 0 || second < 0 || compact.indexOf('.', second + 1) >= 0) {
      throw new Malformed("not three parts");
    }
    Map<String, Object> header = json(decode(compact.substring(0, first)));
    if (!header.keySet().equals(HEADER_NAMES)) {
      // Among the others: crit, b64, jku, jwk, x5u, x5c, zip and enc, none of which we follow.
      throw new Malformed("a header of other than alg, typ and kid");
    }
    if (!"ES256".equals(header.get("alg")) || !type.equals(header.get("typ"))) {
      throw new Malformed("not of alg ES256 and typ " + type);
    }
    if (!(header.get("kid") instanceof String keyId) || !isKeyId(keyId)) {
      throw new Malformed("a kid that cannot be one");
    }
    byte[] payload = decode(compact.substring(first + 1, second));
    String signature = compact.substring(second + 1);
    if (decode(signature).length != SIGNATURE_BYTES) {
      throw new Malformed("a signature of the wrong length");
    }
    return new Jws(
        keyId,
        compact.substring(0, second).getBytes(StandardCharsets.US_ASCII),
        payload,
        new Base64URL(signature));
  }

  /** The name of the key it claims to be signed with. */
  String keyId() {
    return keyId;
  }

  /** What it says, if {@code key} signed it. */
  Claims verify(ECPublicKey key) throws Malformed {
    try {
      if (!new ECDSAVerifier(key).verify(ES256, signingInput, signature)) {
        throw new Malformed("a wrong signature");
      }
    } catch (JOSEException e) {
      throw new Malformed("a signature that cannot be checked");
    }
    return new Claims(json(payload));
  }

  /** Signs a payload the way {@link #parse} reads it. */
  static String sign(String keyId, String type, CharSequence json, ECPrivateKey key) {
    StringBuilder header = new StringBuilder("{");
    JsonText.field(header, "alg", "ES256");
    JsonText.field(header.append(','), "typ", type);
    JsonText.field(header.append(','), "kid", keyId);
    String signingInput = encode(header.append('}')) + "." + encode(json);
    try {
      Base64URL signature =
          new ECDSASigner(key, Curve.P_256)
              .sign(ES256, signingInput.getBytes(StandardCharsets.US_ASCII));
      return signingInput + "." + signature;
    } catch (JOSEException e) {
      throw new IllegalStateException("a token cannot be signed with key " + keyId, e);
    }
  }

  /** 1 to 128 letters, digits and {@code . _ -}: fit for a map and for a log line. */
  static boolean isKeyId(String text) {
    return !text.isEmpty()
        && text.length() <= KEY_ID_LENGTH
        && text.chars()
            .allMatch(
                c ->
                    (c >= 'a' && c <= 'z')
                        || (c >= 'A' && c <= 'Z')
                        || (c >= '0' && c <= '9')
                        || c == '.'
                        || c == '_'
                        || c == '-');
  }

  private static String encode(CharSequence text) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(text.toString().getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Only the one text that encodes these bytes: no padding, no white space, no stray bits at the
   * end.
   */
  private static byte[] decode(String part) throws Malformed {
    try {
      byte[] bytes = Base64.getUrlDecoder().decode(part);
      if (bytes.length > 0
          && Base64.getUrlEncoder().withoutPadding().encodeToString(bytes).equals(part)) {
        return bytes;
      }
    } catch (IllegalArgumentException e) {
      // Refused below, together with what decodes but is not canonical.
    }
    throw new Malformed("a part that is not base64url");
  }

  private static Map<String, Object> json(byte[] bytes) throws Malformed {
    String text = new String(bytes, StandardCharsets.UTF_8);
    if (!Arrays.equals(text.getBytes(StandardCharsets.UTF_8), bytes)) {
      throw new Malformed("a part that is not UTF-8");
    }
    try {
      // Strict: refuses doubled names, comments, trailing text and deep nesting.
      return JSONObjectUtils.parse(text);
    } catch (ParseException e) {
      throw new Malformed("a part that is not a JSON object");
    }
  }
}
