package dev.weft.edge;

import static dev.weft.edge.ApiSchemas.ordered;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The answers of one route that are no errors, as OpenAPI describes them. */
final class ApiAnswer {
  private ApiAnswer() {}

  /** By status. */
  static Map<String, Object> of(Route route, ApiSchemas schemas, ApiCommon common) {
    Map<String, Object> answers = new LinkedHashMap<>();
    Rpc rpc = route.rpc();
    int status = rpc.successStatus();
    Map<String, Object> success = ordered("description", description(route));
    Map<String, Object> headers = headers(route, common);
    if (!headers.isEmpty()) {
      success.put("headers", headers);
    }
    if (status != 204) {
      success.put("content", content(route, schemas, common));
    }
    answers.put(Integer.toString(status), success);
    if (headers.containsKey("ETag") && isRead(route)) {
      answers.put("304", Map.of("description", "What the client has is still so."));
    }
    if (route.transcoder().answersAnything() && isRead(route)) {
      answers.put(
          "206", ordered("description", "A part, as Range asks for.", "content", anything()));
    }
    return answers;
  }

  private static String description(Route route) {
    if (!route.rpc().oneReply()) {
      return "A stream of messages; a failure after the first is its last record.";
    }
    return switch (route.rpc().successStatus()) {
      case 200 -> "OK";
      case 201 -> "Created";
      case 202 -> "Accepted";
      case 204 -> "Done, and nothing to say.";
      default -> "Success";
    };
  }

  private static boolean isRead(Route route) {
    return route.rpc().unary() && route.httpMethod().equals("GET");
  }

  /** As {@link Success} sets them. */
  private static Map<String, Object> headers(Route route, ApiCommon common) {
    Transcoder transcoder = route.transcoder();
    Map<String, Object> headers = new LinkedHashMap<>();
    if (!route.rpc().unary()) {
      return headers;
    }
    boolean read = isRead(route) && route.rpc().successStatus() == 200;
    boolean located = route.rpc().successStatus() == 201 && route.identifies().isPresent();
    boolean changed = located || route.httpMethod().equals("PATCH");
    if (located) {
      headers.put("Location", common.ref("headers/Location"));
    }
    if (transcoder.saysVersion()
        ? read || (changed && route.rpc().successStatus() != 204)
        : read && !route.rpc().fresh().isZero()) {
      headers.put("ETag", common.ref("headers/ETag"));
    }
    if (read && transcoder.hasPages()) {
      headers.put("Link", common.ref("headers/Link"));
    }
    if (read && !route.rpc().fresh().isZero()) {
      headers.put("Cache-Control", common.ref("headers/CacheControl"));
    }
    for (String name : List.of("Deprecation", "Sunset")) {
      if (route.rpc().endOfLife().containsKey(name)) {
        headers.put(name, common.ref("headers/" + name));
      }
    }
    return headers;
  }

  private static Map<String, Object> anything() {
    return Map.of("*/*", Map.of());
  }

  /** The field that is the body of the answer; empty when all of the reply is. */
  static Optional<FieldDescriptor> body(Transcoder transcoder) {
    String name = transcoder.binding().responseBody();
    return name.isEmpty()
        ? Optional.empty()
        : Optional.of(transcoder.method().getOutputType().findFieldByName(name));
  }

  private static Map<String, Object> content(Route route, ApiSchemas schemas, ApiCommon common) {
    Transcoder transcoder = route.transcoder();
    if (transcoder.answersAnything()) {
      return anything();
    }
    Descriptor output = transcoder.method().getOutputType();
    Optional<FieldDescriptor> body = body(transcoder);
    Map<String, Object> message = body.map(schemas::field).orElseGet(() -> schemas.message(output));
    message.remove("readOnly");
    Optional<Object> example =
        body.map(field -> ApiExamples.of(field, ApiExamples::isAnswered))
            .orElseGet(() -> ApiExamples.of(output, ApiExamples::isAnswered));
    if (route.rpc().oneReply()) {
      return Map.of("application/json", ApiRequest.media(message, example));
    }
    Map<String, Object> record =
        ordered("anyOf", List.of(message, common.ref("schemas/StreamFailure")));
    return ordered(
        "application/x-ndjson", ApiRequest.media(record, Optional.empty()),
        "application/json",
            ApiRequest.media(
                ordered("type", "array", "items", record), example.map(one -> List.of(one))),
        "text/event-stream",
            ApiRequest.media(
                ordered(
                    "type",
                    "string",
                    "description",
                    "Events whose data are the messages; `event: error` and a Problem end one"
                        + " that failed."),
                Optional.empty()));
  }
}
