package dev.weft.mesh;

import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;

/**
 * How one attempt at a unary call ended.
 *
 * @param blame whether the target is to blame, as far as can be told from here
 * @param slow whether it took more than half of what the contract gives it
 * @param retryAfter when to try again; negative when not to
 */
record Attempt(Status status, Metadata trailers, boolean blame, boolean slow, Duration retryAfter) {
  static final Duration NO_RETRY = Duration.ofNanos(-1);

  boolean retry() {
    return !retryAfter.isNegative();
  }
}
