package dev.weft.consul;

import java.security.cert.X509Certificate;
import java.util.List;

/**
 * One root of the Connect CA.
 *
 * @param id the SHA-1 fingerprint of its certificate, as Consul writes it
 * @param intermediates what leafs of this root need between them and an older root; empty until
 *     this root replaced another
 * @param active whether it signs now; another one is trusted only as long as its leafs may live
 */
public record CaRoot(
    String id,
    String name,
    X509Certificate certificate,
    List<X509Certificate> intermediates,
    boolean active) {
  public CaRoot {
    intermediates = List.copyOf(intermediates);
  }
}
