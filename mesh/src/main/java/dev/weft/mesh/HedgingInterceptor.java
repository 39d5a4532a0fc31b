package dev.weft.mesh;

import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Sends a call a second time when its answer takes longer than {@link CallPolicy#hedgeAfter}, takes
 * the answer that comes first and cancels the other call: for the few calls that meet an instance
 * which is slow at the moment. Only unary calls without side effects whose policy asks for it, one
 * of twenty at most, and each out of the budget that retries have (gRFC A6).
 *
 * <p>A call that failed waits for the other one, if there is another; a refusal does not. While
 * this process serves a call that was itself sent before, it hedges none, so hops do not multiply.
 *
 * <p>Belongs inside the retries, to which both calls are one attempt. Thread-safe.
 */
final class HedgingInterceptor implements ClientInterceptor {
  /** What one call adds to the hedges that may be sent. */
  static final double PER_CALL = 0.05;

  /** A burst of calls saves up no more than this. */
  static final double SAVED_MAX = 5;

  private static final Context.Key<Boolean> SENT_BEFORE = Context.key("weft-sent-before");

  private final RetryBudget hedges;
  private final RetryBudget retries;
  private final Timer timer;

  /**
   * @param hedges how many there may be
   * @param retries whose budget they share
   */
  HedgingInterceptor(RetryBudget hedges, RetryBudget retries, Timer timer) {
    this.hedges = hedges;
    this.retries = retries;
    this.timer = timer;
  }

  /** The context of a served call that was sent before. */
  static Context ofRepeatedCall(Context context) {
    return context.withValue(SENT_BEFORE, true);
  }

  @Override
  public <Q, P> ClientCall<Q, P> interceptCall(
      MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
    Duration after = OutboundStack.policy(method, options).hedgeAfter().orElse(null);
    return after == null
            || !method.isSafe()
            || method.getType() != MethodDescriptor.MethodType.UNARY
            || SENT_BEFORE.get() != null
        ? next.newCall(method, options)
        : new HedgedCall<>(method, options, next, after);
  }

  /** Used as {@link ResilientUnaryInterceptor} uses a call: one message, then its end. */
  private final class HedgedCall<Q, P> extends ClientCall<Q, P> {
    private final MethodDescriptor<Q, P> method;
    private final CallOptions options;
    private final Channel next;
    private final Duration after;

    /** The second call starts on another thread, where neither would be found. */
    private final Context context = Context.current();

    private final io.opentelemetry.context.Context trace =
        io.opentelemetry.context.Context.current();

    private @Nullable Listener<P> listener;
    private Metadata headers = new Metadata();
    private @Nullable Q request;
    private boolean compressed;

    // Guarded by this.
    private final List<Sent> running = new ArrayList<>(2);
    private @Nullable ScheduledFuture<?> clock;
    private @Nullable Status cancelled;
    private boolean over;

    HedgedCall(MethodDescriptor<Q, P> method, CallOptions options, Channel next, Duration after) {
      this.method = method;
      this.options = options;
      this.next = next;
      this.after = after;
    }

    @Override
    public void start(Listener<P> responseListener, Metadata callHeaders) {
      listener = responseListener;
      headers = callHeaders;
    }

    @Override
    public void request(int messages) {
      // There is one, and each call asks for it.
    }

    @Override
    public void sendMessage(Q message) {
      request = message;
    }

    @Override
    public void setMessageCompression(boolean enabled) {
      compressed = enabled;
    }

    @Override
    public synchronized Attributes getAttributes() {
      return running.isEmpty() ? Attributes.EMPTY : running.getFirst().call.getAttributes();
    }

    @Override
    public void halfClose() {
      hedges.call();
      send(copied());
      synchronized (this) {
        if (!over) {
          clock = timer.after(after.toNanos(), TimeUnit.NANOSECONDS, this::hedge);
        }
      }
    }

    private void hedge() {
      synchronized (this) {
        if (over || cancelled != null) {
          return;
        }
      }
      if (hedges.tryRetry() && retries.tryRetry()) {
        context.run(trace.wrap(() -> send(again())));
      }
    }

    /** Sending a call changes them. */
    private Metadata copied() {
      Metadata copy = new Metadata();
      copy.merge(headers);
      return copy;
    }

    private Metadata again() {
      Metadata again = copied();
      // What was sent before because it failed says so already.
      if (!again.containsKey(ResilientUnaryInterceptor.PREVIOUS_ATTEMPTS)) {
        again.put(ResilientUnaryInterceptor.PREVIOUS_ATTEMPTS, "1");
      }
      return again;
    }

    private void send(Metadata attemptHeaders) {
      Sent sent = new Sent(next.newCall(method, options));
      sent.call.start(sent, attemptHeaders);
      boolean useless;
      synchronized (this) {
        useless = over || cancelled != null;
        if (!sent.closed) {
          running.add(sent);
        }
      }
      if (useless) {
        sent.call.cancel("another call was answered first", null);
        return;
      }
      sent.call.setMessageCompression(compressed);
      // Two, as the stubs do: a second message shows a broken server at once.
      sent.call.request(2);
      sent.call.sendMessage(request);
      sent.call.halfClose();
    }

    @Override
    public void cancel(@Nullable String message, @Nullable Throwable cause) {
      Status end =
          Status.CANCELLED
              .withCause(cause)
              .withDescription(message == null ? "cancelled by the caller" : message);
      List<Sent> calls;
      synchronized (this) {
        if (over || cancelled != null) {
          return;
        }
        cancelled = end;
        calls = List.copyOf(running);
        over = calls.isEmpty();
        stopClock();
      }
      if (calls.isEmpty() && listener != null) {
        // Before it was sent: nobody else would tell the caller.
        listener.onClose(end, new Metadata());
      }
      calls.forEach(sent -> sent.call.cancel(message, cause));
    }

    private void stopClock() {
      if (clock != null) {
        clock.cancel(false);
      }
    }

    /** One of the two calls, and what it was answered. Heard of on the call's executor. */
    private final class Sent extends Listener<P> {
      private final ClientCall<Q, P> call;
      private final List<P> messages = new ArrayList<>(1);
      private @Nullable Metadata replyHeaders;

      /** Guarded by the hedged call. */
      private boolean closed;

      Sent(ClientCall<Q, P> call) {
        this.call = call;
      }

      @Override
      public void onHeaders(Metadata received) {
        replyHeaders = received;
      }

      @Override
      public void onMessage(P received) {
        messages.add(received);
      }

      @Override
      public void onClose(Status status, Metadata trailers) {
        List<Sent> others;
        synchronized (HedgedCall.this) {
          closed = true;
          running.remove(this);
          if (over || (isFailure(status) && !running.isEmpty())) {
            return;
          }
          over = true;
          stopClock();
          others = List.copyOf(running);
        }
        others.forEach(sent -> sent.call.cancel("another call was answered first", null));
        Listener<P> to = listener;
        if (to != null) {
          if (replyHeaders != null) {
            to.onHeaders(replyHeaders);
          }
          messages.forEach(to::onMessage);
          to.onClose(status, trailers);
        }
      }
    }
  }

  /** What another instance may not answer as well. */
  private static boolean isFailure(Status status) {
    return switch (status.getCode()) {
      case CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE -> true;
      case OK,
          INVALID_ARGUMENT,
          NOT_FOUND,
          ALREADY_EXISTS,
          PERMISSION_DENIED,
          FAILED_PRECONDITION,
          ABORTED,
          OUT_OF_RANGE,
          UNIMPLEMENTED,
          DATA_LOSS,
          UNAUTHENTICATED ->
          false;
    };
  }
}
