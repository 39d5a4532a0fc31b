package dev.weft.mesh;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors.CheckedForwardingClientCall;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Does to calls what {@link FaultRules} say: ends some with a status instead of sending them, and
 * sends some unary ones later. Inside the retries, so that each attempt draws anew and callers meet
 * what they would if the service did it. No circuit counts an abort: it says FAULT_INJECTED of the
 * mesh, and was not sent.
 *
 * <p>Thread-safe.
 */
final class FaultInterceptor implements ClientInterceptor {
  private final String target;
  private final FaultRules rules;
  private final Timer timer;
  private final IntSupplier draw;

  /**
   * @param draw a number from 0 to 99, each as likely as the others
   */
  FaultInterceptor(String target, FaultRules rules, Timer timer, IntSupplier draw) {
    this.target = target;
    this.rules = rules;
    this.timer = timer;
    this.draw = draw;
  }

  @Override
  public <Q, P> ClientCall<Q, P> interceptCall(
      MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
    ClientCall<Q, P> call = next.newCall(method, options);
    Faults faults = rules.of(target);
    if (faults.delay().isPresent() && method.getType() == MethodDescriptor.MethodType.UNARY) {
      call = new Delayed<>(call, faults, faults.delay().get());
    }
    return faults.abort().isPresent() ? new Aborted<>(call, faults, faults.abort().get()) : call;
  }

  private final class Aborted<Q, P> extends CheckedForwardingClientCall<Q, P> {
    private final Faults faults;
    private final Faults.Abort abort;

    Aborted(ClientCall<Q, P> call, Faults faults, Faults.Abort abort) {
      super(call);
      this.faults = faults;
      this.abort = abort;
    }

    /** What is thrown here becomes the call's end. */
    @Override
    protected void checkedStart(Listener<P> listener, Metadata headers) {
      if (faults.matches(headers) && draw.getAsInt() < abort.percent()) {
        String text = "this fault was injected into a call of " + target;
        throw abort
            .code()
            .toStatus()
            .withDescription(text)
            .asRuntimeException(
                ErrorDetails.trailers("mesh", abort.code(), "FAULT_INJECTED", text));
      }
      delegate().start(listener, headers);
    }
  }

  /** Only its end is late, and no server begins a unary call before that. */
  private final class Delayed<Q, P> extends SimpleForwardingClientCall<Q, P> {
    private final Faults faults;
    private final Faults.Delay delay;
    private boolean late;

    /** Guarded by this. */
    private boolean cancelled;

    Delayed(ClientCall<Q, P> call, Faults faults, Faults.Delay delay) {
      super(call);
      this.faults = faults;
      this.delay = delay;
    }

    @Override
    public void start(Listener<P> listener, Metadata headers) {
      late = faults.matches(headers) && draw.getAsInt() < delay.percent();
      super.start(listener, headers);
    }

    @Override
    public void halfClose() {
      if (late) {
        var _ = timer.after(delay.by().toMillis(), TimeUnit.MILLISECONDS, this::end);
      } else {
        super.halfClose();
      }
    }

    private synchronized void end() {
      if (!cancelled) {
        super.halfClose();
      }
    }

    @Override
    public synchronized void cancel(@Nullable String message, @Nullable Throwable cause) {
      cancelled = true;
      super.cancel(message, cause);
    }
  }
}
