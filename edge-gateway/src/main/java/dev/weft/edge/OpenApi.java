package dev.weft.edge;

import static dev.weft.edge.ApiSchemas.ordered;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.google.protobuf.Descriptors.MethodDescriptor;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Describes the routes of a table as OpenAPI 3.1 does: what the edge serves at this moment, from
 * the contracts of the services themselves. Equal tables have equal documents. Of a path that
 * OpenAPI cannot tell from another, and of a method that it does not know, {@code x-weft-left-out}
 * says so.
 *
 * <p>Made for one document, which is written as it is made; used by one thread.
 */
final class OpenApi {
  private static final JsonFactory JSON = new JsonFactory();

  /** What a path can have, in the order in which it is told. */
  private static final List<String> METHODS =
      List.of("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE");

  private static final String ABOUT =
      """
      What this edge serves at the moment, described by the contracts of the services themselves.

      A request names fields as in the contract or in lowerCamel; answers are in lowerCamel. `Prefer: return=minimal` makes \
      answers to changes empty. Each RPC can be called by its name, too, in gRPC, gRPC-Web and Connect: `x-weft-rpc` says it.\
      """;

  private final RouteTable table;
  private final ApiComments comments;
  private final ApiSchemas schemas;
  private final ApiCommon common = new ApiCommon();
  private final Map<String, Integer> operationIds = new HashMap<>();
  private final List<Object> leftOut = new ArrayList<>();

  private OpenApi(RouteTable table, ApiComments comments) {
    this.table = table;
    this.comments = comments;
    this.schemas = new ApiSchemas(comments);
  }

  /**
   * Writes the document of a table.
   *
   * @param version of what is described
   */
  static void write(RouteTable table, ApiComments comments, String version, OutputStream to)
      throws IOException {
    new OpenApi(table, comments).write(version, to);
  }

  private void write(String version, OutputStream to) throws IOException {
    try (JsonGenerator out = JSON.createGenerator(to)) {
      out.writeStartObject();
      out.writeStringField("openapi", "3.1.0");
      member(out, "info", ordered("title", "Weft", "version", version, "description", ABOUT));
      member(out, "servers", List.of(Map.of("url", "/")));
      member(out, "tags", tags());
      out.writeObjectFieldStart("paths");
      paths(out);
      out.writeEndObject();
      out.writeObjectFieldStart("components");
      out.writeObjectFieldStart("schemas");
      schemas.writeComponents(out, common.schemas());
      out.writeEndObject();
      for (Map.Entry<String, Object> part : common.components().entrySet()) {
        member(out, part.getKey(), part.getValue());
      }
      out.writeEndObject();
      if (!leftOut.isEmpty()) {
        member(out, "x-weft-left-out", leftOut);
      }
      out.writeEndObject();
    }
  }

  private static void member(JsonGenerator out, String name, Object value) throws IOException {
    out.writeFieldName(name);
    JsonTree.write(out, value);
  }

  /**
   * A service each, with what its contract says of its parts, or their names. Of who issues the
   * tokens it is said: passwords are nobody else's to be told.
   */
  private List<Object> tags() {
    Map<String, Map<String, String>> parts = new TreeMap<>();
    for (Route route : table.routes()) {
      String part = route.transcoder().method().getService().getFullName();
      parts
          .computeIfAbsent(route.rpc().service(), _ -> new TreeMap<>())
          .put(part, comments.about(part));
    }
    List<Object> tags = new ArrayList<>();
    parts.forEach(
        (service, said) -> {
          String text =
              said.values().stream()
                  .filter(one -> !one.isEmpty())
                  .collect(Collectors.joining("\n\n"));
          Map<String, Object> tag =
              ordered(
                  "name",
                  service,
                  "description",
                  text.isEmpty() ? String.join(", ", said.keySet()) : text);
          if (table.isIssuer(service)) {
            tag.put("x-weft-issuer", true);
          }
          tags.add(tag);
        });
    return tags;
  }

  private void paths(JsonGenerator out) throws IOException {
    Map<String, List<Route>> byShape = new TreeMap<>();
    for (Route route : table.routes()) {
      byShape.computeIfAbsent(route.template().shape(), _ -> new ArrayList<>()).add(route);
    }
    Map<String, List<Route>> byPath = new TreeMap<>();
    Set<String> told = new HashSet<>();
    byShape.forEach(
        (_, routes) -> {
          routes.sort(
              Comparator.comparingInt((Route route) -> METHODS.indexOf(route.httpMethod()))
                  .thenComparing(Route::httpMethod)
                  .thenComparing(route -> route.rpc().name()));
          // The name that most read first; the same path is told once, whatever it is called.
          ApiPath path = ApiPath.of(named(routes).template());
          if (told.add(path.shape())) {
            byPath.put(path.text(), routes);
          } else {
            routes.forEach(route -> leaveOut(route, "its path looks like another's"));
          }
        });
    for (Map.Entry<String, List<Route>> entry : byPath.entrySet()) {
      path(out, entry.getKey(), entry.getValue());
    }
  }

