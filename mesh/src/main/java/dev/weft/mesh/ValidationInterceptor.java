package dev.weft.mesh;

import com.google.protobuf.Message;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.util.List;

/**
 * Refuses requests that break the rules beside their fields: INVALID_ARGUMENT with every field that
 * is wrong. Each message of a stream is checked.
 *
 * <p>Thread-safe.
 */
final class ValidationInterceptor implements ServerInterceptor {
  private final Validation validation;

  ValidationInterceptor(Validation validation) {
    this.validation = validation;
  }

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {
      private boolean refused;

      @Override
      public void onMessage(ReqT request) {
        if (refused) {
          return;
        }
        if (request instanceof Message message) {
          List<Rejection.FieldViolation> violations = validation.check(message);
          if (!violations.isEmpty()) {
            refused = true;
            throw Rejection.invalid(violations);
          }
        }
        super.onMessage(request);
      }

      @Override
      public void onHalfClose() {
        // The service never saw the message and would answer for its absence.
        if (!refused) {
          super.onHalfClose();
        }
      }
    };
  }
}
