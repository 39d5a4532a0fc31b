package dev.weft.mesh;

import io.grpc.Status;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * A refusal that the caller can act on. A service throws it, anywhere below its gRPC face, and the
 * server's interceptor answers with the gRPC status of its kind and {@code google.rpc.ErrorInfo}:
 * the reason, the metadata, and {@code <service>.weft} as domain.
 *
 * <p>The kind says what the caller should do; the reason, in UPPER_SNAKE, is part of the service's
 * contract; the message is for people and may change. All three reach clients: put no secret and no
 * personal data in them. Anything else that is thrown is a bug or a failure: it is logged with its
 * stack and the caller learns nothing but INTERNAL.
 *
 * <p>Immutable, without a stack trace.
 */
public abstract sealed class Rejection extends RuntimeException {
  private static final Pattern REASON = Pattern.compile("[A-Z][A-Z0-9_]{1,61}[A-Z0-9]");

  /** What a server says of a retry that is of no use. */
  static final long NEVER_AGAIN = -1;

  private static final Duration OVERLOADED_RETRY_AFTER = Duration.ofSeconds(1);

  /** Longer than a request may run: the next one gets the answer. */
  private static final Duration IN_PROGRESS_RETRY_AFTER = Duration.ofSeconds(1);

  private final Status.Code code;
  private final String reason;
  private final String text;
  private final Map<String, String> metadata;

  private Rejection(Status.Code code, String reason, String text, Map<String, String> metadata) {
    super(text, null, false, false);
    if (!REASON.matcher(reason).matches()) {
      throw new IllegalArgumentException("reason: " + reason + " (expected: UPPER_SNAKE)");
    }
    this.code = code;
    this.reason = reason;
    this.text = text;
    this.metadata = metadata;
  }

  /** The request is wrong in itself and will always be: fix it. */
  public static Rejection invalid(String field, String description) {
    return invalid(List.of(new FieldViolation(field, description)));
  }

  /**
   * The request is wrong in itself, in these fields, and will always be: fix it. Sent with {@code
   * google.rpc.BadRequest}.
   */
  public static Rejection invalid(List<FieldViolation> violations) {
    if (violations.isEmpty()) {
      throw new IllegalArgumentException("violations: none (expected: at least one)");
    }
    FieldViolation first = violations.getFirst();
    String text =
        (first.field().isEmpty() ? "" : first.field() + ": ")
            + first.description()
            + (violations.size() > 1 ? " (and " + (violations.size() - 1) + " more)" : "");
    return new Invalid("INVALID_FIELD", text, Map.of(), List.copyOf(violations));
  }

  /**
   * The request is wrong in itself and will always be, for a reason that its contract names: fix
   * it.
   */
  public static Rejection invalid(String reason, FieldViolation violation) {
    String text = violation.field() + ": " + violation.description();
    return new Invalid(reason, text, Map.of(), List.of(violation));
  }

  /** There is no such thing, or it is not the caller's to see: stop. */
  public static Rejection notFound(String reason, String message) {
    return new NotFound(reason, message, Map.of());
  }

  /** It is there already: read it. */
  public static Rejection alreadyExists(String reason, String message) {
    return new AlreadyExists(reason, message, Map.of());
  }

  /** Somebody else was faster: read again, then redo. */
  public static Rejection conflict(String reason, String message) {
    return new Conflict(reason, message, Map.of(), Optional.empty());
  }

  /**
   * Others are at it, and it was not waited for: redo in a moment. Sent with {@code
   * google.rpc.RetryInfo}. Unlike {@link #unavailable} it says nothing against the service: no
   * circuit counts it, and no layer repeats it.
   */
  public static Rejection conflict(String reason, String message, Duration retryAfter) {
    return new Conflict(reason, message, Map.of(), Optional.of(retryAfter));
  }

  /** The thing is in a state that does not allow it: change the state first. */
  public static Rejection notAllowedNow(String reason, String message) {
    return new NotAllowedNow(reason, message, Map.of());
  }

  /** Too much was asked: slow down. Sent with {@code google.rpc.RetryInfo}. */
  public static Rejection tooMany(String reason, String message, Duration retryAfter) {
    return new TooMany(reason, message, Map.of(), retryAfter, OptionalLong.empty());
  }

  /**
   * There is more to do than can be done, and this was not begun: try later. Sent with {@code
   * google.rpc.RetryInfo}; 503 at the edge, no layer repeats it, no circuit counts it, and edges
   * send less of it for a while.
   */
  public static Rejection overloaded(String message) {
    return overloaded(message, NEVER_AGAIN);
  }

