package dev.weft.mesh;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors.CheckedForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Lets no more unary calls of a method be under way to one target than {@link
 * CallPolicy#inFlightMax}, their retries included: one that hangs takes its own room of this
 * process and of the target, and no other's. One more is refused at once, RESOURCE_EXHAUSTED with
 * the reason UPSTREAM_BUSY, 503 at the edge. It was not sent, so no circuit counts it and no layer
 * repeats it.
 *
 * <p>Streaming calls pass through untouched. Thread-safe.
 */
final class BulkheadInterceptor implements ClientInterceptor {
  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  private final String target;
  private final Map<String, AtomicInteger> inFlight = new ConcurrentHashMap<>();

  BulkheadInterceptor(String target) {
    this.target = target;
  }

  @Override
  public <Q, P> ClientCall<Q, P> interceptCall(
      MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
    ClientCall<Q, P> call = next.newCall(method, options);
    int max = OutboundStack.policy(method, options).inFlightMax();
    return method.getType() != MethodDescriptor.MethodType.UNARY || max == CallPolicy.UNBOUNDED
        ? call
        : new Bounded<>(call, method.getFullMethodName(), max);
  }

  /**
   * The calls of a method that are under way; many methods share the last count, as circuits do.
   */
  private AtomicInteger underWay(String method) {
    AtomicInteger known = inFlight.get(method);
    if (known != null) {
      return known;
    }
    String name = inFlight.size() < Circuits.METHODS_MAX ? method : Circuits.OTHERS;
    return inFlight.computeIfAbsent(name, _ -> new AtomicInteger());
  }

  /** How many calls of a method are under way that it counts. */
  int inFlight(String method) {
    AtomicInteger calls = inFlight.get(method);
    return calls == null ? 0 : calls.get();
  }

  private StatusRuntimeException refusal(String method, int max) {
    Rejection refusal =
        Rejection.tooMany(
                "UPSTREAM_BUSY",
                max + " calls of " + method + " of " + target + " are under way already",
                RETRY_AFTER)
            .with("http_status", "503");
    return Status.RESOURCE_EXHAUSTED
        .withDescription(refusal.getMessage())
        .asRuntimeException(ErrorDetails.trailers("mesh", refusal));
  }

  private final class Bounded<Q, P> extends CheckedForwardingClientCall<Q, P> {
    private final String method;
    private final int max;

    Bounded(ClientCall<Q, P> call, String method, int max) {
      super(call);
      this.method = method;
      this.max = max;
    }

    /** What is thrown here becomes the call's end. */
    @Override
    protected void checkedStart(Listener<P> listener, Metadata headers) {
      AtomicInteger calls = underWay(method);
      if (calls.incrementAndGet() > max) {
        calls.decrementAndGet();
        throw refusal(method, max);
      }
      try {
        delegate()
            .start(
                new SimpleForwardingClientCallListener<>(listener) {
                  @Override
                  public void onClose(Status status, Metadata trailers) {
                    calls.decrementAndGet();
                    super.onClose(status, trailers);
                  }
                },
                headers);
      } catch (RuntimeException | Error e) {
        calls.decrementAndGet();
        throw e;
      }
    }
  }
}
