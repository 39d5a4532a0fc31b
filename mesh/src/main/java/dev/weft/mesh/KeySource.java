package dev.weft.mesh;

/**
 * Where the keys and the revocations of user tokens come from. There are two: the issuing service
 * over the mesh, for everybody, and the issuing service's own, for itself.
 *
 * <p>Implementations are thread-safe.
 */
public interface KeySource {
  /**
   * The issuer's public keys now, as a JWK set (RFC 7517) in JSON. Keys that are not EC P-256 with
   * a {@code kid} are left aside. May block; called rarely, by the keys' age and on unknown key
   * ids. Any exception means that the keys cannot be had now and that the known ones stay.
   */
  String jwks();

  /**
   * Tells {@code listener} first the revocations that can still matter, then that it has caught up,
   * then each new revocation as it happens, until closed. Recovers by itself from a lost
   * connection.
   */
  Watch watchRevocations(RevocationListener listener);

  /** Hears of revocations. Never called concurrently by one watch. */
  interface RevocationListener {
    /** These tokens are refused from now on. May come more than once. */
    void revoked(Revocation revocation);

    /**
     * All revocations made before the watch began have been told. May come again after a reconnect.
     */
    void caughtUp();
  }

  /** A running watch; closing it ends the calls to its listener. */
  interface Watch extends AutoCloseable {
    @Override
    void close();
  }
}
