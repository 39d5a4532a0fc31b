package dev.weft.mesh;

import com.google.protobuf.Descriptors;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import io.grpc.CallOptions;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import java.time.Duration;

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
 */
public record CallPolicy(
    Duration timeout, boolean repeatable, Duration streamIdle, Duration streamMaxAge) {
  /** One second, not repeatable; streams idle for 1 min and as old as 30 min. */
  public static final CallPolicy DEFAULT =
      new CallPolicy(Duration.ofSeconds(1), false, Duration.ofMinutes(1), Duration.ofMinutes(30));

  /** Says the policy of one call, instead of its method's descriptor. */
  public static final CallOptions.Key<CallPolicy> KEY = CallOptions.Key.create("weft-call-policy");

  public CallPolicy {
    positive("timeout", timeout);
    positive("streamIdle", streamIdle);
    positive("streamMaxAge", streamMaxAge);
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
        policy.hasStreamMaxAge() ? duration(policy.getStreamMaxAge()) : DEFAULT.streamMaxAge);
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
