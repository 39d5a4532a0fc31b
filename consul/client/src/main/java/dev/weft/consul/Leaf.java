package dev.weft.consul;

import java.net.URI;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;

/**
 * The identity of a service: a certificate of the Connect CA with its private key.
 *
 * @param uri its SPIFFE id, {@code spiffe://TRUST-DOMAIN/ns/default/dc/dc1/svc/order-svc}; the only
 *     subject alternative name of the certificate
 * @param chain the certificate itself, then what lies between it and an older root: to be presented
 *     whole, because a peer may not know the newest root yet
 * @param key never printed
 */
public record Leaf(String service, URI uri, List<X509Certificate> chain, PrivateKey key) {
  public Leaf {
    chain = List.copyOf(chain);
    if (chain.isEmpty()) {
      throw new IllegalArgumentException("chain: empty (expected: the certificate first)");
    }
  }

  /** The certificate itself. */
  public X509Certificate certificate() {
    return chain.getFirst();
  }

  /** When the certificate begins to count. */
  public Instant validAfter() {
    return certificate().getNotBefore().toInstant();
  }

  /** When the certificate ends; the agent has a new one long before. */
  public Instant validBefore() {
    return certificate().getNotAfter().toInstant();
  }

  /** The whole chain as PEM, the certificate first. */
  public String chainPem() {
    return Pem.text(chain);
  }

  /** The private key as PEM of PKCS #8, which every tool reads. Keep it to its owner. */
  public String keyPem() {
    return Pem.text(key);
  }

  @Override
  public String toString() {
    return "Leaf[uri=" + uri + ", validBefore=" + validBefore() + ", key=***]";
  }
}
