package dev.weft.mesh;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.MethodOptions.IdempotencyLevel;
import com.google.protobuf.Descriptors;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import io.grpc.CallOptions;
import io.grpc.Deadline;
import io.grpc.Metadata;
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
 * @param fallback the bytes of the reply to a unary call while the service cannot be asked: its
 *     circuit is open, or the call ended as UNAVAILABLE or DEADLINE_EXCEEDED; mostly none
 */
public record CallPolicy(
    Duration timeout,
    boolean repeatable,
    Duration streamIdle,
    Duration streamMaxAge,
    int inFlightMax,
    Optional<Duration> hedgeAfter,
    Optional<ByteString> fallback) {
  /** For callers that bound their calls themselves. */
  public static final int UNBOUNDED = Integer.MAX_VALUE;

  private static final int IN_FLIGHT_MAX = 64;

  /**
   * In the metadata of a reply that is the contract's and not the service's: the status the call
   * ended with, as UNAVAILABLE. A service may say the same of a reply that it makes up.
   */
  public static final Metadata.Key<String> FALLBACK =
      Metadata.Key.of("weft-fallback", Metadata.ASCII_STRING_MARSHALLER);

  /** One second, not repeatable; streams idle for 1 min and as old as 30 min. */
  public static final CallPolicy DEFAULT =
      new CallPolicy(Duration.ofSeconds(1), false, Duration.ofMinutes(1), Duration.ofMinutes(30));

  /** Says the policy of one call, instead of its method's descriptor. */
  public static final CallOptions.Key<CallPolicy> KEY = CallOptions.Key.create("weft-call-policy");

  /**
   * By when a unary call has to be over for somebody whom this process calls for, such as an edge
   * for its client. It can only make the time shorter that registry and contract give the call; a
   * deadline in the call's options stands in the contract's place instead.
   */
  public static final CallOptions.Key<Deadline> LATEST = CallOptions.Key.create("weft-latest");

  /** What the contract says, where {@link #KEY} says what a route made of it. */
  static final CallOptions.Key<CallPolicy> STATED = CallOptions.Key.create("weft-stated-policy");

  /** With 64 calls under way, no hedges, and no reply for when the service cannot be asked. */
  public CallPolicy(
      Duration timeout, boolean repeatable, Duration streamIdle, Duration streamMaxAge) {
    this(
        timeout,
        repeatable,
        streamIdle,
        streamMaxAge,
        IN_FLIGHT_MAX,
        Optional.empty(),
        Optional.empty());
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
    return new CallPolicy(
        timeout, repeatable, streamIdle, streamMaxAge, calls, hedgeAfter, fallback);
  }

  /** The same, sent a second time after so long without an answer, or never. */
  public CallPolicy withHedgeAfter(Optional<Duration> after) {
    return new CallPolicy(
        timeout, repeatable, streamIdle, streamMaxAge, inFlightMax, after, fallback);
  }

  /** The same with another timeout. */
  CallPolicy withTimeout(Duration other) {
    return new CallPolicy(
        other, repeatable, streamIdle, streamMaxAge, inFlightMax, hedgeAfter, fallback);
  }

  /**
   * What the contract says of this method; the defaults where it says nothing.
   *
   * @throws IllegalArgumentException if it contradicts itself; the message names the option
   */
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
        policy.hasHedgeAfter() ? Optional.of(hedgeAfter(method, policy)) : Optional.empty(),
        policy.hasFallback()
            ? Optional.of(fallback(method, policy.getFallback()))
            : Optional.empty());
  }

  private static Duration hedgeAfter(Descriptors.MethodDescriptor method, MethodPolicy policy) {
    noEffects("hedge_after", method);
    return duration(policy.getHedgeAfter());
  }

  private static ByteString fallback(Descriptors.MethodDescriptor method, Any stated) {
    noEffects("fallback", method);
    String type = stated.getTypeUrl().substring(stated.getTypeUrl().lastIndexOf('/') + 1);
    if (!type.equals(method.getOutputType().getFullName())) {
      throw new IllegalArgumentException(
          "fallback: a " + type + " (expected: " + method.getOutputType().getFullName() + ")");
    }
    try {
      var _ = DynamicMessage.parseFrom(method.getOutputType(), stated.getValue());
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException("fallback: no " + type + ": " + e.getMessage(), e);
    }
    return stated.getValue();
  }

  private static void noEffects(String option, Descriptors.MethodDescriptor method) {
    if (method.getOptions().getIdempotencyLevel() != IdempotencyLevel.NO_SIDE_EFFECTS
        || method.isClientStreaming()
        || method.isServerStreaming()) {
      throw new IllegalArgumentException(
          option + ": " + method.getFullName() + " has effects or streams (expected: neither)");
    }
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