  private static Route named(List<Route> routes) {
    return routes.stream()
        .filter(route -> route.httpMethod().equals("GET"))
        .findFirst()
        .orElseGet(routes::getFirst);
  }

  private void path(JsonGenerator out, String text, List<Route> routes) throws IOException {
    List<ApiPath.Parameter> parameters = ApiPath.of(named(routes).template()).parameters();
    Map<String, Object> item = new LinkedHashMap<>();
    for (Route route : routes) {
      String method = route.httpMethod();
      if (method.equals(Route.ANY_METHOD)) {
        method = route.transcoder().takesBody() ? "POST" : "GET";
      }
      String key = method.toLowerCase(Locale.ROOT);
      if (!METHODS.contains(method)) {
        leaveOut(route, "OpenAPI 3.1 does not know its method");
      } else if (item.containsKey(key)) {
        leaveOut(route, "it takes any method, and this one is another's");
      } else {
        item.put(key, operation(route, parameters));
      }
    }
    if (!item.isEmpty()) {
      member(out, text, item);
    }
  }

  private void leaveOut(Route route, String why) {
    leftOut.add(
        ordered(
            "method", route.httpMethod(),
            "path", route.template().text(),
            "rpc", route.rpc().name(),
            "why", why));
  }

  private Map<String, Object> operation(Route route, List<ApiPath.Parameter> path) {
    MethodDescriptor method = route.transcoder().method();
    String said = comments.about(method.getFullName());
    Map<String, Object> operation = new LinkedHashMap<>();
    operation.put("tags", List.of(route.rpc().service()));
    operation.put("summary", summary(method.getName(), said));
    operation.put("description", description(route, said));
    operation.put("operationId", id(method.getFullName()));
    if (route.rpc().endOfLife().containsKey("Deprecation")) {
      operation.put("deprecated", true);
    }
    ApiRequest.describe(operation, route, path, schemas, common);
    Map<String, Object> answers = new TreeMap<>(ApiAnswer.of(route, schemas, common));
    ApiErrors.answers(route, said, common).forEach(answers::putIfAbsent);
    operation.put("responses", answers);
    operation.put(
        "security",
        route.rpc().access() instanceof Access.Public()
            ? List.of()
            : List.of(Map.of("bearer", List.of())));
    operation.put("x-weft-rpc", route.rpc().name());
    return operation;
  }

  /** With a number behind the name of an RPC that has several routes. */
  private String id(String fullName) {
    int number = operationIds.merge(fullName, 1, Integer::sum);
    return number == 1 ? fullName : fullName + "_" + number;
  }

  /** The first sentence of what is said, or the words of the name. */
  static String summary(String name, String said) {
    if (said.isEmpty()) {
      String words = name.replaceAll("(?<=[a-z0-9])(?=[A-Z])", " ").toLowerCase(Locale.ROOT);
      return words.substring(0, 1).toUpperCase(Locale.ROOT) + words.substring(1);
    }
    String line = said.replace('\n', ' ');
    int end = line.indexOf(". ");
    String first = end < 0 ? line : line.substring(0, end);
    return first.endsWith(".") ? first.substring(0, first.length() - 1) : first;
  }

  /** What is said of an RPC, who may call it and how. */
  static String description(Route route, String said) {
    List<String> parts = new ArrayList<>();
    if (!said.isEmpty()) {
      parts.add(said);
    }
    switch (route.rpc().access()) {
      case Access.Public() -> parts.add("For anybody.");
      case Access.Authenticated(var roles) ->
          parts.add(
              roles.isEmpty()
                  ? "For users with a valid token."
                  : "For users with one of the roles "
                      + String.join(", ", new TreeSet<>(roles))
                      + ".");
    }
    if (route.httpMethod().equals(Route.ANY_METHOD)) {
      parts.add("Takes any method.");
    }
    if (!route.rpc().oneRequest()) {
      parts.add(
          "Takes a stream of messages, as the lines or elements of the body, or over a WebSocket.");
    } else if (!route.rpc().oneReply()) {
      parts.add("Answers a stream of messages, by `Accept` or over a WebSocket.");
    }
    return String.join("\n\n", parts);
  }
}
