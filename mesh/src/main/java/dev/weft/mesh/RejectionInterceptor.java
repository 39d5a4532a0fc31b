package dev.weft.mesh;

import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.opentelemetry.api.trace.Span;
import java.sql.SQLException;
import java.sql.SQLTransientException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers for whatever a service throws, or hands to {@code onError}.
 *
 * <ul>
 *   <li>A {@link Rejection} anywhere among the causes: its status and details.
 *   <li>A database that cannot be reached or is too busy: UNAVAILABLE, DATABASE_UNAVAILABLE.
 *   <li>A row that others hold for too long: ABORTED, DATA_BUSY. The service is well, so circuits
 *       to it stay closed, whatever becomes of calls that want this row.
 *   <li>A status, which is what a failed call to another service throws: passed on with its details
 *       and no other trailer. UNKNOWN, INTERNAL and DATA_LOSS become INTERNAL without a message,
 *       and so do UNAUTHENTICATED and PERMISSION_DENIED of another service, which refused this
 *       service and not its caller.
 *   <li>Anything else: INTERNAL without a word of it, logged once with its stack, and an event of
 *       the call's span.
 * </ul>
 *
 * <p>A throw after the call was closed, or after its client went away, is only logged. The call
 * given to the service may be used by two threads at once, as happens when one throws while another
 * sends; what is sent after the end is dropped.
 *
 * <p>Thread-safe.
 */
final class RejectionInterceptor implements ServerInterceptor {
  private static final Logger log = LoggerFactory.getLogger(RejectionInterceptor.class);

