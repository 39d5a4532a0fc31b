package dev.weft.mesh;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.failsafe.CircuitBreakerOpenException;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What another service answered instead of a reply, or what became of the call to it. A client
 * class reads it to say in its own words what happened: the reason is part of the other's contract,
 * the message is not.
 *
 * @param code the gRPC status code
 * @param reason the reason of ErrorInfo; empty when the answer has none
 * @param domain who gave the reason: {@code <service>.weft} for services of this mesh; empty when
 *     unknown
 * @param message for people; may be empty
 * @param metadata of ErrorInfo
 * @param retryAfter of RetryInfo
 * @param violations of BadRequest
 * @param sent false when this process's own circuit breaker refused the call
 */
public record RemoteError(
    Status.Code code,
    String reason,
    String domain,
    String message,
    Map<String, String> metadata,
    Optional<Duration> retryAfter,
    List<Rejection.FieldViolation> violations,
    boolean sent) {

  private static final int CAUSES_MAX = 20;

  public RemoteError {
    metadata = Map.copyOf(metadata);
    violations = List.copyOf(violations);
  }

  /**
   * Finds the status in a throwable or its causes; empty when no call to another service failed.
   */
  public static Optional<RemoteError> of(@Nullable Throwable thrown) {
    Throwable cause = thrown;
    for (int i = 0; cause != null && i < CAUSES_MAX; i++, cause = cause.getCause()) {
      if (cause instanceof StatusRuntimeException e) {
        return Optional.of(of(e.getStatus(), e.getTrailers()));
      }
      if (cause instanceof StatusException e) {
        return Optional.of(of(e.getStatus(), e.getTrailers()));
      }
    }
    return Optional.empty();
  }

  /** Reads a status and the trailers that came with it. */
  public static RemoteError of(Status status, @Nullable Metadata trailers) {
    ErrorInfo info = ErrorInfo.getDefaultInstance();
    Optional<Duration> retryAfter = Optional.empty();
    List<Rejection.FieldViolation> violations = List.of();
    for (Any detail : details(trailers)) {
      try {
        if (detail.is(ErrorInfo.class)) {
          info = detail.unpack(ErrorInfo.class);
        } else if (detail.is(RetryInfo.class)) {
          var delay = detail.unpack(RetryInfo.class).getRetryDelay();
          retryAfter = Optional.of(Duration.ofSeconds(delay.getSeconds(), delay.getNanos()));
        } else if (detail.is(BadRequest.class)) {
          violations = violations(detail.unpack(BadRequest.class));
        }
      } catch (InvalidProtocolBufferException | ArithmeticException e) {
        // A detail nobody can read, or no time can be so long: the code still says something.
      }
    }
    String description = status.getDescription();
    return new RemoteError(
        status.getCode(),
        info.getReason(),
        info.getDomain(),
        description == null ? "" : description,
        info.getMetadataMap(),
        retryAfter,
        violations,
        // A cause is not sent over the wire: it is from here.
        !(status.getCause() instanceof CircuitBreakerOpenException));
  }

  /**
   * Whether the other service may have done what it was asked. True after a lost connection, a
   * deadline, a cancellation and failures the other did not expect; false when the other refused
   * with a reason, and when the call was never sent.
   */
  public boolean outcomeUnknown() {
    return switch (code) {
      case CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, DATA_LOSS -> true;
      case UNAVAILABLE -> sent;
      // Without a reason it may be a reply too long for this side: the other had done its work.
      case RESOURCE_EXHAUSTED -> reason.isEmpty();
      case OK,
          INVALID_ARGUMENT,
          NOT_FOUND,
          ALREADY_EXISTS,
          PERMISSION_DENIED,
          FAILED_PRECONDITION,
          ABORTED,
          OUT_OF_RANGE,
          UNIMPLEMENTED,
          UNAUTHENTICATED ->
          false;
    };
  }

  /**
   * Whether the other service is not there for anybody at the moment: nobody answers, it cannot
   * work, or this process's circuit to it is open. False for a fault of something else that it
   * needs.
   */
  public boolean away() {
    return code == Status.Code.UNAVAILABLE && !metadata.containsKey(ErrorDetails.CAUSED_BY);
  }

  private static List<Any> details(@Nullable Metadata trailers) {
    if (trailers == null) {
      return List.of();
    }
    try {
      var status = trailers.get(ErrorDetails.KEY);
      return status == null ? List.of() : status.getDetailsList();
    } catch (IllegalArgumentException e) {
      // Bytes that are no google.rpc.Status: some other library's, or damaged.
      return List.of();
    }
  }

  private static List<Rejection.FieldViolation> violations(BadRequest request) {
    return request.getFieldViolationsList().stream()
        .map(v -> new Rejection.FieldViolation(v.getField(), v.getDescription(), v.getReason()))
        .toList();
  }
}
