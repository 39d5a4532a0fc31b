package dev.weft.user;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import javax.crypto.Cipher;
import javax.crypto.KDF;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.HKDFParameterSpec;

/**
 * Seals the private halves of signing keys before they go into the database, so that a copy of the
 * database signs nothing. AES-256-GCM; the sealing key is derived (HKDF-SHA256) from this service's
 * own private key, which every instance has and the database has not.
 *
 * <p>When that key is replaced, what was sealed stays shut: signing goes on with new keys, and the
 * public halves, which are not sealed, still verify what was signed.
 */
final class KeySeal {
  private static final int NONCE_BYTES = 12;
  private static final int TAG_BITS = 128;
  private static final String PEM_BEGIN = "-----BEGIN PRIVATE KEY-----";
  private static final String PEM_END = "-----END PRIVATE KEY-----";

  private final SecretKey key;
  private final SecureRandom random = new SecureRandom();

  private KeySeal(SecretKey key) {
    this.key = key;
  }

  /**
   * A seal that every holder of this private key has.
   *
   * @param pem PKCS#8 in PEM
   * @throws IllegalArgumentException if it is not; the message never holds the key
   */
  static KeySeal of(String pem) {
    String text = pem.strip();
    if (!text.startsWith(PEM_BEGIN) || !text.endsWith(PEM_END)) {
      throw new IllegalArgumentException("a private key, PKCS#8 in PEM");
    }
    byte[] secret =
        Base64.getMimeDecoder()
            .decode(text.substring(PEM_BEGIN.length(), text.length() - PEM_END.length()));
    try {
      HKDFParameterSpec derivation =
          HKDFParameterSpec.ofExtract()
              .addIKM(secret)
              .thenExpand("weft signing keys".getBytes(StandardCharsets.UTF_8), 32);
      return new KeySeal(KDF.getInstance("HKDF-SHA256").deriveKey("AES", derivation));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every JDK derives keys by HKDF", e);
    } finally {
      Arrays.fill(secret, (byte) 0);
    }
  }

  /**
   * Seals a secret.
   *
   * @param name what the secret belongs to; it opens under no other name
   */
  String seal(String name, String secret) {
    byte[] nonce = new byte[NONCE_BYTES];
    random.nextBytes(nonce);
    try {
      byte[] sealed =
          cipher(Cipher.ENCRYPT_MODE, name, nonce).doFinal(secret.getBytes(StandardCharsets.UTF_8));
      byte[] result = Arrays.copyOf(nonce, NONCE_BYTES + sealed.length);
      System.arraycopy(sealed, 0, result, NONCE_BYTES, sealed.length);
      return Base64.getEncoder().encodeToString(result);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("the key " + name + " cannot be sealed", e);
    }
  }

  /** Opens what was sealed under this name; empty if it was not, or with another key. */
  Optional<String> open(String name, String sealed) {
    try {
      byte[] bytes = Base64.getDecoder().decode(sealed);
      byte[] nonce = Arrays.copyOf(bytes, NONCE_BYTES);
      byte[] secret =
          cipher(Cipher.DECRYPT_MODE, name, nonce)
              .doFinal(bytes, NONCE_BYTES, bytes.length - NONCE_BYTES);
      return Optional.of(new String(secret, StandardCharsets.UTF_8));
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private Cipher cipher(int mode, String name, byte[] nonce) throws GeneralSecurityException {
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    cipher.init(mode, key, new GCMParameterSpec(TAG_BITS, nonce));
    cipher.updateAAD(name.getBytes(StandardCharsets.UTF_8));
    return cipher;
  }
}
