package dev.weft.mesh;

import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;

/**
 * Lets in calls of services that proved their names by their certificates, and no others:
 * UNAUTHENTICATED with the reason CERTIFICATE_MISSING, or TLS_REQUIRED where they come in plain
 * text. Belongs inside the interceptor that answers for a {@link Rejection}.
 */
final class PeerInterceptor implements ServerInterceptor {
  private final String service;

  PeerInterceptor(String service) {
    this.service = service;
  }

  @Override
  public <Q, P> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
    if (call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION) == null) {
      throw Rejection.unauthenticated(
          "TLS_REQUIRED",
          service
              + " is called over TLS only: a service of the mesh does so without WEFT_TLS=off, and"
              + " for tools ./weft cert writes a certificate");
    }
    if (PeerFilter.peer(call).isEmpty()) {
      throw Rejection.unauthenticated(
          "CERTIFICATE_MISSING", service + " is called with a certificate of the mesh only");
    }
    return next.startCall(call, headers);
  }
}
