package dev.weft.consul.agent;

import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;
import javax.security.auth.x500.X500Principal;

/** X.509 certificates with the content that Consul's built-in CA gives them. */
final class Certificates {
  /** What a certificate is for. */
  enum Role {
    /** Signs others: a root, or a root signed by the one before it. */
    AUTHORITY,
    /** Proves who a service is, on both sides of a connection. */
    LEAF
  }

  /**
   * What is to be signed.
   *
   * @param issuerKey the public key of who signs
   * @param uri the only alternative name: a SPIFFE id
   */
  record Content(
      Role role,
      BigInteger serial,
      X500Principal issuer,
      PublicKey issuerKey,
      X500Principal subject,
      PublicKey subjectKey,
      String uri,
      Instant notBefore,
      Instant notAfter) {}

  private static final byte[] VERSION_3 = Der.explicit(0, Der.integer(BigInteger.TWO));
  private static final byte[] ALGORITHM = Der.sequence(Der.objectId("1.2.840.10045.4.3.2"));

  /** Digital signature, key and data encipherment, key agreement. */
  private static final int LEAF_USAGE = 0b1011_1000;

  /** Digital signature, signing of certificates and revocation lists. */
  private static final int AUTHORITY_USAGE = 0b1000_0110;

  private static final int NAME_IS_URI = 6;

  private Certificates() {}

  /** Signs the content. */
  static X509Certificate sign(Content content, PrivateKey key) {
    byte[] signed =
        Der.sequence(
            VERSION_3,
            Der.integer(content.serial()),
            ALGORITHM,
            content.issuer().getEncoded(),
            Der.sequence(Der.time(content.notBefore()), Der.time(content.notAfter())),
            content.subject().getEncoded(),
            content.subjectKey().getEncoded(),
            Der.explicit(3, extensions(content)));
    try {
      Signature signature = Signature.getInstance(Keys.SIGNATURE);
      signature.initSign(key);
      signature.update(signed);
      return read(Der.sequence(signed, ALGORITHM, Der.bits(signature.sign())));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("a certificate of our own could not be made", e);
    }
  }

  private static byte[] extensions(Content content) {
    byte[] subjectKeyId = extension("2.5.29.14", Der.octets(Keys.id(content.subjectKey())));
    byte[] authorityKeyId =
        extension("2.5.29.35", Der.sequence(Der.implicit(0, Keys.id(content.issuerKey()))));
    byte[] name =
        extension(
            "2.5.29.17",
            Der.sequence(
                Der.implicit(NAME_IS_URI, content.uri().getBytes(StandardCharsets.US_ASCII))));
    return switch (content.role()) {
      case AUTHORITY ->
          Der.sequence(
              critical("2.5.29.15", Der.bits(AUTHORITY_USAGE)),
              critical("2.5.29.19", Der.sequence(Der.flag())),
              subjectKeyId,
              authorityKeyId,
              name);
      case LEAF ->
          Der.sequence(
              critical("2.5.29.15", Der.bits(LEAF_USAGE)),
              extension(
                  "2.5.29.37",
                  Der.sequence(
                      Der.objectId("1.3.6.1.5.5.7.3.2"), Der.objectId("1.3.6.1.5.5.7.3.1"))),
              critical("2.5.29.19", Der.sequence()),
              subjectKeyId,
              authorityKeyId,
              name);
    };
  }

  private static byte[] extension(String id, byte[] value) {
    return Der.sequence(Der.objectId(id), Der.octets(value));
  }

  private static byte[] critical(String id, byte[] value) {
    return Der.sequence(Der.objectId(id), Der.flag(), Der.octets(value));
  }

  /**
   * Reads one certificate, as PEM or DER.
   *
   * @throws CertificateException if it is none
   */
  static X509Certificate read(byte[] encoded) throws CertificateException {
    return (X509Certificate)
        Objects.requireNonNull(
            CertificateFactory.getInstance("X.509")
                .generateCertificate(new ByteArrayInputStream(encoded)));
  }

  static String pem(X509Certificate certificate) {
    return Keys.pem("CERTIFICATE", encoded(certificate));
  }

  /** The SHA-1 of the whole certificate, by which Consul names a root. */
  static String fingerprint(X509Certificate certificate) {
    return hex(Keys.digest("SHA-1", encoded(certificate)));
  }

  /** The serial number as Consul writes it: without the byte that only says it is positive. */
  static String serial(X509Certificate certificate) {
    byte[] bytes = certificate.getSerialNumber().toByteArray();
    return hex(
        bytes.length > 1 && bytes[0] == 0 ? Arrays.copyOfRange(bytes, 1, bytes.length) : bytes);
  }

  /** Bytes as Consul writes them: {@code d0:3b}. */
  static String hex(byte[] bytes) {
    return HexFormat.ofDelimiter(":").formatHex(bytes);
  }

  private static byte[] encoded(X509Certificate certificate) {
    try {
      return certificate.getEncoded();
    } catch (CertificateEncodingException e) {
      throw new IllegalStateException("a certificate that was read can be written", e);
    }
  }
}
