package dev.weft.mesh;

import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Knows the streams that are open on a server, to end them when it drains: their clients resume on
 * another instance. A stream that comes later is ended at once.
 *
 * <p>Thread-safe.
 */
final class StreamDrain implements ServerInterceptor {
  private final Rejection draining =
      Rejection.unavailable(
          "SERVER_DRAINING",
          "the instance is stopping: open the stream again",
          Duration.ofMillis(1));
  private final Set<ServerCall<?, ?>> open = ConcurrentHashMap.newKeySet();
  private volatile boolean drained;

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    if (call.getMethodDescriptor().getType() == MethodDescriptor.MethodType.UNARY) {
      return next.startCall(call, headers);
    }
    ServerCall.Listener<ReqT> listener = next.startCall(call, headers);
    open.add(call);
    if (drained) {
      end(call);
    }
    return new SimpleForwardingServerCallListener<>(listener) {
      @Override
      public void onComplete() {
        open.remove(call);
        super.onComplete();
      }

      @Override
      public void onCancel() {
        open.remove(call);
        super.onCancel();
      }
    };
  }

  /** Ends all streams. */
  void drain() {
    drained = true;
    open.forEach(this::end);
  }

  private void end(ServerCall<?, ?> call) {
    // UNKNOWN with a cause is what the layer of errors translates, as after onError.
    call.close(Status.UNKNOWN.withCause(draining), new Metadata());
  }
}