  /** As that, of what another instance may do. */
  static Rejection overloaded(String message, long pushbackMillis) {
    return new TooMany(
            "OVERLOADED",
            message,
            Map.of(),
            OVERLOADED_RETRY_AFTER,
            OptionalLong.of(pushbackMillis))
        .with("http_status", "503");
  }

  /** The caller did not prove who it is. */
  public static Rejection unauthenticated(String reason, String message) {
    return new Unauthenticated(reason, message, Map.of());
  }

  /** The caller is known and may not do this. */
  public static Rejection forbidden(String reason, String message) {
    return new Forbidden(reason, message, Map.of());
  }

  /**
   * It cannot be done at the moment, for no fault of the caller: the same request may succeed
   * later. Sent with {@code google.rpc.RetryInfo}.
   */
  public static Rejection unavailable(String reason, String message, Duration retryAfter) {
    return new Unavailable(reason, message, Map.of(), retryAfter);
  }

  /** A request id came again with another request. HTTP 422 at the edge. */
  public static Rejection requestIdReused() {
    return new Invalid(
            "IDEMPOTENCY_KEY_REUSED",
            "request_id was used before with a different request",
            Map.of(),
            List.of(
                new FieldViolation(
                    "request_id", "was used before with a different request", "REUSED")))
        .with("http_status", "422");
  }

  /**
   * The first request of this request id still runs: ask again in a moment. HTTP 409 at the edge,
   * with {@code Retry-After}.
   */
  public static Rejection requestInProgress() {
    return new Conflict(
            "IDEMPOTENCY_IN_PROGRESS",
            "the first request with this request_id is still running",
            Map.of(),
            Optional.of(IN_PROGRESS_RETRY_AFTER))
        .with("http_status", "409");
  }

  /** The thing changed since the caller read it: read again. HTTP 412 at the edge. */
  public static Rejection etagMismatch() {
    return conflict("ETAG_MISMATCH", "it was changed since it was read: read it again")
        .with("http_status", "412");
  }

  /** The thing's state does not allow it, by its own rules. HTTP 409 at the edge. */
  public static Rejection wrongState(String reason, String message) {
    return notAllowedNow(reason, message).with("http_status", "409");
  }

  /** The same refusal with one more entry of ErrorInfo metadata, such as {@code http_status}. */
  public abstract Rejection with(String metadataKey, String value);

  /**
   * The same refusal, for the fault of something else that this service needs, such as another
   * service: this one is well, so the circuits to it stay closed.
   */
  public final Rejection causedBy(String service) {
    return with(ErrorDetails.CAUSED_BY, service);
  }

  /** The reason as in ErrorInfo: UPPER_SNAKE, part of the contract. */
  public final String reason() {
    return reason;
  }

  /** What ErrorInfo says beyond the reason. */
  public final Map<String, String> metadata() {
    return metadata;
  }

  /** The gRPC status code of this kind. */
  public final Status.Code code() {
    return code;
  }

  /** When the same request may be made again, for the kinds that know. */
  public Optional<Duration> retryAfter() {
    return Optional.empty();
  }

  /**
   * What layers of calls are told of retries ({@code grpc-retry-pushback-ms}, gRFC A6): when, in
   * milliseconds, or {@link #NEVER_AGAIN}. What another service is the cause of was retried where
   * it happened; more retries above would only multiply.
   */
  OptionalLong retryPushbackMillis() {
    return metadata.containsKey(ErrorDetails.CAUSED_BY)
        ? OptionalLong.of(NEVER_AGAIN)
        : OptionalLong.empty();
  }

  /** The fields that are wrong, for {@link Invalid}. */
  public List<FieldViolation> violations() {
    return List.of();
  }

  final String text() {
    return text;
  }

  final Map<String, String> metadataAnd(String key, String value) {
    Map<String, String> more = new LinkedHashMap<>(metadata);
    more.put(key, value);
    return Collections.unmodifiableMap(more);
  }

  /**
   * One field that is wrong.
   *
   * @param field its path in proto form, as {@code items[0].quantity}; empty for the whole message
   * @param description what is wrong, without the value
   * @param reason UPPER_SNAKE, the rule that was broken
   */
  public record FieldViolation(String field, String description, String reason) {
    /** One of no rule with a name of its own: the reason is INVALID. */
    public FieldViolation(String field, String description) {
      this(field, description, "INVALID");
    }
  }

  /** INVALID_ARGUMENT. */
  public static final class Invalid extends Rejection {
    private final List<FieldViolation> violations;

    private Invalid(
        String reason, String text, Map<String, String> metadata, List<FieldViolation> violations) {
      super(Status.Code.INVALID_ARGUMENT, reason, text, metadata);
      this.violations = violations;
    }

