package dev.weft.edge;

import io.grpc.Status;
import io.netty.handler.codec.http.HttpHeaders;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.context.Context;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** What is noted of one request: for its span, its metrics and its line in the access log. */
final class Observation {
  /** What logs call a request that was given up before its answer began. */
  private static final int CLIENT_LEFT = 499;

  private final HttpTelemetry telemetry;
  private final String method;
  private final String scheme;
  private final String requestId;
  private final Context context;
  private final Span span;
  private final long began = System.nanoTime();

  /** Negative until it has ended. */
  private long took = -1;

  private String route = "";
  private String service = "";
  private String deprecatedRpc = "";
  private String reason = "";
  private int status;
  private Status.@Nullable Code code;
  private long bytes;
  private boolean gone;

  Observation(
      HttpTelemetry telemetry,
      String method,
      String scheme,
      String requestId,
      Context context,
      Span span) {
    this.telemetry = telemetry;
    this.method = method;
    this.scheme = scheme;
    this.requestId = requestId;
    this.context = context;
    this.span = span;
  }

  /** The id under which the request is known in logs and in the answer. */
  String requestId() {
    return requestId;
  }

  /** Empty when nothing is traced. */
  String traceId() {
    SpanContext at = span.getSpanContext();
    return at.isValid() ? at.getTraceId() : "";
  }

  /** The request's place in its trace, as W3C writes it; empty when nothing is traced. */
  String traceparent() {
    SpanContext at = span.getSpanContext();
    return at.isValid()
        ? "00-" + at.getTraceId() + "-" + at.getSpanId() + "-" + at.getTraceFlags().asHex()
        : "";
  }

  /** Where calls made for this request belong. */
  Context context() {
    return context;
  }

  Span span() {
    return span;
  }

  long elapsedNanos() {
    return took < 0 ? System.nanoTime() - began : took;
  }

  long elapsedMillis() {
    return TimeUnit.NANOSECONDS.toMillis(elapsedNanos());
  }

  void route(Route found) {
    route = found.template().text();
    service = found.rpc().service();
    deprecatedRpc = found.rpc().endOfLife().isEmpty() ? "" : found.rpc().name();
  }

  /** It goes where no contract says, under this name. */
  void route(String template, String to) {
    route = template;
    service = to;
  }

  /** Adds what a service is told of the trace that this belongs to. */
  void tell(HttpHeaders headers) {
    telemetry.tell(context, headers);
  }

  void status(int answered) {
    status = answered;
  }

  void reason(String of) {
    reason = of;
  }

  /** How the call ended, for an answer whose status does not say it. */
  void called(Optional<Problem> failure) {
    code = failure.map(Problem::code).orElse(Status.Code.OK);
    failure.ifPresent(problem -> reason = problem.reason());
  }

  /** The answer is complete. */
  void end(long bytesSent) {
    bytes = bytesSent;
    took = elapsedNanos();
    telemetry.ended(this);
  }

  /** The client left before its answer was complete. */
  void gone() {
    gone = true;
    if (status == 0) {
      status = CLIENT_LEFT;
    }
    took = elapsedNanos();
    telemetry.ended(this);
  }

  String method() {
    return method;
  }

  String scheme() {
    return scheme;
  }

  /** The template, never the path: as many names as there are routes. */
  String route() {
    return route;
  }

  String service() {
    return service;
  }

  /** The RPC that is called, if its end is in sight; mostly empty. */
  String deprecatedRpc() {
    return deprecatedRpc;
  }

  String reason() {
    return reason;
  }

  int status() {
    return status;
  }

  /** How the call ended, where the status does not say it. */
  Status.@Nullable Code code() {
    return code;
  }

  long bytes() {
    return bytes;
  }

  boolean left() {
    return gone;
  }
}
