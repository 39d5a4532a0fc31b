package dev.weft.edge;

import io.grpc.Status.Code;
import java.time.Duration;

/** The errors that the edge makes itself and that are not about one part of a request. */
final class Problems {
  private Problems() {}

  static Problem malformedHttp() {
    return Problem.of(
        400, Code.INVALID_ARGUMENT, "MALFORMED_REQUEST", "the request is not valid HTTP");
  }

  static Problem badHost() {
    return Problem.of(
        400, Code.INVALID_ARGUMENT, "MALFORMED_REQUEST", "exactly one valid Host is required");
  }

  static Problem misdirected() {
    return Problem.of(
        421, Code.INVALID_ARGUMENT, "MISDIRECTED_REQUEST", "this edge does not serve this Host");
  }

  static Problem tlsRequired() {
    return Problem.of(
        400, Code.INVALID_ARGUMENT, "TLS_REQUIRED", "this port is spoken to over TLS");
  }

  static Problem noRoute() {
    return Problem.of(404, Code.NOT_FOUND, "ROUTE_NOT_FOUND", "no service has this path");
  }

  static Problem starting() {
    return Problem.of(
            503,
            Code.UNAVAILABLE,
            "EDGE_STARTS",
            "this edge has just started and does not know all services yet")
        .withRetryAfter(Duration.ofSeconds(1));
  }

  static Problem wrongMethod() {
    return Problem.of(
        405, Code.UNIMPLEMENTED, "METHOD_NOT_ALLOWED", "this path does not take this method");
  }

  static Problem methodUnknown() {
    return Problem.of(
        501, Code.UNIMPLEMENTED, "METHOD_NOT_IMPLEMENTED", "this method is not implemented");
  }

  static Problem notAcceptable(String available) {
    return Problem.of(
        406, Code.INVALID_ARGUMENT, "NOT_ACCEPTABLE", "this answer comes as " + available);
  }

  static Problem tooSlow() {
    return Problem.of(
        408, Code.DEADLINE_EXCEEDED, "REQUEST_TIMEOUT", "the request did not arrive in time");
  }

  static Problem etagMismatch() {
    return Problem.of(
        412, Code.ABORTED, "ETAG_MISMATCH", "the resource is not of the version that is asked for");
  }

  static Problem conditionNotChecked(String header) {
    return Problem.of(
        412,
        Code.FAILED_PRECONDITION,
        "CONDITION_NOT_CHECKED",
        "this method does not check " + header + ", and does nothing that depends on it");
  }

  static Problem documentTooLong(int bytesMax) {
    return Problem.of(
        500,
        Code.RESOURCE_EXHAUSTED,
        "DOCUMENT_TOO_LONG",
        "the description of all that is served has more than " + bytesMax + " bytes");
  }

  static Problem etagRequired() {
    return Problem.of(
        428,
        Code.FAILED_PRECONDITION,
        "ETAG_REQUIRED",
        "If-Match is required, with the ETag of the resource that is to be changed");
  }

  static Problem bodyTooLong(long bytesMax) {
    return Problem.of(
        413, Code.INVALID_ARGUMENT, "BODY_TOO_LARGE", "the body may have " + bytesMax + " bytes");
  }

  static Problem targetTooLong(int bytesMax) {
    return Problem.of(
        414,
        Code.INVALID_ARGUMENT,
        "TARGET_TOO_LONG",
        "the target may have " + bytesMax + " bytes");
  }

  static Problem mediaType() {
    return Problem.of(
        415,
        Code.INVALID_ARGUMENT,
        "UNSUPPORTED_MEDIA_TYPE",
        "a body must be application/json in UTF-8");
  }

