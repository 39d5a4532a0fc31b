package dev.weft.mesh;

import com.google.protobuf.ByteString;
import dev.failsafe.CircuitBreakerOpenException;
import dev.failsafe.Failsafe;
import dev.failsafe.RetryPolicy;
import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientStreamTracer;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs every unary call to one target service through its method's circuit breaker, and retries the
 * calls that the {@code .proto} declares repeatable with {@code idempotency_level}: once, or as
 * often as the registry says, on UNAVAILABLE, after a fully jittered pause, and on
 * RESOURCE_EXHAUSTED if the target says when; within the deadline and the {@link RetryBudget}.
 *
 * <p>Breaks the circuit: UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL and UNKNOWN, when the target is
 * to blame. It is not when it passed on what a service behind it answered or says that another one
 * is the cause ({@link Rejection#causedBy}), not when the caller had left it less than half of the
 * time the contract gives it, and not when there was no connection to send the call on: that fails
 * at once without a circuit, and an open one would refuse the first calls to an instance that came
 * back. A refusal never counts, nor does a cancelled call.
 *
 * <p>A retry of a call whose answer was lost may be refused by the open circuit. Then the caller
 * gets the first answer: "not sent" would not be true.
 *
 * <p>A call that ends as UNAVAILABLE or DEADLINE_EXCEEDED, also because the circuit is open, is
 * answered with the reply that the contract declares for that ({@link CallPolicy#fallback}), if it
 * declares one. To the circuit it is a failure all the same.
 *
 * <p>Streaming calls pass through untouched: a stream cannot be replayed from here.
 *
 * <p>Thread-safe.
 */
final class ResilientUnaryInterceptor implements ClientInterceptor {
  /** As gRFC A6 has it: how often this call was sent before. */
  static final Metadata.Key<String> PREVIOUS_ATTEMPTS =
      Metadata.Key.of("grpc-previous-rpc-attempts", Metadata.ASCII_STRING_MARSHALLER);

  private static final Duration RETRY_WITHIN = Duration.ofMillis(50);

  /** A retry with less time than this left would only add load. */
  private static final Duration LEAST_TIME = Duration.ofMillis(5);

  private final String target;
  private final Circuits circuits;
  private final RetryBudget budget;
  private final Timer timer;
  private final Executor threads;
  private final LongSupplier nanoTime;
  private final RetryPolicy<Attempt> retries;

  ResilientUnaryInterceptor(
      String target, Circuits circuits, RetryBudget budget, Timer timer, LongSupplier nanoTime) {
    this.target = target;
    this.circuits = circuits;
    this.budget = budget;
    this.timer = timer;
    this.threads = timer.threads();
    this.nanoTime = nanoTime;
    this.retries =
        RetryPolicy.<Attempt>builder()
            .handleIf((Throwable thrown) -> false)
            .handleResultIf(Attempt::retry)
            .withMaxRetries(Choice.Repeat.TIMES_MAX)
            .withDelayFn(context -> context.getLastResult().retryAfter())
            .build();
  }

  @Override
  public <ReqT, RespT> ClientCall<ReqT, RespT> interceptCall(
      MethodDescriptor<ReqT, RespT> method, CallOptions options, Channel next) {
    Deadline deadline = options.getDeadline();
    if (method.getType() != MethodDescriptor.MethodType.UNARY
        || (deadline != null && deadline.isExpired())) {
      return next.newCall(method, options);
    }
    return new ResilientCall<>(method, options, next);
  }

  private final class ResilientCall<ReqT, RespT> extends ClientCall<ReqT, RespT> {
    private final MethodDescriptor<ReqT, RespT> method;
    private final CallOptions options;
    private final Channel next;
    private final CallPolicy policy;
    private final Choice.Repeat repeat;
    private final @Nullable Choice choice;
    private final Circuit circuit;

    /** A retry starts on another thread, where neither would be found. */
    private final Context context = Context.current();

    private final io.opentelemetry.context.Context trace =
        io.opentelemetry.context.Context.current();

    private final AtomicBoolean delivered = new AtomicBoolean();
    private @Nullable Listener<RespT> listener;
    private Metadata headers = new Metadata();
    private @Nullable ReqT request;
    private boolean compressed;

    // Guarded by this.
    private @Nullable ClientCall<ReqT, RespT> running;
    private @Nullable Status cancelled;
    private @Nullable Reply<RespT> last;
    private int attempts;

    ResilientCall(MethodDescriptor<ReqT, RespT> method, CallOptions options, Channel next) {
      this.method = method;
      this.options = options;
      this.next = next;
      this.policy = OutboundStack.policy(method, options);
      this.choice = options.getOption(Choice.KEY);
      Choice.Repeat decided = options.getOption(Choice.Repeat.KEY);
      this.repeat = decided == null ? Choice.Repeat.DEFAULT : decided;
      this.circuit = circuits.of(method.getFullMethodName());
      CallPolicy stated = options.getOption(CallPolicy.STATED);
      circuit.called(stated == null ? policy : stated, method.isSafe());
    }

    @Override
    public void start(Listener<RespT> responseListener, Metadata callHeaders) {
      listener = responseListener;
      headers = callHeaders;
    }

    @Override
    public void request(int messages) {
      // There is one, and each attempt asks for it.
    }

    @Override
    public void sendMessage(ReqT message) {
      request = message;
    }

    @Override
    public void setMessageCompression(boolean enabled) {
      compressed = enabled;
    }

    @Override
    public synchronized Attributes getAttributes() {
      return running == null ? Attributes.EMPTY : running.getAttributes();
    }

    @Override
    public void halfClose() {
      budget.call();
      if (!circuit.breaker().isClosed()) {
        throughPolicies(null);
        return;
      }
      try {
        send(this::firstEnded);
      } catch (RuntimeException e) {
        ended(e);
      }
    }

    /**
     * Mostly the first attempt of a closed circuit goes well. Then there was nothing for the
     * policies to decide, and they cost more than the rest of this class.
     */
    private void firstEnded(Attempt attempt) {
      if (attempt.retry() || circuit.failed(attempt)) {
        throughPolicies(attempt);
      } else {
        circuit.breaker().recordSuccess();
        ended(null);
      }
    }

    /**
     * @param first an attempt that was made already, which they judge as one of their own
     */
    private void throughPolicies(@Nullable Attempt first) {
      // The breaker is inside: each attempt counts, and an open circuit ends the retries.
      var _ =
          Failsafe.with(retries, circuit.breaker())
              .with(timer.scheduler())
              .getStageAsync(
                  execution ->
                      first != null && execution.isFirstAttempt()
                          ? CompletableFuture.completedFuture(first)
                          : attempt())
              .whenComplete((attempt, thrown) -> ended(thrown));
    }

    @Override
    public void cancel(@Nullable String message, @Nullable Throwable cause) {
      Status status = Status.CANCELLED.withCause(cause);
      status = status.withDescription(message == null ? "cancelled by the caller" : message);
      ClientCall<ReqT, RespT> call;
      synchronized (this) {
        if (cancelled != null) {
          return;
        }
        cancelled = status;
        call = running;
      }
      if (call == null) {
        // Before the first attempt or between two: nobody else would tell the caller.
        deliver(status, new Metadata(), null);
      } else {
        call.cancel(message, cause);
      }
    }

    private CompletionStage<Attempt> attempt() throws Exception {
      CompletableFuture<Attempt> done = new CompletableFuture<>();
      context.run(trace.wrap(() -> send(done::complete)));
      return done;
    }

    /** Makes an attempt. */
    private void send(Consumer<Attempt> done) {
      Metadata attemptHeaders = new Metadata();
      attemptHeaders.merge(headers);
      synchronized (this) {
        if (cancelled != null) {
          // The circuit gave a permit for this attempt and wants to hear of its end.
          last = new Reply<>(cancelled, new Metadata(), null, null);
          done.accept(new Attempt(cancelled, new Metadata(), false, false, Attempt.NO_RETRY));
          return;
        }
        if (attempts > 0) {
          attemptHeaders.put(PREVIOUS_ATTEMPTS, Integer.toString(attempts));
        }
        attempts++;
      }
      Departure departure = new Departure();
      ClientCall<ReqT, RespT> call =
          next.newCall(method, options.withStreamTracerFactory(departure));
      AttemptListener attempt = new AttemptListener(done, departure);
      call.start(attempt, attemptHeaders);
      Status meanwhile;
      synchronized (this) {
        // It may have failed at once, and another be under way.
        running = attempt.closed ? running : call;
        meanwhile = cancelled;
      }
      if (meanwhile != null) {
        call.cancel(meanwhile.getDescription(), meanwhile.getCause());
        return;
      }
      try {
        call.setMessageCompression(compressed);
        // Two, as the stubs do: a second message shows a broken server at once.
        call.request(2);
        call.sendMessage(request);
        call.halfClose();
      } catch (RuntimeException | Error e) {
        call.cancel("the request cannot be sent", e);
        throw e;
      }
    }

    /**
     * Hears of one attempt on the call's executor and keeps its reply until it is known to be the
     * last.
     */
    private final class AttemptListener extends Listener<RespT> {
      private final Consumer<Attempt> done;
      private final Departure departure;
      private final long startedAt = nanoTime.getAsLong();
      private @Nullable Metadata replyHeaders;
      private @Nullable RespT message;
      private boolean tooMany;

      /** Guarded by the call. */
      private boolean closed;

      AttemptListener(Consumer<Attempt> done, Departure departure) {
        this.done = done;
        this.departure = departure;
      }

      @Override
      public void onHeaders(Metadata received) {
        replyHeaders = received;
      }

      @Override
      public void onMessage(RespT received) {
        tooMany = message != null;
        message = received;
      }

      @Override
      public void onClose(Status received, Metadata receivedTrailers) {
        Status plain =
            tooMany && received.isOk()
                ? Status.INTERNAL.withDescription("more than one reply to a unary call")
                : withoutConnection(received);
        Optional<Rejection> handshake = HandshakeFailure.of(target, plain);
        Status status = handshake.map(r -> HandshakeFailure.status(r, plain)).orElse(plain);
        Metadata trailers =
            handshake.map(r -> ErrorDetails.trailers("mesh", r)).orElse(receivedTrailers);
        Duration took = Duration.ofNanos(nanoTime.getAsLong() - startedAt);
        boolean mayRetry;
        synchronized (ResilientCall.this) {
          closed = true;
          running = null;
          last = new Reply<>(status, trailers, replyHeaders, message);
          mayRetry = cancelled == null && attempts <= repeat.times();
        }
        Attempt attempt =
            new Attempt(
                status,
                trailers,
                isToBlame(status, trailers, took, departure),
                took.compareTo(policy.timeout().dividedBy(2)) > 0,
                mayRetry ? retryAfter(status, trailers, departure.seen) : Attempt.NO_RETRY);
        circuit.ended(attempt);
        done.accept(attempt);
      }
    }

    /** A connection that was cut is UNAVAILABLE, also where gRPC saw only that it is closed. */
    private static Status withoutConnection(Status status) {
      return status.getCode() == Status.Code.UNKNOWN
              && status.getCause() instanceof ClosedChannelException
          ? Status.UNAVAILABLE.withDescription(status.getDescription()).withCause(status.getCause())
          : status;
    }

    private boolean isToBlame(
        Status status, Metadata trailers, Duration took, Departure departure) {
      return switch (status.getCode()) {
        case DEADLINE_EXCEEDED -> took.compareTo(policy.timeout().dividedBy(2)) >= 0;
        case UNAVAILABLE, INTERNAL, UNKNOWN -> {
          if (status.getCode() == Status.Code.UNAVAILABLE && !departure.seen) {
            yield false;
          }
          RemoteError error = RemoteError.of(status, trailers);
          yield !error.metadata().containsKey(ErrorDetails.CAUSED_BY)
              && (error.domain().isEmpty() || isOfTarget(error.domain()));
        }
        default -> false;
      };
    }

    /** A route may lead to another service: then it is that one's answer that is asked for. */
    private boolean isOfTarget(String domain) {
      return domain.equals(ErrorDetails.domain(target)) || (choice != null && choice.isFor(domain));
    }

    private Duration retryAfter(Status status, Metadata trailers, boolean sent) {
      String pushback = trailers.get(RejectionInterceptor.PUSHBACK);
      boolean again =
          switch (status.getCode()) {
            case UNAVAILABLE -> repeat.after(sent);
            // The server has too much to do: only it knows whether another one may have less.
            case RESOURCE_EXHAUSTED -> pushback != null && repeat.onUnavailable();
            default -> false;
          };
      if (!again || !policy.repeatable()) {
        return Attempt.NO_RETRY;
      }
      Duration pause = pause(pushback);
      Deadline deadline = options.getDeadline();
      boolean inTime =
          deadline == null
              || deadline.timeRemaining(TimeUnit.NANOSECONDS) > pause.plus(LEAST_TIME).toNanos();
      return !pause.isNegative() && inTime && budget.tryRetry() ? pause : Attempt.NO_RETRY;
    }

    /** What the server asks for; else full jitter, which spreads retries better than any other. */
    private static Duration pause(@Nullable String pushback) {
      if (pushback == null) {
        return Duration.ofNanos(ThreadLocalRandom.current().nextLong(1, RETRY_WITHIN.toNanos()));
      }
      try {
        long millis = Long.parseLong(pushback);
        // Never at once: that would run on the thread that hears of the failure, inside Failsafe.
        return millis < 0 ? Attempt.NO_RETRY : Duration.ofMillis(millis).plusNanos(1);
      } catch (NumberFormatException e) {
        return Attempt.NO_RETRY;
      }
    }

    private void ended(@Nullable Throwable thrown) {
      Reply<RespT> reply;
      synchronized (this) {
        reply = last;
      }
      if (thrown != null && !(thrown instanceof CircuitBreakerOpenException)) {
        deliver(Status.fromThrowable(thrown), new Metadata(), null);
      } else if (reply != null) {
        deliver(reply.status, reply.trailers, reply);
      } else {
        Rejection refusal = refusal();
        deliver(
            Status.UNAVAILABLE.withDescription(refusal.getMessage()).withCause(thrown),
            ErrorDetails.trailers("mesh", refusal),
            null);
      }
    }

    private Rejection refusal() {
      return Rejection.unavailable(
          "CIRCUIT_OPEN",
          method.getFullMethodName()
              + " of "
              + target
              + " is not called for a moment after failures",
          circuit.refusesFor());
    }

    /** Blocking stubs park on this executor, so the outcome must arrive through it. */
    private void deliver(Status status, Metadata trailers, @Nullable Reply<RespT> reply) {
      Listener<RespT> to = listener;
      if (to == null || !delivered.compareAndSet(false, true)) {
        return;
      }
      Reply<RespT> declared = declared(status);
      Reply<RespT> told = declared == null ? reply : declared;
      Status outcome = declared == null ? status : declared.status;
      Metadata after = declared == null ? trailers : declared.trailers;
      Executor executor = options.getExecutor() == null ? threads : options.getExecutor();
      executor.execute(() -> tell(to, told, outcome, after));
    }

    /** The reply that the contract has for a call that ended so; mostly none. */
    private @Nullable Reply<RespT> declared(Status status) {
      ByteString message = policy.fallback().orElse(null);
      if (message == null || !isAbsence(status)) {
        return null;
      }
      circuit.fellBack();
      Metadata said = new Metadata();
      said.put(CallPolicy.FALLBACK, status.getCode().name());
      return new Reply<>(Status.OK, new Metadata(), said, method.parseResponse(message.newInput()));
    }
  }

  /** Who fails on the answer hears of an end all the same, as gRPC does it: so do all layers. */
  private static <RespT> void tell(
      ClientCall.Listener<RespT> to,
      @Nullable Reply<RespT> told,
      Status outcome,
      Metadata trailers) {
    try {
      if (told != null && told.headers != null) {
        to.onHeaders(told.headers);
      }
      if (told != null && outcome.isOk() && told.message != null) {
        to.onMessage(told.message);
      }
    } catch (Throwable t) {
      to.onClose(
          Status.CANCELLED.withDescription("the caller failed on the answer").withCause(t),
          new Metadata());
      return;
    }
    to.onClose(outcome, trailers);
  }

  /** Whether this says nothing of the request, but that the service could not be asked. */
  private static boolean isAbsence(Status status) {
    return status.getCode() == Status.Code.UNAVAILABLE
        || status.getCode() == Status.Code.DEADLINE_EXCEEDED;
  }

  /** Sees whether an attempt got as far as a connection. */
  private static final class Departure extends ClientStreamTracer.Factory {
    volatile boolean seen;

    @Override
    public ClientStreamTracer newClientStreamTracer(
        ClientStreamTracer.StreamInfo info, Metadata headers) {
      return new ClientStreamTracer() {
        @Override
        public void outboundHeaders() {
          seen = true;
        }
      };
    }
  }

  private record Reply<RespT>(
      Status status, Metadata trailers, @Nullable Metadata headers, @Nullable RespT message) {}
}
