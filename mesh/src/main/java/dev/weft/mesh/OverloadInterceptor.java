package dev.weft.mesh;

import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Deadline;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.Meter;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/**
 * Refuses calls that the server has no room for, see {@link Admission}, those that matter least
 * first, and before any work for them: RESOURCE_EXHAUSTED with the reason OVERLOADED, 503 at the
 * edge. The caller may try once more after some tens of milliseconds, as another instance may have
 * room; but not if it did so before, nor while more than a tenth is refused ({@code
 * grpc-retry-pushback-ms: -1}, gRFC A6).
 *
 * <p>Work begins when the request is whole, so a request that comes slowly takes no place. A call
 * whose deadline has passed by then is answered DEADLINE_EXCEEDED, and one that was cancelled is
 * dropped; no work begins for either. A place is given back when the call was answered, or was
 * cancelled and its code has returned.
 *
 * <p>A stream is refused like a call when it begins, and takes no place: nobody knows how long it
 * lasts, and mostly it waits. Services of {@code weft.identity} are always served: they are few
 * calls, and without them nobody is let in anywhere.
 *
 * <p>Belongs behind whatever finds out who calls, and inside the interceptor that answers for a
 * {@link Rejection}. Thread-safe.
 */
final class OverloadInterceptor implements ServerInterceptor {
  private static final String ALWAYS_SERVED = "weft.identity.";
  private static final AttributeKey<String> CRITICALITY = AttributeKey.stringKey("criticality");
  private static final int PUSHBACK_MILLIS_MIN = 20;
  private static final int PUSHBACK_MILLIS_MAX = 100;

  private final String service;
  private final Admission admission;
  private final LongSupplier nanoTime;
  private final LongAdder expired = new LongAdder();

  /** Methods of this server, so as many as it has. */
  private final Map<MethodDescriptor<?, ?>, Known> known = new ConcurrentHashMap<>();

  private record Known(Criticality stated, boolean alwaysServed, Admission.Pace pace) {
    static Known of(MethodDescriptor<?, ?> method) {
      String service = method.getServiceName();
      return new Known(
          Criticality.of(method),
          service != null && service.startsWith(ALWAYS_SERVED),
          new Admission.Pace());
    }
  }

  OverloadInterceptor(String service, Admission admission, LongSupplier nanoTime, Meter meter) {
    this.service = service;
    this.admission = admission;
    this.nanoTime = nanoTime;
    measure(meter);
  }

  private void measure(Meter meter) {
    meter
        .gaugeBuilder("weft.rpc.server.limit")
        .setUnit("{call}")
        .setDescription("How many unary calls may be worked on at once, as found out.")
        .buildWithCallback(out -> out.record(admission.limit()));
    meter
        .gaugeBuilder("weft.rpc.server.in_flight")
        .ofLongs()
        .setUnit("{call}")
        .setDescription("Unary calls that are worked on.")
        .buildWithCallback(
            out -> {
              for (Criticality kind : Criticality.values()) {
                out.record(admission.inFlight(kind), attributes(kind));
              }
            });
    meter
        .counterBuilder("weft.rpc.server.shed")
        .setUnit("{call}")
        .setDescription("Calls and streams that were refused because there was too much to do.")
        .buildWithCallback(
            out -> {
              for (Criticality kind : Criticality.values()) {
                out.record(admission.shed(kind), attributes(kind));
              }
            });
    meter
        .counterBuilder("weft.rpc.server.expired")
        .setUnit("{call}")
        .setDescription("Calls that were not begun because their deadline had passed.")
        .buildWithCallback(out -> out.record(expired.sum()));
  }

  private static Attributes attributes(Criticality kind) {
    return Attributes.of(CRITICALITY, kind.toString());
  }