  static Problem contentType() {
    return Problem.of(
        415, Code.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE", "Content-Type is not one media type");
  }

  static Problem noSuchRange(long length) {
    return Problem.of(
        416,
        Code.OUT_OF_RANGE,
        "RANGE_NOT_SATISFIABLE",
        "the body has " + length + " bytes, and none of those that are asked for");
  }

  static Problem contentCoding() {
    return Problem.of(
        415,
        Code.INVALID_ARGUMENT,
        "UNSUPPORTED_CONTENT_ENCODING",
        "a body may be coded once, with " + ContentCoding.TAKEN);
  }

  static Problem bodyExpands() {
    return Problem.of(
        413,
        Code.INVALID_ARGUMENT,
        "BODY_EXPANDS",
        "the body expands to more than its coded length allows for");
  }

  static Problem expectation() {
    return Problem.of(
        417, Code.INVALID_ARGUMENT, "EXPECTATION_FAILED", "only 100-continue can be expected");
  }

  static Problem headerTooLong() {
    return Problem.of(
        431, Code.INVALID_ARGUMENT, "HEADER_TOO_LARGE", "the header has too many fields or bytes");
  }

  static Problem httpVersion() {
    return Problem.of(
        505, Code.UNIMPLEMENTED, "HTTP_VERSION", "HTTP/2, HTTP/1.1 and HTTP/1.0 are understood");
  }

  static Problem tokenMissing() {
    return Problem.of(401, Code.UNAUTHENTICATED, "TOKEN_MISSING", "a bearer token is required");
  }

  static Problem tokenInvalid() {
    return Problem.of(401, Code.UNAUTHENTICATED, "TOKEN_INVALID", "the token is not valid");
  }

  static Problem originNotAllowed() {
    return Problem.of(
        403,
        Code.PERMISSION_DENIED,
        "ORIGIN_NOT_ALLOWED",
        "pages of this origin may not ask for this here");
  }

  static Problem explanationNotAllowed() {
    return Problem.of(
        403,
        Code.PERMISSION_DENIED,
        "EXPLANATION_NOT_ALLOWED",
        "explanations are for this machine and for users with the role " + Explain.ROLE);
  }

  static Problem webSocketVersion() {
    return Problem.of(
        426, Code.UNIMPLEMENTED, "WEBSOCKET_VERSION", "there is version 13 of WebSocket only");
  }

  static Problem webSocketRequired() {
    return Problem.of(
        426,
        Code.UNIMPLEMENTED,
        "WEBSOCKET_REQUIRED",
        "this method takes a stream of messages, which a GET brings over a WebSocket only");
  }

  static Problem messageBehindTheEnd() {
    return Problem.of(
        400,
        Code.INVALID_ARGUMENT,
        "MESSAGE_AFTER_END",
        "no message may follow the last, or the empty one that says there are no more");
  }

  static Problem roleRequired() {
    return Problem.of(
        403, Code.PERMISSION_DENIED, "ROLE_REQUIRED", "the user has none of the roles required");
  }

  static Problem rateLimited(String limit, Quota quota, Duration wait) {
    return Problem.of(
            429,
            Code.RESOURCE_EXHAUSTED,
            "RATE_LIMITED",
            "the limit of this %s is %d requests in %d s"
                .formatted(limit, quota.requests(), quota.windowSeconds()))
        .withRetryAfter(wait);
  }

  static Problem tooManyStreams(int max) {
    return Problem.of(
            429, Code.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", max + " streams are open already")
        .withRetryAfter(Duration.ofSeconds(5));
  }

  static Problem tooManyConnections(int max) {
    return Problem.of(
            429,
            Code.RESOURCE_EXHAUSTED,
            "TOO_MANY_CONNECTIONS",
            max + " connections of this address are open already")
        .withRetryAfter(Duration.ofSeconds(5));
  }

  static Problem stopping() {
    return Problem.of(503, Code.UNAVAILABLE, "EDGE_STOPS", "this edge stops; connect again");
  }

  static Problem notKept() {
    return Problem.of(
        504, Code.UNAVAILABLE, "NOT_CACHED", "no answer is kept that this request would take");
  }

  static Problem overloaded() {
    return Problem.of(503, Code.UNAVAILABLE, "OVERLOADED", "too much is being worked on");
  }

  /** A service has said that it has no room for more than is under way. */
  static Problem overloaded(String service) {
    return Problem.of(
        503,
        Code.RESOURCE_EXHAUSTED,
        "OVERLOADED",
        service + " is at work on as much as it can do");
  }

  /** The bulkhead of one service or of one method is full. */
  static Problem busy(String service) {
    return Problem.of(
        503, Code.UNAVAILABLE, "SERVICE_BUSY", service + " is at work on as much as it may be");
  }

  static Problem noInstance(String service) {
    return Problem.of(
        503,
        Code.UNAVAILABLE,
        "NO_HEALTHY_INSTANCE",
        "no instance of " + service + " is healthy at the moment");
  }

  static Problem unreachable() {
    return Problem.of(
        503, Code.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "the service is not available");
  }

  static Problem unanswered() {
    return Problem.of(
        504, Code.DEADLINE_EXCEEDED, "UPSTREAM_TIMEOUT", "the service did not answer in time");
  }

  static Problem answerBroken() {
    return Problem.of(
        502, Code.UNAVAILABLE, "UPSTREAM_BROKEN", "the service did not answer as HTTP has it");
  }

  static Problem rpcUnknown() {
    return Problem.of(404, Code.UNIMPLEMENTED, "RPC_NOT_FOUND", "no service offers this RPC");
  }

  static Problem encodingUnknown() {
    return Problem.of(
        415,
        Code.UNIMPLEMENTED,
        "ENCODING_UNKNOWN",
        "messages can be encoded as " + ContentCoding.TAKEN);
  }

  static Problem messageTooLong(int bytesMax) {
    return Problem.of(
        413,
        Code.RESOURCE_EXHAUSTED,
        "MESSAGE_TOO_LARGE",
        "a message may have " + bytesMax + " bytes");
  }

  static Problem oneMessage() {
    return Problem.of(400, Code.UNIMPLEMENTED, "ONE_MESSAGE", "this RPC takes exactly one message");
  }

  static Problem protocolUnknown() {
    return Problem.of(
        415,
        Code.INVALID_ARGUMENT,
        "UNSUPPORTED_MEDIA_TYPE",
        "this RPC is called in gRPC, gRPC-Web or Connect");
  }

  static Problem needsHttp2() {
    return Problem.of(
        505, Code.UNIMPLEMENTED, "HTTP_VERSION", "gRPC is spoken over HTTP/2; gRPC-Web is not");
  }

  static Problem streamMediaType() {
    return Problem.of(
        415,
        Code.INVALID_ARGUMENT,
        "UNSUPPORTED_MEDIA_TYPE",
        "a body of many messages must be application/x-ndjson or an array of application/json,"
            + " in UTF-8");
  }
}