    @Override
    public List<FieldViolation> violations() {
      return violations;
    }

    @Override
    public Invalid with(String metadataKey, String value) {
      return new Invalid(reason(), text(), metadataAnd(metadataKey, value), violations);
    }
  }

  /** NOT_FOUND. */
  public static final class NotFound extends Rejection {
    private NotFound(String reason, String text, Map<String, String> metadata) {
      super(Status.Code.NOT_FOUND, reason, text, metadata);
    }

    @Override
    public NotFound with(String metadataKey, String value) {
      return new NotFound(reason(), text(), metadataAnd(metadataKey, value));
    }
  }

  /** ALREADY_EXISTS. */
  public static final class AlreadyExists extends Rejection {
    private AlreadyExists(String reason, String text, Map<String, String> metadata) {
      super(Status.Code.ALREADY_EXISTS, reason, text, metadata);
    }

    @Override
    public AlreadyExists with(String metadataKey, String value) {
      return new AlreadyExists(reason(), text(), metadataAnd(metadataKey, value));
    }
  }

  /** ABORTED. */
  public static final class Conflict extends Rejection {
    private final Optional<Duration> retryAfter;

    private Conflict(
        String reason, String text, Map<String, String> metadata, Optional<Duration> retryAfter) {
      super(Status.Code.ABORTED, reason, text, metadata);
      this.retryAfter = retryAfter;
    }

    @Override
    public Optional<Duration> retryAfter() {
      return retryAfter;
    }

    @Override
    public Conflict with(String metadataKey, String value) {
      return new Conflict(reason(), text(), metadataAnd(metadataKey, value), retryAfter);
    }
  }

  /** FAILED_PRECONDITION. */
  public static final class NotAllowedNow extends Rejection {
    private NotAllowedNow(String reason, String text, Map<String, String> metadata) {
      super(Status.Code.FAILED_PRECONDITION, reason, text, metadata);
    }

    @Override
    public NotAllowedNow with(String metadataKey, String value) {
      return new NotAllowedNow(reason(), text(), metadataAnd(metadataKey, value));
    }
  }

  /** RESOURCE_EXHAUSTED. */
  public static final class TooMany extends Rejection {
    private final Duration retryAfter;
    private final OptionalLong pushbackMillis;

    private TooMany(
        String reason,
        String text,
        Map<String, String> metadata,
        Duration retryAfter,
        OptionalLong pushbackMillis) {
      super(Status.Code.RESOURCE_EXHAUSTED, reason, text, metadata);
      this.retryAfter = retryAfter;
      this.pushbackMillis = pushbackMillis;
    }

    @Override
    public Optional<Duration> retryAfter() {
      return Optional.of(retryAfter);
    }

    @Override
    OptionalLong retryPushbackMillis() {
      return pushbackMillis.isPresent() ? pushbackMillis : super.retryPushbackMillis();
    }

    @Override
    public TooMany with(String metadataKey, String value) {
      return new TooMany(
          reason(), text(), metadataAnd(metadataKey, value), retryAfter, pushbackMillis);
    }
  }

  /** UNAUTHENTICATED. */
  public static final class Unauthenticated extends Rejection {
    private Unauthenticated(String reason, String text, Map<String, String> metadata) {
      super(Status.Code.UNAUTHENTICATED, reason, text, metadata);
    }

    @Override
    public Unauthenticated with(String metadataKey, String value) {
      return new Unauthenticated(reason(), text(), metadataAnd(metadataKey, value));
    }
  }

  /** PERMISSION_DENIED. */
  public static final class Forbidden extends Rejection {
    private Forbidden(String reason, String text, Map<String, String> metadata) {
      super(Status.Code.PERMISSION_DENIED, reason, text, metadata);
    }

    @Override
    public Forbidden with(String metadataKey, String value) {
      return new Forbidden(reason(), text(), metadataAnd(metadataKey, value));
    }
  }

  /** UNAVAILABLE. */
  public static final class Unavailable extends Rejection {
    private final Duration retryAfter;

    private Unavailable(
        String reason, String text, Map<String, String> metadata, Duration retryAfter) {
      super(Status.Code.UNAVAILABLE, reason, text, metadata);
      this.retryAfter = retryAfter;
    }

    @Override
    public Optional<Duration> retryAfter() {
      return Optional.of(retryAfter);
    }

    @Override
    public Unavailable with(String metadataKey, String value) {
      return new Unavailable(reason(), text(), metadataAnd(metadataKey, value), retryAfter);
    }
  }
}