  @Override
  public <Q, P> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
    Known method = known(call.getMethodDescriptor());
    if (method.alwaysServed) {
      return next.startCall(call, headers);
    }
    Criticality kind = method.stated.of(headers, isTrusted(call));
    boolean again = headers.containsKey(ResilientUnaryInterceptor.PREVIOUS_ATTEMPTS);
    // Mostly all is decided here, before the request is read.
    if (admission.refuses(kind)) {
      throw refusal(again);
    }
    if (call.getMethodDescriptor().getType() != MethodDescriptor.MethodType.UNARY) {
      return Contexts.interceptCall(kind.in(Context.current()), call, headers, next);
    }
    Work<Q, P> work = new Work<>(call, kind, method.pace);
    return new Begin<>(next.startCall(work, headers), work, again);
  }

  private Known known(MethodDescriptor<?, ?> method) {
    // Which does not lock.
    Known before = known.get(method);
    return before == null ? known.computeIfAbsent(method, Known::of) : before;
  }

  private static boolean isTrusted(ServerCall<?, ?> call) {
    return Caller.current().service().isPresent() || PeerFilter.peer(call).isPresent();
  }

  private Rejection refusal(boolean again) {
    long pushback =
        again || admission.deep()
            ? Rejection.NEVER_AGAIN
            : ThreadLocalRandom.current().nextLong(PUSHBACK_MILLIS_MIN, PUSHBACK_MILLIS_MAX);
    return Rejection.overloaded(service + " is at work on as much as it can do", pushback);
  }

  private static boolean isExpired(Context context) {
    Deadline deadline = context.getDeadline();
    return deadline != null && deadline.isExpired();
  }

  /** A call, and its place while there is work for it. */
  private final class Work<Q, P> extends SimpleForwardingServerCall<Q, P> {
    private final Criticality kind;
    private final Admission.Pace pace;

    // Guarded by this.
    private boolean running;
    private long began;

    Work(ServerCall<Q, P> call, Criticality kind, Admission.Pace pace) {
      super(call);
      this.kind = kind;
      this.pace = pace;
    }

    boolean begin() {
      if (!admission.enter(kind)) {
        return false;
      }
      synchronized (this) {
        running = true;
        began = nanoTime.getAsLong();
      }
      return true;
    }

    /**
     * Gives the place back, if it has one.
     *
     * @param telling whether its time tells how much the server has to do
     */
    void end(boolean telling) {
      long took;
      synchronized (this) {
        if (!running) {
          return;
        }
        running = false;
        took = nanoTime.getAsLong() - began;
      }
      if (telling) {
        admission.leave(kind, pace, took);
      } else {
        admission.leave(kind);
      }
    }

    @Override
    public void close(Status status, Metadata trailers) {
      // Refusals and failures may come sooner than any answer.
      end(status.isOk());
      super.close(status, trailers);
    }
  }

  /** Begins the work of a call when its request is whole. */
  private final class Begin<Q> extends SimpleForwardingServerCallListener<Q> {
    private final OverloadInterceptor.Work<Q, ?> work;
    private final boolean again;

    Begin(ServerCall.Listener<Q> service, Work<Q, ?> work, boolean again) {
      super(service);
      this.work = work;
      this.again = again;
    }

    @Override
    public void onHalfClose() {
      Context context = Context.current();
      if (isExpired(context)) {
        expired.increment();
        throw Status.DEADLINE_EXCEEDED
            .withDescription("the deadline had passed before the work was begun")
            .asRuntimeException();
      }
      if (context.isCancelled()) {
        return;
      }
      if (!work.begin()) {
        throw refusal(again);
      }
      Context own = work.kind.in(again ? HedgingInterceptor.ofRepeatedCall(context) : context);
      Context before = own.attach();
      try {
        super.onHalfClose();
      } catch (RuntimeException | Error e) {
        work.end(false);
        throw e;
      } finally {
        own.detach(before);
      }
    }

    @Override
    public void onCancel() {
      // After its code, which runs in this order. Who had no time left waited for long.
      work.end(isExpired(Context.current()));
      super.onCancel();
    }

    @Override
    public void onComplete() {
      work.end(false);
      super.onComplete();
    }
  }
}
