package dev.weft.mesh;

import io.grpc.Attributes;
import io.grpc.Grpc;
import io.grpc.ServerCall;
import io.grpc.ServerTransportFilter;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * Finds out once for each connection which service is at its other end, by its certificate.
 *
 * <p>Thread-safe.
 */
final class PeerFilter extends ServerTransportFilter {
  /** Of a connection: who is at its other end. */
  static final Attributes.Key<SpiffeId> PEER = Attributes.Key.create("weft-peer");

  private final MeshIdentity identity;

  PeerFilter(MeshIdentity identity) {
    this.identity = identity;
  }

  /** The service that is at the other end of the call's connection, if it proved its name. */
  static Optional<SpiffeId> peer(ServerCall<?, ?> call) {
    return Optional.ofNullable(call.getAttributes().get(PEER));
  }

  @Override
  public Attributes transportReady(Attributes attributes) {
    SSLSession session = attributes.get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
    SpiffeId peer = session == null ? null : peer(session);
    return peer == null ? attributes : attributes.toBuilder().set(PEER, peer).build();
  }

  private @Nullable SpiffeId peer(SSLSession session) {
    List<X509Certificate> chain;
    try {
      chain =
          Stream.of(session.getPeerCertificates())
              .filter(X509Certificate.class::isInstance)
              .map(X509Certificate.class::cast)
              .toList();
    } catch (SSLPeerUnverifiedException e) {
      // None was presented.
      return null;
    }
    try {
      // Again: a session that is resumed has not been before the trust manager.
      return chain.isEmpty() ? null : identity.admit(chain, MeshIdentity.Role.CLIENT);
    } catch (PeerRefused e) {
      identity.refused("client", e);
      return null;
    }
  }
}
