package dev.weft.mesh;

import java.net.Socket;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * Believes certificates of the mesh: of one service when this process calls it, of any when it is
 * called. The names of hosts mean nothing to it: Connect's certificates have none.
 *
 * <p>Thread-safe.
 */
final class PeerTrust extends X509ExtendedTrustManager {
  private static final X509Certificate[] ANY_ISSUER = {};

  private final MeshIdentity identity;
  private final Optional<String> expected;

  private PeerTrust(MeshIdentity identity, Optional<String> expected) {
    this.identity = identity;
    this.expected = expected;
  }

  /** Believes this service. */
  static PeerTrust ofServer(MeshIdentity identity, String service) {
    return new PeerTrust(identity, Optional.of(service));
  }

  /** Believes every service of the mesh. */
  static PeerTrust ofClients(MeshIdentity identity) {
    return new PeerTrust(identity, Optional.empty());
  }

  private void check(X509Certificate[] chain, MeshIdentity.Role role) throws PeerRefused {
    try {
      SpiffeId id = identity.admit(List.of(chain), role);
      if (expected.isPresent() && !id.isService(expected.get())) {
        throw new PeerRefused(
            PeerRefused.Reason.WRONG_SERVICE,
            "the certificate is " + id.service() + "'s (expected: " + expected.get() + ")");
      }
    } catch (PeerRefused e) {
      identity.refused(role == MeshIdentity.Role.SERVER ? "server" : "client", e);
      throw e;
    }
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws PeerRefused {
    check(chain, MeshIdentity.Role.CLIENT);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws PeerRefused {
    check(chain, MeshIdentity.Role.SERVER);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws PeerRefused {
    check(chain, MeshIdentity.Role.CLIENT);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws PeerRefused {
    check(chain, MeshIdentity.Role.SERVER);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType) throws PeerRefused {
    check(chain, MeshIdentity.Role.CLIENT);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType) throws PeerRefused {
    check(chain, MeshIdentity.Role.SERVER);
  }

  /** None: roots come and go, and clients would hold back what they think is not wanted. */
  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return ANY_ISSUER.clone();
  }
}
