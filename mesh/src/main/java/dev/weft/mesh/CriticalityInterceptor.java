package dev.weft.mesh;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;

/**
 * Tells the called service how much the request matters that this thread serves. Outside of one it
 * says nothing, and the method's contract holds.
 *
 * <p>Thread-safe.
 */
final class CriticalityInterceptor implements ClientInterceptor {
  @Override
  public <Q, P> ClientCall<Q, P> interceptCall(
      MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
    Criticality current = Criticality.current();
    ClientCall<Q, P> call = next.newCall(method, options);
    return current == null
        ? call
        : new SimpleForwardingClientCall<>(call) {
          @Override
          public void start(Listener<P> listener, Metadata headers) {
            headers.discardAll(Criticality.HEADER);
            headers.put(Criticality.HEADER, current.toString());
            super.start(listener, headers);
          }
        };
  }
}
