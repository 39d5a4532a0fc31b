package dev.weft.edge;

import static dev.weft.edge.ApiSchemas.ordered;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a request of one route is made of, as OpenAPI describes it: parameters in path, query and
 * headers, and a body. What a header says, as {@code Idempotency-Key} does, is left out of the
 * query and the body, although it may stand there.
 */
final class ApiRequest {
  /** How far a query parameter is described that leads into messages; the edge goes further. */
  private static final int DEPTH_MAX = 4;

  private final Route route;
  private final Transcoder transcoder;
  private final Descriptor input;
  private final ApiSchemas schemas;
  private final ApiCommon common;
  private final boolean changes;

  /** Field paths that the path, a header or the body fills, with dots. */
  private final Set<String> elsewhere = new HashSet<>();

  private final List<Object> parameters = new ArrayList<>();

  private ApiRequest(Route route, ApiSchemas schemas, ApiCommon common) {
    this.route = route;
    this.transcoder = route.transcoder();
    this.input = transcoder.method().getInputType();
    this.schemas = schemas;
    this.common = common;
    this.changes = !route.rpc().grpc().isSafe() && !route.httpMethod().equals("GET");
    transcoder.binding().variables().forEach(variable -> elsewhere.add(variable.name()));
    if (namesRequest()) {
      elsewhere.add("request_id");
    }
    // Inside of a resource it stands where a client read it.
    if (changes && transcoder.versionPath().size() == 1) {
      elsewhere.add(transcoder.versionPath().getFirst());
    }
  }

  /**
   * Adds to an operation what its requests are made of.
   *
   * @param path by the names of the path that the operation stands at
   */
  static void describe(
      Map<String, Object> operation,
      Route route,
      List<ApiPath.Parameter> path,
      ApiSchemas schemas,
      ApiCommon common) {
    ApiRequest request = new ApiRequest(route, schemas, common);
    request.path(path);
    if (!takesAll(route)) {
      request.query(request.input, "", "", new ArrayList<>());
    }
    request.headers();
    if (!request.parameters.isEmpty()) {
      operation.put("parameters", request.parameters);
    }
    request.body().ifPresent(body -> operation.put("requestBody", body));
  }

  private static boolean takesAll(Route route) {
    return route.transcoder().binding().body().equals("*");
  }

  private boolean namesRequest() {
    FieldDescriptor field = input.findFieldByName("request_id");
    return field != null && field.getType() == FieldDescriptor.Type.STRING && !field.isRepeated();
  }

  private void path(List<ApiPath.Parameter> named) {
    List<ApiPath.Parameter> own = ApiPath.of(route.template()).parameters();
    for (int i = 0; i < own.size(); i++) {
      ApiPath.Parameter parameter = own.get(i);
      Map<String, Object> schema = new LinkedHashMap<>();
      Optional<FieldDescriptor> field = follow(parameter.fields());
      if (field.isPresent() && !parameter.part()) {
        schema = schemas.field(field.get());
      } else {
        schema.put("type", "string");
      }
      Map<String, Object> described = parameter(named.get(i).name(), "path", true, schema);
      if (parameter.rest()) {
        described.put(
            "description", "Any number of segments, with slashes between them as they are.");
      }
      parameters.add(described);
    }
  }

  private Optional<FieldDescriptor> follow(List<String> path) {
    Descriptor in = input;
    FieldDescriptor field = null;
    for (String name : path) {
      field = in.findFieldByName(name);
      if (field == null) {
        return Optional.empty();
      }
      in = field.getJavaType() == JavaType.MESSAGE ? field.getMessageType() : in;
    }
    return Optional.ofNullable(field);
  }

  /** Moves what is said of a value to where OpenAPI has it for parameters. */
  private static Map<String, Object> parameter(
      String name, String in, boolean required, Map<String, Object> schema) {
    Map<String, Object> parameter = ordered("name", name, "in", in);
    schema.remove("readOnly");
    schema.remove("writeOnly");
    Object said = schema.remove("description");
    if (said != null) {
      parameter.put("description", said);
    }
    if (required) {
      parameter.put("required", true);
    }
    if (Boolean.TRUE.equals(schema.remove("deprecated"))) {
      parameter.put("deprecated", true);
    }
    parameter.put("schema", schema);
    return parameter;
  }

  private void query(Descriptor type, String fields, String names, List<Descriptor> around) {
    List<Descriptor> within = new ArrayList<>(around);
    within.add(type);
    for (FieldDescriptor field : type.getFields()) {
      String path = fields + field.getName();
      if (elsewhere.contains(path)
          || path.equals(transcoder.binding().body())
          || parameters.size() >= RequestTarget.PARAMETERS_MAX) {
        continue;
      }
      String name = names + field.getJsonName();
      if (field.isMapField()) {
        Descriptor entry = field.getMessageType();
        if (isText(entry.findFieldByNumber(2))) {
          Map<String, Object> map = parameter(name, "query", false, schemas.field(field));
          map.put("style", "deepObject");
          map.put("explode", true);
          parameters.add(map);
        }
      } else if (isText(field)) {
        boolean required = fields.isEmpty() && ApiSchemas.isRequired(field);
        parameters.add(value(field, parameter(name, "query", required, schemas.field(field))));
      } else if (isEntered(field, within)) {
        query(field.getMessageType(), path + ".", name + ".", within);
      }
    }
  }

  private static boolean isEntered(FieldDescriptor field, List<Descriptor> within) {
    return !field.isRepeated()
        && field.getJavaType() == JavaType.MESSAGE
        && ApiSchemas.isObject(field.getMessageType())
        && within.size() < DEPTH_MAX
        && !within.contains(field.getMessageType());
  }

