package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonGenerator;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import com.google.rpc.BadRequest;
import com.google.rpc.DebugInfo;
import com.google.rpc.ErrorDetailsProto;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.weft.transcoder.Defaults;
import dev.weft.transcoder.Pointers;
import dev.weft.transcoder.Schema;
import dev.weft.transcoder.WireToJson;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An error as the edge answers it, whoever made it: at once an RFC 9457 problem and a {@code
 * google.rpc.Status}.
 *
 * @param status of HTTP
 * @param code of gRPC
 * @param reason UPPER_SNAKE, part of the contract; says the code when the service gave none
 * @param message for people
 * @param details as in {@code google.rpc.Status}
 * @param violations what is wrong where, in the request's JSON
 * @param retryAfter when the same request may be made again
 */
record Problem(
    int status,
    Status.Code code,
    String reason,
    String message,
    List<Any> details,
    List<Violation> violations,
    Optional<Duration> retryAfter) {

  /** The standard details of errors, and nothing of any service's. */
  static final Schema STANDARD_DETAILS = Schema.of(List.of(ErrorDetailsProto.getDescriptor()));

  /** The ErrorInfo domain of errors that the edge makes itself. */
  static final String DOMAIN = "edge-gateway.weft";

  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  /**
   * One wrong part.
   *
   * @param pointer a JSON Pointer into the request, in lowerCamel names; empty for the whole
   */
  record Violation(String pointer, String detail) {
    @Override
    public String toString() {
      return pointer.isEmpty() ? detail : pointer + ": " + detail;
    }
  }

  Problem {
    details = List.copyOf(details);
    violations = List.copyOf(violations);
  }

  /** An error of the edge's own. */
  static Problem of(int status, Status.Code code, String reason, String message) {
    Any info = Any.pack(ErrorInfo.newBuilder().setReason(reason).setDomain(DOMAIN).build());
    return new Problem(
        status,
        code,
        reason,
        message,
        List.of(info),
        List.of(),
        status == 429 || status == 503 ? Optional.of(RETRY_AFTER) : Optional.empty());
  }

  /** Whatever went wrong inside the edge: says nothing about it. */
  static Problem internal() {
    return of(500, Status.Code.INTERNAL, "INTERNAL", "internal error");
  }

  /** What a call failed with, as {@link #of(Status, Metadata, Transcoder)}; empty if it did not. */
  static Optional<Problem> ofEnd(
      Status status, @Nullable Metadata trailers, @Nullable Transcoder transcoder) {
    return status.isOk() ? Optional.empty() : Optional.of(of(status, trailers, transcoder));
  }

  /** Whether a service has said that it has too much to do for this call. */
  boolean saysOverload() {
    return status == 503 && code == Status.Code.RESOURCE_EXHAUSTED;
  }

  /**
   * What a service answered instead of a reply, or what became of the call to it.
   *
   * @param transcoder for the names of fields in JSON; without it they keep those of the contract
   */
  static Problem of(Status status, @Nullable Metadata trailers, @Nullable Transcoder transcoder) {
    List<Any> details = new ArrayList<>();
    ErrorInfo info = ErrorInfo.getDefaultInstance();
    List<Violation> violations = new ArrayList<>();
    Optional<Duration> retryAfter = Optional.empty();
    String told = status.getDescription() == null ? "" : status.getDescription();
    for (Any detail : details(status, trailers)) {
      if (detail.is(DebugInfo.class)) {
        continue;
      }
      try {
        if (detail.is(ErrorInfo.class)) {
          info = detail.unpack(ErrorInfo.class);
        } else if (detail.is(RetryInfo.class)) {
          retryAfter =
              Optional.of(
                  Duration.ofNanos(
                      Durations.toNanos(detail.unpack(RetryInfo.class).getRetryDelay())));
        } else if (detail.is(BadRequest.class)) {
          for (var v : detail.unpack(BadRequest.class).getFieldViolationsList()) {
            if (transcoder != null) {
              Violation violation =
                  new Violation(transcoder.pointer(v.getField()), v.getDescription());
              told = inNamesOfJson(told, v.getField(), violation);
              violations.add(violation);
            }
          }
        }
      } catch (InvalidProtocolBufferException | IllegalArgumentException | ArithmeticException e) {
        // A detail nobody can read says nothing, but the rest does: it is printed as it came.
      }
      details.add(detail);
    }
    boolean reasonless = info.getReason().isEmpty();
    if (reasonless) {
      info = info.toBuilder().setReason(reason(status.getCode())).setDomain(DOMAIN).build();
      details.removeIf(detail -> detail.is(ErrorInfo.class));
      details.add(Any.pack(info));
    }
    int http =
        HttpStatuses.override(info.getDomain(), info.getMetadataMap())
            .orElse(HttpStatuses.of(status.getCode()));
    if (http == 500) {
      details.removeIf(detail -> !detail.is(ErrorInfo.class));
      violations.clear();
    }
    if (http == 429 || http == 503) {
      retryAfter = retryAfter.or(() -> Optional.of(RETRY_AFTER));
    }
    return new Problem(
        http,
        status.getCode(),
        info.getReason(),
        message(status.getCode(), told, reasonless),
        details,
        violations,
        retryAfter);
  }

  /** The same problem with these parts named, also as a {@code google.rpc.BadRequest}. */
  Problem withViolations(List<Violation> violations) {
    BadRequest.Builder bad = BadRequest.newBuilder();
    for (Violation v : violations) {
      bad.addFieldViolationsBuilder()
          .setField(Pointers.fieldPath(v.pointer()))
          .setDescription(v.detail());
    }
    List<Any> more = new ArrayList<>(details);
    more.add(Any.pack(bad.build()));
    return new Problem(status, code, reason, message, more, violations, retryAfter);
  }

  /** The same problem, of one element of a list of requests; the first is 0. */
  Problem ofElement(long index) {
    Problem plain =
        new Problem(
            status,
            code,
            reason,
            "element " + index + ": " + message,
            details.stream().filter(detail -> !detail.is(BadRequest.class)).toList(),
            List.of(),
            retryAfter);
    return violations.isEmpty()
        ? plain
        : plain.withViolations(
            violations.stream()
                .map(v -> new Violation("/" + index + v.pointer(), v.detail()))
                .toList());
  }

  /** The same problem, to be tried again after this time. */
  Problem withRetryAfter(Duration delay) {
    return new Problem(status, code, reason, message, details, violations, Optional.of(delay));
  }

  /** The value of {@code Retry-After}: whole seconds, at least one. */
  Optional<String> retryAfterSeconds() {
    return retryAfter.map(d -> Long.toString(Math.max(1, d.plusMillis(999).toSeconds())));
  }

  /**
   * Writes the one body all errors have.
   *
   * @param instance the path of the request, without its query
   * @param schema to print details by; those it does not know keep their type URL and bytes
   */
  void write(JsonGenerator out, String instance, String requestId, String traceId, Schema schema)
      throws IOException {
    out.writeStartObject();
    out.writeStringField("type", type());
    out.writeStringField("title", HttpStatuses.title(status));
    out.writeNumberField("status", status);
    out.writeStringField("detail", message);
    out.writeStringField("instance", instance);
    out.writeNumberField("code", code.value());
    out.writeStringField("message", message);
    out.writeArrayFieldStart("details");
    for (Any detail : details) {
      byte[] json =
          WireToJson.json(
              schema, schema.plan(Any.getDescriptor()), detail.toByteArray(), Defaults.PRINTED);
      out.writeRawValue(new String(json, UTF_8));
    }
    out.writeEndArray();
    out.writeStringField("reason", reason);
    out.writeStringField("requestId", requestId);
    if (!traceId.isEmpty()) {
      out.writeStringField("traceId", traceId);
    }
    if (!violations.isEmpty()) {
      out.writeArrayFieldStart("errors");
      for (Violation v : violations) {
        out.writeStartObject();
        out.writeStringField("pointer", v.pointer());
        out.writeStringField("detail", v.detail());
        out.writeEndObject();
      }
      out.writeEndArray();
    }
    out.writeEndObject();
  }

  private String type() {
    return "urn:weft:problem:" + reason.toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static List<Any> details(Status status, @Nullable Metadata trailers) {
    if (trailers == null) {
      return List.of();
    }
    try {
      return StatusProto.fromStatusAndTrailers(status, trailers).getDetailsList();
    } catch (IllegalArgumentException e) {
      // Bytes that are no google.rpc.Status.
      return List.of();
    }
  }

  /** A text that begins with the path of a wrong field, with the pointer to it instead. */
  private static String inNamesOfJson(String text, String fieldPath, Violation violation) {
    String begin = fieldPath + ": " + violation.detail();
    return !fieldPath.isEmpty() && text.startsWith(begin)
        ? violation + text.substring(begin.length())
        : text;
  }

  /** Why, if the service does not say, or if there is none that could. */
  private static String reason(Status.Code code) {
    return switch (code) {
      case UNAVAILABLE -> "UPSTREAM_UNAVAILABLE";
      case DEADLINE_EXCEEDED -> "UPSTREAM_TIMEOUT";
      case OK, UNKNOWN, INTERNAL, DATA_LOSS -> "INTERNAL";
      case CANCELLED,
          INVALID_ARGUMENT,
          NOT_FOUND,
          ALREADY_EXISTS,
          PERMISSION_DENIED,
          RESOURCE_EXHAUSTED,
          FAILED_PRECONDITION,
          ABORTED,
          OUT_OF_RANGE,
          UNIMPLEMENTED,
          UNAUTHENTICATED ->
          code.name();
    };
  }

  /**
   * What may be told. Messages of failures nobody foresaw hold class names, SQL or addresses: those
   * that gRPC makes on this side have no reason, and an unexpected failure of a service is
   * internal.
   */
  private static String message(Status.Code code, String own, boolean reasonless) {
    return switch (code) {
      case UNKNOWN, INTERNAL, DATA_LOSS -> "internal error";
      case CANCELLED -> reasonless ? "the call was cancelled" : own;
      case UNAVAILABLE -> reasonless ? "the service is not available" : own;
      case DEADLINE_EXCEEDED -> reasonless ? "the service did not answer in time" : own;
      case UNIMPLEMENTED -> reasonless ? "the service does not implement this" : own;
      case OK,
          INVALID_ARGUMENT,
          NOT_FOUND,
          ALREADY_EXISTS,
          PERMISSION_DENIED,
          RESOURCE_EXHAUSTED,
          FAILED_PRECONDITION,
          ABORTED,
          OUT_OF_RANGE,
          UNAUTHENTICATED ->
          own;
    };
  }
}
