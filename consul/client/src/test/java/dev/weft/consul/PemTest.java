package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Signature;
import java.util.Arrays;
import java.util.Base64;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Certificates and keys in Consul's notation. */
class PemTest {
  /** A certificate of these tests; its key is nowhere. */
  static String resource(String name) {
    try (InputStream in = PemTest.class.getResourceAsStream("/connect/" + name)) {
      return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static KeyPair pair(String algorithm, int bits) throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
    generator.initialize(bits);
    return generator.generateKeyPair();
  }

  /** The key as Consul writes it: what PKCS #8 wraps. */
  static String bare(PrivateKey key) {
    byte[] pkcs8 = key.getEncoded();
    // Before it: a header, version 0, the algorithm, the header of an octet string.
    int before = key.getAlgorithm().equals("EC") ? 2 + 3 + 21 + 2 : 4 + 3 + 15 + 4;
    String type = key.getAlgorithm() + " PRIVATE KEY";
    return pem(type, Arrays.copyOfRange(pkcs8, before, pkcs8.length));
  }

  private static String pem(String type, byte[] der) {
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n"
        .formatted(type, Base64.getMimeEncoder().encodeToString(der), type);
  }

  private static void signsFor(KeyPair pair, PrivateKey read) throws GeneralSecurityException {
    String algorithm = "SHA256with" + (read.getAlgorithm().equals("EC") ? "ECDSA" : "RSA");
    Signature signature = Signature.getInstance(algorithm);
    signature.initSign(read);
    byte[] signed = signature.sign();
    signature.initVerify(pair.getPublic());
    assertThat(signature.verify(signed)).isTrue();
  }

  @Test
  void readsTheKeysOfLeafsThatTheJdkDoesNot() throws GeneralSecurityException {
    KeyPair p256 = pair("EC", 256);
    signsFor(p256, Pem.key(bare(p256.getPrivate()), p256.getPublic()));
    KeyPair rsa = pair("RSA", 2048);
    signsFor(rsa, Pem.key(bare(rsa.getPrivate()), rsa.getPublic()));
  }

  @Test
  void readsBackTheKeyItWrites() throws GeneralSecurityException {
    KeyPair pair = pair("EC", 256);
    String written = Pem.text(pair.getPrivate());
    assertThat(written).startsWith("-----BEGIN PRIVATE KEY-----\n");
    signsFor(pair, Pem.key(written, pair.getPublic()));
  }

  @Test
  void readsCertificatesInTheirOrderAndWritesThemBack() {
    String chain = resource("leaf.pem") + "\n" + resource("root.pem");
    assertThat(Pem.certificates(chain))
        .extracting(certificate -> certificate.getSubjectX500Principal().getName())
        .containsExactly(
            "CN=web.svc.default.11111111.consul", "CN=pri-test.consul.ca.11111111.consul");
    assertThat(Pem.certificates(Pem.text(Pem.certificates(chain))))
        .isEqualTo(Pem.certificates(chain));
  }

  @Test
  void saysNothingOfWhatItCannotRead() throws GeneralSecurityException {
    KeyPair pair = pair("EC", 256);
    for (String bad : new String[] {"", "s3cret", pem("EC PRIVATE KEY", new byte[] {1, 2, 3})}) {
      assertThatThrownBy(() -> Pem.key(bad, pair.getPublic()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageNotContaining("s3cret");
    }
    for (String bad : new String[] {"", pem("CERTIFICATE", new byte[] {1, 2, 3})}) {
      assertThatThrownBy(() -> Pem.certificates(bad)).isInstanceOf(IllegalArgumentException.class);
    }
  }
}