  /** Whether one value of a field can stand in a query. */
  private static boolean isText(FieldDescriptor field) {
    return field.getJavaType() != JavaType.MESSAGE
        || (!ApiSchemas.isObject(field.getMessageType())
            && !field.getMessageType().getFullName().equals("google.protobuf.Any"));
  }

  /** What is no text in JSON either stands in a query as JSON. */
  private static Map<String, Object> value(FieldDescriptor field, Map<String, Object> parameter) {
    if (field.getJavaType() == JavaType.MESSAGE && !field.isRepeated()) {
      switch (field.getMessageType().getFullName()) {
        case "google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value" -> {
          Object schema = Optional.ofNullable(parameter.remove("schema")).orElseThrow();
          parameter.put("content", Map.of("application/json", Map.of("schema", schema)));
        }
        default -> {}
      }
    }
    return parameter;
  }

  private void headers() {
    if (namesRequest()) {
      refer(transcoder.needsRequestId() ? "IdempotencyKey" : "IdempotencyKeyOptional");
    }
    if (takesVersion(route)) {
      refer(transcoder.needsVersion() ? "IfMatch" : "IfMatchOptional");
    }
    boolean reads = route.httpMethod().equals("GET") && route.rpc().unary();
    if (reads && (transcoder.saysVersion() || !route.rpc().fresh().isZero())) {
      refer("IfNoneMatch");
    }
    if (route.rpc().oneReply() && answersFields()) {
      refer("Fields");
    }
  }

  /** Whether a request may say what version it is meant for. */
  static boolean takesVersion(Route route) {
    return !route.rpc().grpc().isSafe()
        && !route.httpMethod().equals("GET")
        && route.rpc().successStatus() != 201
        && !route.transcoder().versionPath().isEmpty();
  }

  private void refer(String component) {
    parameters.add(common.ref("parameters/" + component));
  }

  /** Whether the answer has fields to choose from. */
  private boolean answersFields() {
    return !transcoder.answersAnything()
        && route.rpc().successStatus() != 204
        && ApiAnswer.body(transcoder)
            .map(
                field ->
                    field.getJavaType() == JavaType.MESSAGE
                        && !field.isMapField()
                        && ApiSchemas.isObject(field.getMessageType()))
            .orElse(true);
  }

  private Optional<Map<String, Object>> body() {
    if (!transcoder.takesBody() || route.httpMethod().equals("GET")) {
      return Optional.empty();
    }
    if (transcoder.takesAnything()) {
      return Optional.of(
          ordered(
              "description",
              "Bytes of any type, or a form whose last part is a file.",
              "content",
              ordered(
                  "*/*", Map.of(),
                  "multipart/form-data",
                      Map.of(
                          "schema",
                          ordered(
                              "type",
                              "object",
                              "properties",
                              Map.of("file", ordered("type", "string", "format", "binary")))))));
    }
    Optional<FieldDescriptor> field =
        takesAll(route)
            ? Optional.empty()
            : Optional.of(input.findFieldByName(transcoder.binding().body()));
    Map<String, Object> schema = field.map(this::ofField).orElseGet(this::ofAll);
    Optional<Object> example =
        field
            .map(one -> ApiExamples.of(one, in -> ApiExamples.isSent(in) && isLeft(one, in)))
            .orElseGet(() -> ApiExamples.of(input, in -> ApiExamples.isSent(in) && isLeft(in)));
    Map<String, Object> content = new LinkedHashMap<>();
    if (route.rpc().oneRequest()) {
      content.put("application/json", media(schema, example));
    } else {
      content.put("application/x-ndjson", media(schema, Optional.empty()));
      content.put(
          "application/json",
          media(ordered("type", "array", "items", schema), example.map(one -> List.of(one))));
    }
    Map<String, Object> body = new LinkedHashMap<>();
    boolean required =
        field.map(ApiSchemas::isRequired).orElseGet(() -> schema.containsKey("required"));
    if (required) {
      body.put("required", true);
    }
    body.put("content", content);
    return Optional.of(body);
  }

  static Map<String, Object> media(Map<String, Object> schema, Optional<Object> example) {
    Map<String, Object> media = ordered("schema", schema);
    example.ifPresent(one -> media.put("example", one));
    return media;
  }

  private Map<String, Object> ofAll() {
    return schemas.object(input, this::isLeft, !isPatch());
  }

  private Map<String, Object> ofField(FieldDescriptor field) {
    boolean object =
        field.getJavaType() == JavaType.MESSAGE
            && !field.isRepeated()
            && ApiSchemas.isObject(field.getMessageType());
    boolean all =
        object
            && field.getMessageType().getFields().stream().allMatch(inner -> isLeft(field, inner));
    return object && (isPatch() || !all)
        ? schemas.object(field.getMessageType(), inner -> isLeft(field, inner), !isPatch())
        : schemas.field(field);
  }

  /** A change says what it changes: nothing of the resource is required. */
  private boolean isPatch() {
    return transcoder.binding().patch();
  }

  private boolean isLeft(FieldDescriptor field) {
    return !field.getContainingType().equals(input) || !elsewhere.contains(field.getName());
  }

  private boolean isLeft(FieldDescriptor body, FieldDescriptor inner) {
    return body.getJavaType() != JavaType.MESSAGE
        || !inner.getContainingType().equals(body.getMessageType())
        || !elsewhere.contains(body.getName() + "." + inner.getName());
  }
}
