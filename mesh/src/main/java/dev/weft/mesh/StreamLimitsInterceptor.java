package dev.weft.mesh;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Ends streams that say nothing for too long or have become too old, as the contract has it. The
 * age varies by 10 %, so that streams that began together do not come back together.
 *
 * <p>The caller gets UNAVAILABLE with the reason STREAM_IDLE or STREAM_TOO_OLD and opens the stream
 * anew, from where it was. For one that cannot be opened because of certificates it says why.
 *
 * <p>Unary calls pass through untouched. Thread-safe.
 */
final class StreamLimitsInterceptor implements ClientInterceptor {
  private final String target;
  private final Timer timer;
  private final LongSupplier nanoTime;

  StreamLimitsInterceptor(String target, Timer timer, LongSupplier nanoTime) {
    this.target = target;
    this.timer = timer;
    this.nanoTime = nanoTime;
  }

  @Override
  public <ReqT, RespT> ClientCall<ReqT, RespT> interceptCall(
      MethodDescriptor<ReqT, RespT> method, CallOptions options, Channel next) {
    ClientCall<ReqT, RespT> call = next.newCall(method, options);
    if (method.getType() == MethodDescriptor.MethodType.UNARY) {
      return call;
    }
    return new LimitedCall<>(call, OutboundStack.policy(method, options));
  }

  private final class LimitedCall<ReqT, RespT> extends SimpleForwardingClientCall<ReqT, RespT> {
    private final CallPolicy policy;
    private volatile long lastSeen;
    private volatile @Nullable Rejection ended;

    // Guarded by this; null again once the stream has ended.
    private @Nullable ScheduledFuture<?> idle;
    private @Nullable ScheduledFuture<?> age;
    private boolean over;

    LimitedCall(ClientCall<ReqT, RespT> delegate, CallPolicy policy) {
      super(delegate);
      this.policy = policy;
    }

    @Override
    public void start(Listener<RespT> listener, Metadata headers) {
      lastSeen = nanoTime.getAsLong();
      super.start(
          new SimpleForwardingClientCallListener<>(listener) {
            @Override
            public void onHeaders(Metadata received) {
              lastSeen = nanoTime.getAsLong();
              super.onHeaders(received);
            }

            @Override
            public void onMessage(RespT message) {
              lastSeen = nanoTime.getAsLong();
              super.onMessage(message);
            }

            @Override
            public void onClose(Status status, Metadata trailers) {
              stopTimers();
              Rejection reason = ended;
              if (reason != null && status.getCode() == Status.Code.CANCELLED) {
                super.onClose(
                    Status.UNAVAILABLE.withDescription(reason.getMessage()),
                    ErrorDetails.trailers("mesh", reason));
              } else {
                Optional<Rejection> handshake = HandshakeFailure.of(target, status);
                super.onClose(
                    handshake.map(r -> HandshakeFailure.status(r, status)).orElse(status),
                    handshake.map(r -> ErrorDetails.trailers("mesh", r)).orElse(trailers));
              }
            }
          },
          headers);
      long millis = policy.streamMaxAge().toMillis();
      long varied = (long) (millis * ThreadLocalRandom.current().nextDouble(0.9, 1.1));
      synchronized (this) {
        if (!over) {
          age = timer.after(varied, TimeUnit.MILLISECONDS, () -> end("STREAM_TOO_OLD", "too old"));
          idle = watchIdle(policy.streamIdle());
        }
      }
    }

    @Override
    public void sendMessage(ReqT message) {
      lastSeen = nanoTime.getAsLong();
      super.sendMessage(message);
    }

    private ScheduledFuture<?> watchIdle(Duration left) {
      return timer.after(left.toNanos(), TimeUnit.NANOSECONDS, this::checkIdle);
    }

    private void checkIdle() {
      Duration left = policy.streamIdle().minusNanos(nanoTime.getAsLong() - lastSeen);
      if (!left.isPositive()) {
        end("STREAM_IDLE", "idle for " + policy.streamIdle().toMillis() + " ms");
        return;
      }
      synchronized (this) {
        if (!over) {
          idle = watchIdle(left);
        }
      }
    }

    private void end(String reason, String why) {
      String text = "the stream is " + why + ": open it again";
      ended = Rejection.unavailable(reason, text, Duration.ofMillis(1));
      cancel(text, null);
    }

    private synchronized void stopTimers() {
      over = true;
      if (age != null) {
        age.cancel(false);
      }
      if (idle != null) {
        idle.cancel(false);
      }
    }
  }
}