  /** Tells callers when a retry may be of use; negative if never, as gRFC A6 has it. */
  static final Metadata.Key<String> PUSHBACK =
      Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);

  private static final Duration DATABASE_RETRY_AFTER = Duration.ofSeconds(1);
  private static final Duration BUSY_RETRY_AFTER = Duration.ofMillis(500);
  private static final int CAUSES_MAX = 20;

  private final String service;

  RejectionInterceptor(String service) {
    this.service = service;
  }

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    GuardedCall<ReqT, RespT> guarded = new GuardedCall<>(call);
    try {
      return new GuardedListener<>(next.startCall(guarded, headers), guarded);
    } catch (Throwable t) {
      guarded.fail(t);
      return new ServerCall.Listener<>() {};
    }
  }

  /** A status and its trailers, ready to close a call with. */
  private record Answer(Status status, Metadata trailers) {}

  private Answer answer(Throwable thrown, ServerCall<?, ?> call) {
    Throwable cause = thrown;
    for (int i = 0; cause != null && i < CAUSES_MAX; i++, cause = cause.getCause()) {
      switch (cause) {
        case Rejection rejection -> {
          return refused(rejection);
        }
        case SQLException e when contended(e) -> {
          log.warn("{}: others hold its data ({} {})", name(call), e.getSQLState(), e.getMessage());
          return refused(
              Rejection.conflict(
                  "DATA_BUSY", "others are changing the same at the moment", BUSY_RETRY_AFTER));
        }
        case SQLException e when unavailable(e) -> {
          log.warn(
              "{}: the database is not available ({} {})",
              name(call),
              e.getSQLState(),
              e.getMessage());
          return refused(
              Rejection.unavailable(
                  "DATABASE_UNAVAILABLE",
                  "the service cannot reach its data at the moment",
                  DATABASE_RETRY_AFTER));
        }
        case StatusRuntimeException e -> {
          return passedOn(e.getStatus(), e.getTrailers(), thrown, call);
        }
        case StatusException e -> {
          return passedOn(e.getStatus(), e.getTrailers(), thrown, call);
        }
        default -> {
          // Look further down.
        }
      }
    }
    return internal(thrown, call);
  }

  private Answer internal(Throwable thrown, ServerCall<?, ?> call) {
    if (call.isCancelled()) {
      log.debug("{} failed after its client went away", name(call), thrown);
    } else {
      log.error("{} failed", name(call), thrown);
      Span.fromContext(Spans.context()).recordException(thrown);
    }
    return bare(Status.INTERNAL, "internal error");
  }

  private Answer refused(Rejection rejection) {
    Metadata trailers = ErrorDetails.trailers(service, rejection);
    rejection
        .retryPushbackMillis()
        .ifPresent(millis -> trailers.put(PUSHBACK, Long.toString(millis)));
    return new Answer(
        rejection
            .code()
            .toStatus()
            .withDescription(ErrorDetails.shortened(rejection.text()))
            .withCause(rejection),
        trailers);
  }

  private Answer passedOn(
      Status status, @Nullable Metadata trailers, Throwable thrown, ServerCall<?, ?> call) {
    if (isNotForTheCaller(status, trailers)) {
      return internal(thrown, call);
    }
    String description = status.getDescription();
    Answer answer =
        bare(status.withCause(null), description == null ? status.getCode().name() : description);
    com.google.rpc.Status details = details(trailers);
    if (details != null) {
      answer.trailers.discardAll(ErrorDetails.KEY);
      answer.trailers.put(ErrorDetails.KEY, details);
    }
    if (status.getCode() == Status.Code.UNAVAILABLE) {
      // It was retried where it happened; more retries above would only multiply.
      answer.trailers.put(PUSHBACK, "-1");
    }
    return answer;
  }

  private boolean isNotForTheCaller(Status status, @Nullable Metadata trailers) {
    return switch (status.getCode()) {
      case OK, UNKNOWN, INTERNAL, DATA_LOSS -> true;
      case UNAUTHENTICATED, PERMISSION_DENIED -> {
        String domain = RemoteError.of(status, trailers).domain();
        yield !domain.isEmpty() && !domain.equals(ErrorDetails.domain(service));
      }
      default -> false;
    };
  }

  private Answer bare(Status status, String description) {
    return new Answer(
        status.withDescription(ErrorDetails.shortened(description)),
        ErrorDetails.trailers(service, status.getCode(), description));
  }

  private static com.google.rpc.@Nullable Status details(@Nullable Metadata trailers) {
    try {
      return trailers == null ? null : trailers.get(ErrorDetails.KEY);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** A lock that was waited for in vain, and conflicts that outlived their retries. */
  private static boolean contended(SQLException e) {
    return switch (e.getSQLState()) {
      case "55P03", "40001", "40P01" -> true;
      case null, default -> false;
    };
  }

  /**
   * Whether waiting may help: connections (08, 57P), resources (53), time-outs (57014), other
   * conflicts (40), and a pool with nothing left.
   */
  private static boolean unavailable(SQLException e) {
    if (e instanceof SQLTransientException) {
      return true;
    }
    String state = e.getSQLState();
    return state != null
        && (state.startsWith("08")
            || state.startsWith("40")
            || state.startsWith("53")
            || state.startsWith("57P")
            || state.equals("57014"));
  }

  private static String name(ServerCall<?, ?> call) {
    return call.getMethodDescriptor().getFullMethodName();
  }

  /** A call that can be closed by an error while the service still uses it. */
  private final class GuardedCall<ReqT, RespT> extends SimpleForwardingServerCall<ReqT, RespT> {
    private boolean closed;

    GuardedCall(ServerCall<ReqT, RespT> delegate) {
      super(delegate);
    }

    @Override
    public synchronized void sendHeaders(Metadata headers) {
      if (!closed) {
        super.sendHeaders(headers);
      }
    }

    @Override
    public synchronized void sendMessage(RespT message) {
      if (!closed) {
        super.sendMessage(message);
      }
    }

    @Override
    public synchronized boolean isReady() {
      return !closed && super.isReady();
    }

    @Override
    public synchronized void close(Status status, Metadata trailers) {
      if (closed) {
        return;
      }
      if (status.isOk()) {
        end(status, trailers);
        return;
      }
      Throwable cause = status.getCause();
      // UNKNOWN with a cause is what onError makes of a throwable that is no status.
      Answer answer =
          status.getCode() == Status.Code.UNKNOWN && cause != null
              ? answer(cause, delegate())
              : passedOn(status, trailers, status.asException(trailers), delegate());
      end(answer.status, answer.trailers);
    }

    /** Ends the call with what is told of a throwable; only logs it when the call has ended. */
    void fail(Throwable thrown) {
      synchronized (this) {
        if (!closed) {
          Answer answer = answer(thrown, delegate());
          end(answer.status, answer.trailers);
          return;
        }
      }
      log.warn("{} failed after it had answered", name(delegate()), thrown);
    }

    private void end(Status status, Metadata trailers) {
      closed = true;
      super.close(status, trailers);
    }
  }

  private static final class GuardedListener<ReqT>
      extends SimpleForwardingServerCallListener<ReqT> {
    private final RejectionInterceptor.GuardedCall<ReqT, ?> call;

    GuardedListener(ServerCall.Listener<ReqT> delegate, GuardedCall<ReqT, ?> call) {
      super(delegate);
      this.call = call;
    }

    @Override
    public void onMessage(ReqT message) {
      guarded(() -> super.onMessage(message));
    }

    @Override
    public void onHalfClose() {
      guarded(super::onHalfClose);
    }

    @Override
    public void onReady() {
      guarded(super::onReady);
    }

    @Override
    public void onCancel() {
      guarded(super::onCancel);
    }

    @Override
    public void onComplete() {
      guarded(super::onComplete);
    }

    private void guarded(Runnable callback) {
      try {
        callback.run();
      } catch (Throwable t) {
        call.fail(t);
      }
    }
  }
}
