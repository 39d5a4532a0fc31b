package dev.weft.mesh;

import io.grpc.Status;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import javax.net.ssl.SSLException;

/**
 * What a connection that failed says of the certificates and the TLS of its two sides: in words,
 * and with a reason that a program can read, in place of the "io exception" of the transport.
 */
final class HandshakeFailure {
  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);
  private static final int CAUSES_MAX = 20;

  private HandshakeFailure() {}

  /**
   * The reason why {@code target} could not be reached, if that is it: one of {@link
   * PeerRefused.Reason}, HANDSHAKE_REFUSED or UPSTREAM_WITHOUT_TLS. A server of the mesh that is
   * called without TLS answers by itself (TLS_REQUIRED); another one only closes the connection, as
   * one that dies: that has none.
   */
  static Optional<Rejection> of(String target, Status status) {
    if (status.getCode() != Status.Code.UNAVAILABLE) {
      return Optional.empty();
    }
    Throwable cause = status.getCause();
    for (int i = 0; cause != null && i < CAUSES_MAX; i++, cause = cause.getCause()) {
      if (cause instanceof PeerRefused refused) {
        return rejection(
            refused.reason().name(), "not connected to " + target + ": " + refused.getMessage());
      }
      String message = String.valueOf(cause.getMessage());
      // By its name: the transport may be shaded or not.
      if (cause.getClass().getSimpleName().equals("NotSslRecordException")) {
        return rejection(
            "UPSTREAM_WITHOUT_TLS",
            target
                + " does not speak TLS: it is called without only if WEFT_PLAINTEXT_UPSTREAMS names"
                + " it");
      }
      if (cause instanceof SSLException && message.toLowerCase(Locale.ROOT).contains("alert")) {
        return rejection(
            "HANDSHAKE_REFUSED",
            target
                + " ends the handshake, mostly because of this service's certificate; its log says"
                + " why: "
                + message);
      }
    }
    return Optional.empty();
  }

  /** The same status in these words. */
  static Status status(Rejection rejection, Status status) {
    return Status.UNAVAILABLE.withDescription(rejection.getMessage()).withCause(status.getCause());
  }

  private static Optional<Rejection> rejection(String reason, String text) {
    return Optional.of(Rejection.unavailable(reason, text, RETRY_AFTER));
  }
}
