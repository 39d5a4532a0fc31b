package dev.weft.mesh;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;

/**
 * Sends this service's token with every call to one target, if that is a service of ours. On every
 * call, because the other side also wants to know who calls where it does not have to.
 */
final class Credentials implements ClientInterceptor {
  private final ServiceTokens tokens;
  private final String target;

  Credentials(ServiceTokens tokens, String target) {
    this.tokens = tokens;
    this.target = target;
  }

  @Override
  public <Q, P> ClientCall<Q, P> interceptCall(
      MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
    return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
      @Override
      public void start(Listener<P> listener, Metadata headers) {
        headers.discardAll(ServiceTokens.HEADER);
        tokens.tokenFor(target).ifPresent(token -> headers.put(ServiceTokens.HEADER, token));
        super.start(listener, headers);
      }
    };
  }
}
