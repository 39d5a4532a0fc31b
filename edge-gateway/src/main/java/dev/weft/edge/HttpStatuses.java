package dev.weft.edge;

import io.grpc.Status;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/** Which HTTP status says what a gRPC status code says. */
final class HttpStatuses {
  /** What a service of ours may ask for instead, in {@code http_status} of its ErrorInfo. */
  private static final Set<Integer> OVERRIDES = Set.of(402, 409, 412, 422, 428, 503);

  private HttpStatuses() {}

  /** The table of google/rpc/code.proto, with 499 for a client that left. */
  static int of(Status.Code code) {
    return switch (code) {
      case OK -> 200;
      case CANCELLED -> 499;
      case INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE -> 400;
      case UNAUTHENTICATED -> 401;
      case PERMISSION_DENIED -> 403;
      case NOT_FOUND -> 404;
      case ALREADY_EXISTS, ABORTED -> 409;
      case RESOURCE_EXHAUSTED -> 429;
      case UNKNOWN, INTERNAL, DATA_LOSS -> 500;
      case UNIMPLEMENTED -> 501;
      case UNAVAILABLE -> 503;
      case DEADLINE_EXCEEDED -> 504;
    };
  }

  /** The status that an ErrorInfo asks for, if its domain is one of ours and it may. */
  static OptionalInt override(String domain, Map<String, String> metadata) {
    String wanted = metadata.get("http_status");
    if (wanted != null && domain.endsWith(".weft")) {
      for (int status : OVERRIDES) {
        if (wanted.equals(Integer.toString(status))) {
          return OptionalInt.of(status);
        }
      }
    }
    return OptionalInt.empty();
  }

  /** The reason phrase of RFC 9110. */
  static String title(int status) {
    return switch (status) {
      case 400 -> "Bad Request";
      case 401 -> "Unauthorized";
      case 402 -> "Payment Required";
      case 403 -> "Forbidden";
      case 404 -> "Not Found";
      case 405 -> "Method Not Allowed";
      case 406 -> "Not Acceptable";
      case 408 -> "Request Timeout";
      case 409 -> "Conflict";
      case 412 -> "Precondition Failed";
      case 413 -> "Content Too Large";
      case 414 -> "URI Too Long";
      case 415 -> "Unsupported Media Type";
      case 416 -> "Range Not Satisfiable";
      case 417 -> "Expectation Failed";
      case 421 -> "Misdirected Request";
      case 422 -> "Unprocessable Content";
      case 426 -> "Upgrade Required";
      case 428 -> "Precondition Required";
      case 429 -> "Too Many Requests";
      case 431 -> "Request Header Fields Too Large";
      case 499 -> "Client Closed Request";
      case 501 -> "Not Implemented";
      case 503 -> "Service Unavailable";
      case 504 -> "Gateway Timeout";
      case 505 -> "HTTP Version Not Supported";
      default -> "Internal Server Error";
    };
  }
}
