package dev.weft.mesh;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import java.security.interfaces.ECPublicKey;
import java.text.ParseException;
import java.util.HashMap;
import java.util.Map;

/** The keys of a JWK set (RFC 7517) that can verify ES256, by key id. */
final class KeySet {
  private static final int MAX_LENGTH = 256 * 1024;

  private KeySet() {}

  /**
   * Reads the EC P-256 keys with a {@code kid} that are not meant for something else, and leaves
   * all others aside. Throws {@link IllegalArgumentException} if the text is not a JWK set, has two
   * keys of one name, or no key that can be used.
   */
  static Map<String, ECPublicKey> parse(String jwks) {
    if (jwks.length() > MAX_LENGTH) {
      throw new IllegalArgumentException("a JWK set longer than " + MAX_LENGTH + " characters");
    }
    Map<String, ECPublicKey> keys = new HashMap<>();
    try {
      for (JWK jwk : JWKSet.parse(jwks).getKeys()) {
        if (jwk instanceof ECKey ec && usable(ec)) {
          if (keys.put(ec.getKeyID(), ec.toECPublicKey()) != null) {
            throw new IllegalArgumentException("two keys named " + ec.getKeyID());
          }
        }
      }
    } catch (ParseException | JOSEException e) {
      throw new IllegalArgumentException("not a JWK set", e);
    }
    if (keys.isEmpty()) {
      throw new IllegalArgumentException("a JWK set without a P-256 key that has a kid");
    }
    return Map.copyOf(keys);
  }

  private static boolean usable(ECKey key) {
    return Curve.P_256.equals(key.getCurve())
        && key.getKeyID() != null
        && Jws.isKeyId(key.getKeyID())
        && (key.getKeyUse() == null || key.getKeyUse().equals(KeyUse.SIGNATURE))
        && (key.getAlgorithm() == null || key.getAlgorithm().equals(JWSAlgorithm.ES256));
  }
}
