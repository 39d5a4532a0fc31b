package dev.weft.consul;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Certificates and keys as Consul writes them, to the JDK's own and back. What cannot be read is an
 * {@link IllegalArgumentException} that repeats nothing of it.
 */
final class Pem {
  private static final Pattern KEY =
      Pattern.compile("-----BEGIN ((?:EC |RSA )?PRIVATE KEY)-----([A-Za-z0-9+/=\\s]+)-----END \\1");
  private static final Base64.Encoder LINES =
      Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII));
  private static final byte[] PKCS8_VERSION = {2, 1, 0};
  private static final int SEQUENCE = 0x30;
  private static final int OCTETS = 0x04;

  private Pem() {}

  /** Every certificate of the text, in its order; at least one. */
  static List<X509Certificate> certificates(String text) {
    try {
      List<X509Certificate> found =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(
                  new ByteArrayInputStream(text.getBytes(StandardCharsets.US_ASCII)))
              .stream()
              .map(Pem::x509)
              .toList();
      if (found.isEmpty()) {
        throw new IllegalArgumentException("no certificate where one is expected");
      }
      return found;
    } catch (CertificateException e) {
      throw new IllegalArgumentException("a certificate that cannot be read", e);
    }
  }

  private static X509Certificate x509(Certificate certificate) {
    return (X509Certificate) certificate;
  }

  static String text(List<X509Certificate> certificates) {
    StringBuilder text = new StringBuilder();
    for (X509Certificate certificate : certificates) {
      try {
        text.append(block("CERTIFICATE", certificate.getEncoded()));
      } catch (CertificateEncodingException e) {
        throw new IllegalStateException("a certificate that was read can be written", e);
      }
    }
    return text.toString();
  }

  /**
   * The private key of {@code of}. Consul writes the key of a leaf as {@code EC PRIVATE KEY} (SEC
   * 1) or {@code RSA PRIVATE KEY} (PKCS #1), and the JDK reads PKCS #8 only, which is the same with
   * the algorithm before it: that of the public key.
   */
  static PrivateKey key(String text, PublicKey of) {
    Matcher block = KEY.matcher(text);
    if (!block.find()) {
      throw new IllegalArgumentException("no private key where one is expected");
    }
    byte[] der = Base64.getMimeDecoder().decode(block.group(2));
    byte[] pkcs8 = block.group(1).equals("PRIVATE KEY") ? der : wrapped(der, of);
    try {
      return KeyFactory.getInstance(of.getAlgorithm())
          .generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("a private key that cannot be read", e);
    }
  }

  static String text(PrivateKey key) {
    return block("PRIVATE KEY", key.getEncoded());
  }

  private static String block(String type, byte[] der) {
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n"
        .formatted(type, LINES.encodeToString(der), type);
  }

  private static byte[] wrapped(byte[] key, PublicKey of) {
    return element(SEQUENCE, PKCS8_VERSION, algorithm(of.getEncoded()), element(OCTETS, key));
  }

  /** The first element of a SubjectPublicKeyInfo. */
  private static byte[] algorithm(byte[] subjectPublicKeyInfo) {
    int start = headerLength(subjectPublicKeyInfo, 0);
    int end =
        start
            + headerLength(subjectPublicKeyInfo, start)
            + contentLength(subjectPublicKeyInfo, start);
    return Arrays.copyOfRange(subjectPublicKeyInfo, start, end);
  }

  private static int headerLength(byte[] der, int at) {
    return der[at + 1] >= 0 ? 2 : 2 + (der[at + 1] & 0x7f);
  }

  private static int contentLength(byte[] der, int at) {
    if (der[at + 1] >= 0) {
      return der[at + 1];
    }
    int length = 0;
    for (int i = at + 2; i < at + headerLength(der, at); i++) {
      length = (length << 8) | (der[i] & 0xff);
    }
    return length;
  }

  private static byte[] element(int tag, byte[]... parts) {
    int length = Arrays.stream(parts).mapToInt(part -> part.length).sum();
    ByteArrayOutputStream der = new ByteArrayOutputStream(length + 4);
    der.write(tag);
    if (length >= 0x100) {
      der.write(0x82);
      der.write(length >> 8);
    } else if (length >= 0x80) {
      der.write(0x81);
    }
    der.write(length);
    for (byte[] part : parts) {
      der.writeBytes(part);
    }
    return der.toByteArray();
  }
}
