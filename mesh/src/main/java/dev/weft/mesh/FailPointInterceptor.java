package dev.weft.mesh;

import dev.weft.failpoint.FailPoint;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;

/**
 * The two moments around a service's code that a proof wants to crash at: {@code
 * rpc.Method.received}, when the request is whole and nothing was done, and {@code
 * rpc.Method.committed}, when all is done and the caller does not know. Unary methods only.
 */
final class FailPointInterceptor implements ServerInterceptor {
  private static final String PREFIX = "rpc.";

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    MethodDescriptor<ReqT, RespT> method = call.getMethodDescriptor();
    if (method.getType() != MethodDescriptor.MethodType.UNARY) {
      return next.startCall(call, headers);
    }
    String name = String.valueOf(method.getBareMethodName());
    var committing =
        new SimpleForwardingServerCall<ReqT, RespT>(call) {
          private boolean answered;

          @Override
          public void sendMessage(RespT message) {
            answered();
            super.sendMessage(message);
          }

          @Override
          public void close(Status status, Metadata trailers) {
            answered();
            super.close(status, trailers);
          }

          private void answered() {
            if (!answered) {
              answered = true;
              FailPoint.hit(PREFIX, name, ".committed");
            }
          }
        };
    return new SimpleForwardingServerCallListener<>(next.startCall(committing, headers)) {
      @Override
      public void onHalfClose() {
        FailPoint.hit(PREFIX, name, ".received");
        super.onHalfClose();
      }
    };
  }
}
