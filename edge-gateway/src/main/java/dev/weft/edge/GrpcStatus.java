package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Any;
import com.google.protobuf.util.Durations;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** How a call ended, as the trailers of gRPC say it. */
final class GrpcStatus {
  /** Of details; more than that a client may refuse to read. */
  private static final int DETAILS_BYTES_MAX = 4 * 1024;

  private GrpcStatus() {}

  /**
   * The trailers.
   *
   * @param also what the service said besides
   */
  static Map<String, String> trailers(Optional<Problem> failure, Map<String, String> also) {
    Map<String, String> trailers = new LinkedHashMap<>(also);
    trailers.put("grpc-status", Integer.toString(failure.map(p -> p.code().value()).orElse(0)));
    failure.ifPresent(
        problem -> {
          trailers.put("grpc-message", encoded(problem.message()));
          byte[] details = status(problem).toByteArray();
          if (details.length <= DETAILS_BYTES_MAX) {
            trailers.put(
                "grpc-status-details-bin",
                Base64.getEncoder().withoutPadding().encodeToString(details));
          }
        });
    return trailers;
  }

  /** The same as a message, with the time to come back among its details. */
  static Status status(Problem problem) {
    Status.Builder status =
        Status.newBuilder()
            .setCode(problem.code().value())
            .setMessage(problem.message())
            .addAllDetails(problem.details());
    problem
        .retryAfter()
        .filter(_ -> problem.details().stream().noneMatch(d -> d.is(RetryInfo.class)))
        .ifPresent(
            after ->
                status.addDetails(
                    Any.pack(
                        RetryInfo.newBuilder()
                            .setRetryDelay(Durations.fromNanos(after.toNanos()))
                            .build())));
    return status.build();
  }

  /** Text as {@code grpc-message} has it: all but visible ASCII in percent-encoding. */
  private static String encoded(String text) {
    StringBuilder out = new StringBuilder();
    for (byte b : text.getBytes(UTF_8)) {
      if (b >= ' ' && b < 0x7f && b != '%') {
        out.append((char) b);
      } else {
        out.append("%%%02X".formatted(b & 0xff));
      }
    }
    return out.toString();
  }
}
