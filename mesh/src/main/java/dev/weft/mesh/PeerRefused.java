package dev.weft.mesh;

import java.security.cert.CertificateException;

/** The other end of a connection is not who it has to be. */
final class PeerRefused extends CertificateException {
  private static final long serialVersionUID = 1L;

  /** What is wrong, as callers read it in ErrorInfo. */
  enum Reason {
    /** This process has no roots to trust yet. */
    NO_ROOTS,
    /** Signed by nobody whom the registry names. */
    CERTIFICATE_NOT_TRUSTED,
    CERTIFICATE_EXPIRED,
    /** Not one name of the form that Consul writes. */
    CERTIFICATE_WITHOUT_SERVICE,
    WRONG_TRUST_DOMAIN,
    WRONG_SERVICE
  }

  private final Reason reason;

  PeerRefused(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  PeerRefused(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  Reason reason() {
    return reason;
  }
}
