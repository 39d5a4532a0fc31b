package dev.weft.edge;

import static dev.weft.edge.ApiSchemas.ordered;

import io.grpc.Status;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * How calls of a method fail: by what the edge checks of its requests, and by what its comment says
 * behind the word "Errors", as in {@code Errors: NOT_FOUND ORDER_NOT_FOUND; ABORTED BEHIND, 412}.
 */
final class ApiErrors {
  /** Of other statuses nothing is described, since none of them is answered to a known path. */
  static final List<Integer> STATUSES =
      List.of(
          400, 401, 402, 403, 404, 406, 408, 409, 412, 413, 415, 416, 422, 426, 428, 429, 499, 500,
          501, 503, 504);

  private static final String CODES =
      Arrays.stream(Status.Code.values())
          .filter(code -> code != Status.Code.OK)
          .map(Enum::name)
          .collect(Collectors.joining("|"));

  /** A code, reasons behind it, and the status if it is another than the code's. */
  private static final Pattern SAID =
      Pattern.compile(
          "\\b("
              + CODES
              + ")\\b((?:[\\s,]+[A-Z][A-Z0-9]*_[A-Z0-9_]+\\b)*)(?:,\\s*([45][0-9]{2})\\b)?");

  private static final Pattern REASON = Pattern.compile("[A-Z][A-Z0-9_]+");

  private ApiErrors() {}

  /**
   * The answers of a route that are errors, by status, each as a reference.
   *
   * @param comment of its method; may be empty
   */
  static Map<String, Object> answers(Route route, String comment, ApiCommon common) {
    Map<Integer, List<String>> reasons = said(comment);
    boolean known = !reasons.isEmpty();
    List<Integer> own = own(route);
    own.forEach(status -> reasons.computeIfAbsent(status, _ -> new ArrayList<>()));
    if (!known && !route.rpc().grpc().isSafe()) {
      // Whoever says nothing may mean that what is there already is in the way.
      reasons.computeIfAbsent(409, _ -> new ArrayList<>());
    }
    Map<String, Object> answers = new LinkedHashMap<>();
    reasons.forEach(
        (status, why) -> {
          Map<String, Object> answer = common.ref("responses/" + name(status));
          if (!why.isEmpty()) {
            answer.put("description", HttpStatuses.title(status) + ": " + String.join(", ", why));
          }
          answers.put(Integer.toString(status), answer);
        });
    return answers;
  }

  /** What the edge itself may answer, and any service. */
  private static List<Integer> own(Route route) {
    Transcoder transcoder = route.transcoder();
    boolean safe = route.rpc().grpc().isSafe();
    List<Integer> statuses = new ArrayList<>(List.of(400, 429, 500, 503, 504));
    if (route.rpc().access() instanceof Access.Authenticated) {
      statuses.addAll(List.of(401, 403));
    }
    if (!route.template().variables().isEmpty()) {
      statuses.add(404);
    }
    if (!transcoder.answersAnything()) {
      statuses.add(406);
    }
    if (transcoder.takesBody() && !route.httpMethod().equals("GET")) {
      statuses.addAll(List.of(408, 413, 415));
    }
    if (safe ? transcoder.saysVersion() : ApiRequest.takesVersion(route)) {
      statuses.add(412);
    }
    if (ApiRequest.takesVersion(route) && transcoder.needsVersion()) {
      statuses.add(428);
    }
    if (transcoder.needsRequestId()) {
      statuses.add(422);
    }
    if (transcoder.answersAnything() && route.rpc().unary() && safe) {
      statuses.add(416);
    }
    if (!route.rpc().oneRequest() && route.httpMethod().equals("GET")) {
      statuses.add(426);
    }
    return statuses;
  }

  private static Map<Integer, List<String>> said(String comment) {
    Map<Integer, List<String>> reasons = new TreeMap<>();
    int begin = comment.indexOf("Errors");
    if (begin < 0) {
      return reasons;
    }
    for (String part : comment.substring(begin).split(";", -1)) {
      Matcher said = SAID.matcher(part);
      if (said.find()) {
        int status =
            said.group(3) == null
                ? HttpStatuses.of(Status.Code.valueOf(said.group(1)))
                : Integer.parseInt(said.group(3));
        if (STATUSES.contains(status)) {
          REASON
              .matcher(said.group(2))
              .results()
              .forEach(
                  reason ->
                      reasons.computeIfAbsent(status, _ -> new ArrayList<>()).add(reason.group()));
        }
      }
    }
    return reasons;
  }

  private static String name(int status) {
    return HttpStatuses.title(status).replace(" ", "");
  }

  /** All that operations may refer to. */
  static Map<String, Object> responses(ApiCommon common) {
    Map<String, Object> responses = new TreeMap<>();
    for (int status : STATUSES) {
      Map<String, Object> response = ordered("description", HttpStatuses.title(status));
      if (status == 429 || status == 503) {
        response.put("headers", Map.of("Retry-After", common.ref("headers/RetryAfter")));
      } else if (status == 401) {
        response.put("headers", Map.of("WWW-Authenticate", common.ref("headers/WwwAuthenticate")));
      }
      response.put(
          "content",
          Map.of(
              "application/problem+json",
              ordered("schema", common.ref("schemas/Problem"), "example", example(status))));
      responses.put(name(status), response);
    }
    return responses;
  }

  private static Map<String, Object> example(int status) {
    Status.Code code =
        Arrays.stream(Status.Code.values())
            .filter(one -> HttpStatuses.of(one) == status)
            .findFirst()
            .orElse(Status.Code.FAILED_PRECONDITION);
    return ordered(
        "type", "urn:weft:problem:example",
        "title", HttpStatuses.title(status),
        "status", status,
        "detail", "what is wrong",
        "instance", "/v1/examples",
        "code", code.value(),
        "message", "what is wrong",
        "details", List.of(),
        "reason", "EXAMPLE",
        "requestId", "0198f0de-7a3b-7c51-9d2e-5b8f4c1a6e90");
  }

  /** As {@link Problem#write} writes it. */
  static Map<String, Object> problem() {
    Map<String, Object> text = Map.of("type", "string");
    Map<String, Object> error =
        ordered(
            "type",
            "object",
            "properties",
            ordered(
                "pointer",
                ordered("type", "string", "description", "A JSON Pointer into the request."),
                "detail",
                text),
            "required",
            List.of("pointer", "detail"));
    Map<String, Object> properties =
        ordered(
            "type", text,
            "title", text,
            "status", Map.of("type", "integer"),
            "detail", text,
            "instance", text,
            "code", ordered("type", "integer", "description", "Of google.rpc.Code."),
            "message", text,
            "details",
                ordered(
                    "type", "array",
                    "items", ordered("type", "object", "properties", Map.of("@type", text)),
                    "description", "As in google.rpc.Status."),
            "reason",
                ordered(
                    "type", "string",
                    "description", "What programs may go by, such as ORDER_NOT_FOUND."),
            "requestId", text,
            "traceId", text,
            "errors", ordered("type", "array", "items", error));
    return ordered(
        "type",
        "object",
        "properties",
        properties,
        "required",
        List.of(
            "type",
            "title",
            "status",
            "detail",
            "instance",
            "code",
            "message",
            "details",
            "reason",
            "requestId"),
        "description",
        "An RFC 9457 problem that is a google.rpc.Status too.");
  }
}
