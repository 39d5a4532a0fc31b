package dev.weft.edge;

import static dev.weft.edge.ApiSchemas.ordered;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What operations of all services refer to, of which the document has what it refers to. Not
 * thread-safe; made for one document.
 */
final class ApiCommon {
  private final Set<String> used = new HashSet<>();

  /**
   * A reference.
   *
   * @param place as in {@code headers/ETag}
   */
  Map<String, Object> ref(String place) {
    used.add(place);
    return ordered("$ref", "#/components/" + place);
  }

  /** Schemas as JSON, by their names, which no message has: those have packages. */
  Map<String, String> schemas() {
    Map<String, String> schemas = new TreeMap<>();
    if (used.contains("schemas/StreamFailure")) {
      Map<String, Object> failure =
          ordered(
              "type",
              "object",
              "properties",
              Map.of("error", ref("schemas/Problem")),
              "required",
              List.of("error"),
              "description",
              "The last record of a stream that failed.");
      schemas.put("StreamFailure", JsonTree.text(failure));
    }
    schemas.put("Problem", JsonTree.text(ApiErrors.problem()));
    return schemas;
  }

  /** All but schemas, by kind. */
  Map<String, Object> components() {
    // They refer to headers.
    Map<String, Object> responses = ofThose("responses", ApiErrors.responses(this));
    return ordered(
        "responses", responses,
        "parameters", ofThose("parameters", parameters()),
        "headers", ofThose("headers", headers()),
        "securitySchemes",
            Map.of(
                "bearer",
                ordered(
                    "type", "http",
                    "scheme", "bearer",
                    "bearerFormat", "JWT",
                    "description", "The access token of a login.")));
  }

  private Map<String, Object> ofThose(String kind, Map<String, Object> all) {
    Map<String, Object> some = new LinkedHashMap<>();
    all.forEach(
        (name, component) -> {
          if (used.contains(kind + "/" + name)) {
            some.put(name, component);
          }
        });
    return some;
  }

  private static Map<String, Object> parameters() {
    Map<String, Object> key = ordered("type", "string", "minLength", 1, "maxLength", 255);
    String aboutKey =
        "Any text of the client's own, the same when the request is sent again: it then has its"
            + " effect once.";
    Map<String, Object> tag = Map.of("type", "string");
    String aboutTag = "The `ETag` that the resource must still have.";
    return ordered(
        "IdempotencyKey", header("Idempotency-Key", true, aboutKey, key),
        "IdempotencyKeyOptional", header("Idempotency-Key", false, aboutKey, key),
        "IfMatch", header("If-Match", true, aboutTag, tag),
        "IfMatchOptional", header("If-Match", false, aboutTag, tag),
        "IfNoneMatch",
            header("If-None-Match", false, "The `ETag` of what the client has already.", tag),
        "Fields",
            ordered(
                "name",
                "$fields",
                "in",
                "query",
                "description",
                "Fields of the answer that are wanted, with commas, such as"
                    + " `books.title,nextPageToken`.",
                "schema",
                Map.of("type", "string")));
  }

  private static Map<String, Object> header(
      String name, boolean required, String about, Map<String, Object> schema) {
    return ordered(
        "name", name,
        "in", "header",
        "description", about,
        "required", required,
        "schema", schema);
  }

  private static Map<String, Object> headers() {
    return ordered(
        "Location", said("Where what was created is."),
        "ETag", said("The version of what is answered."),
        "Link", said("Where the next page is, with `rel=\"next\"`, if there is one."),
        "CacheControl", said("For how long, and by whom, the answer may be used again."),
        "Deprecation", said("Since when there is something better (RFC 9745)."),
        "Sunset", said("From when this may be gone (RFC 8594)."),
        "RetryAfter", said("Seconds after which the same request may be sent again."),
        "WwwAuthenticate", said("How to log in."));
  }

  private static Map<String, Object> said(String about) {
    return ordered("description", about, "schema", Map.of("type", "string"));
  }
}
