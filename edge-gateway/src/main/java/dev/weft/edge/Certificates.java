package dev.weft.edge;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.codec.http2.Http2SecurityUtil;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.SupportedCipherSuiteFilter;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.Executor;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The edge's certificate, as it stands in its files now: a new pair is used from the next
 * connection on. One that cannot be used is said once, and the one before stays.
 *
 * <p>The files are looked at, not watched: they may be links that change under their names. A pair
 * counts when both files are the same at two looks, since nobody can replace two at once.
 *
 * <p>Thread-safe.
 */
final class Certificates implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Certificates.class);

  private static final Pattern KEY =
      Pattern.compile("-----BEGIN PRIVATE KEY-----([^-]+)-----END PRIVATE KEY-----");

  static {
    // A client that begins anew on a connection would not be counted, and none needs to (TLS 1.2
    // only). The JDK reads this before the first handshake.
    System.setProperty("jdk.tls.rejectClientInitiatedRenegotiation", "true");
  }

  private final TlsFiles files;
  private final Executor threads;
  private final Thread looking;
  private volatile SslContext context;

  /** What the two files hold. */
  private record Pair(String certificate, String key) {}

  private Certificates(TlsFiles files, Duration every, Executor threads) throws IOException {
    this.files = files;
    this.threads = threads;
    Pair first = read();
    this.context = context(first);
    this.looking = Thread.ofVirtual().name("certificates").start(() -> look(first, every));
  }

  /**
   * Reads the files, and again and again.
   *
   * @param every how long between two looks
   * @param threads for what a handshake has to calculate
   * @throws IllegalArgumentException that says what is wrong with them
   */
  static Certificates open(TlsFiles files, Duration every, Executor threads) {
    try {
      return new Certificates(files, every, threads);
    } catch (IOException e) {
      throw new IllegalArgumentException("cannot be read: " + e.getMessage(), e);
    }
  }

  /** What speaks TLS on one connection, as its server. */
  SslHandler handler(ByteBufAllocator allocator) {
    return context.newHandler(allocator, threads);
  }

  private Pair read() throws IOException {
    return new Pair(
        Files.readString(files.certificate(), US_ASCII), Files.readString(files.key(), US_ASCII));
  }

  private void look(Pair used, Duration every) {
    Pair judged = used;
    Pair seen = used;
    boolean missing = false;
    while (!Thread.currentThread().isInterrupted()) {
      try {
        Thread.sleep(every);
        Pair now = read();
        missing = false;
        boolean settled = now.equals(seen);
        seen = now;
        if (!settled || now.equals(judged)) {
          continue;
        }
        judged = now;
        context = context(now);
        log.info("new connections are offered the new certificate {}", files.certificate());
      } catch (IllegalArgumentException e) {
        log.error("the new certificate is not used, the one before stays: {}", e.getMessage());
      } catch (IOException e) {
        if (!missing) {
          missing = true;
          log.error("the certificate cannot be read, the one before stays: {}", e.getMessage());
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static SslContext context(Pair pair) {
    try {
      X509Certificate[] chain =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(pair.certificate.getBytes(US_ASCII)))
              .toArray(X509Certificate[]::new);
      if (chain.length == 0) {
        throw new IllegalArgumentException("no certificate in PEM");
      }
      chain[0].checkValidity();
      PrivateKey key = key(pair.key, chain[0].getPublicKey().getAlgorithm());
      checkMatch(key, chain[0]);
      return SslContextBuilder.forServer(key, chain)
          .sslProvider(SslProvider.JDK)
          .protocols("TLSv1.3", "TLSv1.2")
          .ciphers(Http2SecurityUtil.CIPHERS, SupportedCipherSuiteFilter.INSTANCE)
          .applicationProtocolConfig(
              new ApplicationProtocolConfig(
                  Protocol.ALPN,
                  SelectorFailureBehavior.NO_ADVERTISE,
                  SelectedListenerFailureBehavior.ACCEPT,
                  ApplicationProtocolNames.HTTP_2,
                  ApplicationProtocolNames.HTTP_1_1))
          .build();
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  private static PrivateKey key(String pem, String algorithm) throws GeneralSecurityException {
    Matcher found = KEY.matcher(pem);
    if (!found.find()) {
      throw new IllegalArgumentException("no private key in PKCS#8 PEM");
    }
    byte[] der = Base64.getMimeDecoder().decode(found.group(1));
    return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(der));
  }

  /** A key of another certificate would show only when somebody connects. */
  private static void checkMatch(PrivateKey key, X509Certificate certificate)
      throws GeneralSecurityException {
    Signature signature =
        Signature.getInstance(
            switch (key.getAlgorithm()) {
              case "RSA" -> "SHA256withRSA";
              case "EC" -> "SHA256withECDSA";
              default -> key.getAlgorithm();
            });
    byte[] something = certificate.getEncoded();
    signature.initSign(key);
    signature.update(something);
    byte[] signed = signature.sign();
    signature.initVerify(certificate.getPublicKey());
    signature.update(something);
    if (!signature.verify(signed)) {
      throw new IllegalArgumentException("the key is not the certificate's");
    }
  }

  @Override
  public void close() {
    looking.interrupt();
  }
}
