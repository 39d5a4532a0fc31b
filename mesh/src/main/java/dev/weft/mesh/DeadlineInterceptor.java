package dev.weft.mesh;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.MethodDescriptor;
import java.util.concurrent.TimeUnit;

/**
 * Gives every unary call a deadline, over all its attempts: the caller's own, or what the contract
 * gives the method; never later than {@link CallPolicy#LATEST} says, nor than 20 ms before the call
 * this thread serves must be answered.
 *
 * <p>Streams get none here, see {@link StreamLimitsInterceptor}.
 *
 * <p>Thread-safe.
 */
final class DeadlineInterceptor implements ClientInterceptor {
  /** What this process needs to answer its own caller after the other one was too late. */
  private static final long RESERVE_MILLIS = 20;

  @Override
  public <ReqT, RespT> ClientCall<ReqT, RespT> interceptCall(
      MethodDescriptor<ReqT, RespT> method, CallOptions options, Channel next) {
    if (method.getType() != MethodDescriptor.MethodType.UNARY) {
      return next.newCall(method, options);
    }
    Deadline deadline = options.getDeadline();
    if (deadline == null) {
      long timeout = OutboundStack.policy(method, options).timeout().toNanos();
      deadline = Deadline.after(timeout, TimeUnit.NANOSECONDS);
    }
    Deadline latest = options.getOption(CallPolicy.LATEST);
    if (latest != null) {
      deadline = deadline.minimum(latest);
    }
    Deadline ours = Context.current().getDeadline();
    if (ours != null) {
      deadline = deadline.minimum(ours.offset(-RESERVE_MILLIS, TimeUnit.MILLISECONDS));
    }
    return next.newCall(
        method, deadline.equals(options.getDeadline()) ? options : options.withDeadline(deadline));
  }
}
