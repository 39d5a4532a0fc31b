package dev.weft.prove;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.grpc.ChannelCredentials;
import io.grpc.ServerCredentials;
import io.grpc.TlsChannelCredentials;
import io.grpc.TlsServerCredentials;
import io.grpc.netty.shaded.io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What proves a service's name to the others: the registry, which has no ACLs, gives it to whoever
 * asks on this machine. Read by hand as in any other language. Whom it meets it believes: it is the
 * services that have to be careful. Thread-safe.
 */
public final class Certificate {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration LIMIT = Duration.ofSeconds(10);

  /** By whose and of which system: they are good for days, and faults may be about the registry. */
  private static final Map<Key, Certificate> KNOWN = new ConcurrentHashMap<>();

  /** Of RFC 5912: an elliptic curve's key, of P-256. */
  private static final byte[] ALGORITHM =
      HexFormat.of().parseHex("301306072a8648ce3d020106082a8648ce3d030107");

  private static final byte[] VERSION = {2, 1, 0};
  private static final int SEQUENCE = 0x30;
  private static final int OCTETS = 0x04;
  private static final int URI_NAME = 6;

  private final byte[] chain;
  private final byte[] key;

  /**
   * @param since when the system was started: a later one may have the same address, and roots of
   *     its own
   */
  private record Key(String address, long since) {}

  private Certificate(byte[] chain, byte[] key) {
    this.chain = chain;
    this.key = key;
  }

  /**
   * That of a service.
   *
   * @param system to whose registry it belongs
   */
  public static Certificate of(StateFolder system, String service) {
    String address = system.url("registry") + "/v1/agent/connect/ca/leaf/" + service;
    long since = system.state().at("/supervisor/startMillis").asLong();
    return KNOWN.computeIfAbsent(new Key(address, since), key -> read(key.address));
  }

  /** For connections of somebody who has none. */
  public static ChannelCredentials none() {
    return TlsChannelCredentials.newBuilder()
        .trustManager(InsecureTrustManagerFactory.INSTANCE.getTrustManagers())
        .build();
  }

  /** For connections to services, in the name of this one. */
  public ChannelCredentials calling() {
    try {
      return TlsChannelCredentials.newBuilder()
          .keyManager(stream(chain), stream(key))
          .trustManager(InsecureTrustManagerFactory.INSTANCE.getTrustManagers())
          .build();
    } catch (IOException e) {
      throw new ProofException("a certificate that cannot be used", e);
    }
  }

  /**
   * For a server that takes this service's place. Callers may come without one, as the registry's
   * probe does.
   */
  ServerCredentials serving() {
    try {
      return TlsServerCredentials.newBuilder()
          .keyManager(stream(chain), stream(key))
          .trustManager(InsecureTrustManagerFactory.INSTANCE.getTrustManagers())
          .clientAuth(TlsServerCredentials.ClientAuth.OPTIONAL)
          .build();
    } catch (IOException e) {
      throw new ProofException("a certificate that cannot be used", e);
    }
  }

  /** The service that a certificate is for: the end of its one name, a SPIFFE id. */
  static String service(X509Certificate certificate) {
    try {
      for (List<?> name : certificate.getSubjectAlternativeNames()) {
        if (name.get(0).equals(URI_NAME)) {
          String id = String.valueOf(name.get(1));
          return id.substring(id.lastIndexOf('/') + 1);
        }
      }
    } catch (CertificateParsingException e) {
      throw new ProofException("a certificate that cannot be read", e);
    }
    throw new ProofException("a certificate without a name");
  }

  private static Certificate read(String address) {
    try (HttpClient http = HttpClient.newHttpClient()) {
      HttpRequest request = HttpRequest.newBuilder(URI.create(address)).timeout(LIMIT).build();
      HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() != 200) {
        throw new ProofException("no certificate from " + address + ": " + answer.statusCode());
      }
      JsonNode leaf = JSON.readTree(answer.body());
      return new Certificate(
          leaf.path("CertPEM").asText().getBytes(StandardCharsets.US_ASCII),
          pkcs8(leaf.path("PrivateKeyPEM").asText()));
    } catch (IOException e) {
      throw new ProofException("no certificate from " + address, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }

  /**
   * Consul writes SEC 1, and Java reads PKCS #8, which is the same with the algorithm before it.
   */
  private static byte[] pkcs8(String sec1) {
    byte[] der = Base64.getMimeDecoder().decode(sec1.replaceAll("-----[A-Z ]+-----", ""));
    byte[] wrapped = element(SEQUENCE, VERSION, ALGORITHM, element(OCTETS, der));
    return ("-----BEGIN PRIVATE KEY-----\n"
            + Base64.getMimeEncoder().encodeToString(wrapped)
            + "\n-----END PRIVATE KEY-----\n")
        .getBytes(StandardCharsets.US_ASCII);
  }

  /** Of DER, of less than 256 bytes. */
  private static byte[] element(int tag, byte[]... parts) {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      content.writeBytes(part);
    }
    ByteArrayOutputStream element = new ByteArrayOutputStream();
    element.write(tag);
    if (content.size() >= 0x80) {
      element.write(0x81);
    }
    element.write(content.size());
    element.writeBytes(content.toByteArray());
    return element.toByteArray();
  }

  private static InputStream stream(byte[] bytes) {
    return new ByteArrayInputStream(bytes);
  }
}
