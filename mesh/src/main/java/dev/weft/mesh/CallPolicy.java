package dev.weft.mesh;

import com.google.protobuf.DescriptorProtos.MethodOptions.IdempotencyLevel;
import com.google.protobuf.Descriptors;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import io.grpc.CallOptions;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import java.time.Duration;
import java.util.Optional;

/**
 * What a contract says about calling one method. Read from the method's descriptor; a caller
 * without generated code, such as the edge, reads it from the reflected contract and passes it with
 * {@link #KEY}.
 *
 * @param timeout deadline of a unary call when the caller has none that is earlier; 1 s by default
 * @param repeatable whether the same call may be made again after a failure: {@code
 *     idempotency_level} is NO_SIDE_EFFECTS or IDEMPOTENT
 * @param streamIdle a stream in which nothing was received or sent for so long is ended; 1 min by
 *     default
 * @param streamMaxAge a stream of this age is ended, and its client resumes; 30 min by default
 * @param inFlightMax unary calls of the method that this process may have under way at once to all
 *     instances together; 64 by default, or {@link #UNBOUNDED}
 * @param hedgeAfter after so long without an answer a unary call without side effects is sent a
 *     second time; mostly never
 */
public record CallPolicy(
    Duration timeout,
    boolean repeatable,
    Duration streamIdle,
    Duration streamMaxAge,
    int inFlightMax,
    Optional<Duration> hedgeAfter) {
  /** For callers that bound their calls themselves. */
  public static final int UNBOUNDED = Integer.MAX_VALUE;

  private static final int IN_FLIGHT_MAX = 64;

  /** One second, not repeatable; streams idle for 1 min and as old as 30 min. */
  public static final CallPolicy DEFAULT =
      new CallPolicy(Duration.ofSeconds(1), false, Duration.ofMinutes(1), Duration.ofMinutes(30));

  /** Says the policy of one call, instead of its method's descriptor. */
  public static final CallOptions.Key<CallPolicy> KEY = CallOptions.Key.create("weft-call-policy");

  /** With 64 calls under way, and no hedges. */
  public CallPolicy(
      Duration timeout, boolean repeatable, Duration streamIdle, Duration streamMaxAge) {
    this(timeout, repeatable, streamIdle, streamMaxAge, IN_FLIGHT_MAX, Optional.empty());
  }

  public CallPolicy {
    positive("timeout", timeout);
    positive("streamIdle", streamIdle);
    positive("streamMaxAge", streamMaxAge);
    hedgeAfter.ifPresent(after -> positive("hedgeAfter", after));
    if (inFlightMax < 1) {
      throw new IllegalArgumentException("inFlightMax: " + inFlightMax + " (expected: > 0)");
    }
  }

  /** The same with so many calls under way. */
  public CallPolicy withInFlightMax(int calls) {
    return new CallPolicy(timeout, repeatable, streamIdle, streamMaxAge, calls, hedgeAfter);
  }

  /** The same, sent a second time after so long without an answer, or never. */
  public CallPolicy withHedgeAfter(Optional<Duration> after) {
    return new CallPolicy(timeout, repeatable, streamIdle, streamMaxAge, inFlightMax, after);
  }

  /** What the contract says of this method; the defaults where it says nothing. */
  public static CallPolicy of(Descriptors.MethodDescriptor method) {
    boolean repeatable =
        switch (method.getOptions().getIdempotencyLevel()) {
          case NO_SIDE_EFFECTS, IDEMPOTENT -> true;
          case IDEMPOTENCY_UNKNOWN -> false;
        };
    MethodPolicy policy = method.getOptions().getExtension(OptionsProto.method);
    return new CallPolicy(
        policy.hasTimeout() ? duration(policy.getTimeout()) : DEFAULT.timeout,
        repeatable,
        policy.hasStreamIdle() ? duration(policy.getStreamIdle()) : DEFAULT.streamIdle,
        policy.hasStreamMaxAge() ? duration(policy.getStreamMaxAge()) : DEFAULT.streamMaxAge,
        DEFAULT.inFlightMax,
        policy.hasHedgeAfter() ? Optional.of(hedgeAfter(method, policy)) : Optional.empty());
  }

  private static Duration hedgeAfter(Descriptors.MethodDescriptor method, MethodPolicy policy) {
    if (method.getOptions().getIdempotencyLevel() != IdempotencyLevel.NO_SIDE_EFFECTS
        || method.isClientStreaming()
        || method.isServerStreaming()) {
      throw new IllegalArgumentException(
          "hedge_after: " + method.getFullName() + " has effects or streams (expected: neither)");
    }
    return duration(policy.getHedgeAfter());
  }

  /** As {@link #of(Descriptors.MethodDescriptor)}, if the method knows its contract. */
  static CallPolicy of(MethodDescriptor<?, ?> method) {
    if (method.getSchemaDescriptor() instanceof ProtoMethodDescriptorSupplier supplier) {
      return of(supplier.getMethodDescriptor());
    }
    return new CallPolicy(
        DEFAULT.timeout,
        method.isIdempotent() || method.isSafe(),
        DEFAULT.streamIdle,
        DEFAULT.streamMaxAge);
  }

  private static Duration duration(com.google.protobuf.Duration duration) {
    return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
  }

  private static void positive(String name, Duration duration) {
    if (!duration.isPositive()) {
      throw new IllegalArgumentException(name + ": " + duration + " (expected: > 0)");
    }
  }
}
