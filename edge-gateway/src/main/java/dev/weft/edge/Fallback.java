package dev.weft.edge;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import java.util.Map;
import java.util.Optional;

/**
 * What is answered in the place of a service that cannot be asked.
 *
 * @param reply the bytes that the contract declares
 * @param problem why it is not the service's
 */
record Fallback(ByteString reply, Problem problem) {
  static final String HEADER = "Proxy-Status";

  private static final int SERVER_ERROR = 500;

  /** What the contract declares to be answered for this; mostly nothing. */
  static Optional<Fallback> of(Rpc rpc, Problem problem) {
    return isAbsence(problem)
        ? rpc.fallback().map(reply -> new Fallback(reply, problem))
        : Optional.empty();
  }

  /** Whether this says nothing of the request, but that the service could not be asked. */
  static boolean isAbsence(Problem problem) {
    return problem.status() >= SERVER_ERROR
        && (problem.code() == Status.Code.UNAVAILABLE
            || problem.code() == Status.Code.DEADLINE_EXCEEDED
            // Of which a service says 503 when it has no room.
            || problem.code() == Status.Code.RESOURCE_EXHAUSTED);
  }

  byte[] message() {
    return reply.toByteArray();
  }

  /** By which a client can tell (RFC 9209). */
  Map<String, String> headers() {
    String error =
        problem.code() == Status.Code.DEADLINE_EXCEEDED
            ? "http_response_timeout"
            : "destination_unavailable";
    return Map.of(HEADER, "weft; error=" + error + "; details=\"fallback\"");
  }
}
