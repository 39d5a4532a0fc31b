package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Where the requests to a service go: the first route that matches decides, and what none matches
 * goes to the service itself.
 *
 * @param given the routes; null if none were sent, which is shown as it is
 */
record ServiceRouter(String name, @Nullable List<Route> given, Map<String, String> meta)
    implements ConfigEntry {
  /**
   * A rule.
   *
   * @param match as it is shown; null for every request
   * @param destination null for the router's own service
   */
  record Route(@Nullable Map<String, @Nullable Object> match, @Nullable Destination destination) {
    Map<String, @Nullable Object> json() {
      Map<String, @Nullable Object> json = object();
      if (match != null) {
        json.put("Match", match);
      }
      if (destination != null) {
        json.put("Destination", destination.shown());
      }
      return json;
    }
  }

  /**
   * Where a request goes, and how.
   *
   * @param service empty for the router's own
   * @param subset empty for the service's default; with one, the service's splitter is passed by
   * @param shown the whole destination
   */
  record Destination(String service, String subset, Map<String, @Nullable Object> shown) {
    static Destination of(String service) {
      return new Destination(service, "", object("Service", service, "Namespace", NAMESPACE));
    }
  }

  static final String KIND = "service-router";

  private static final List<String> FIELDS =
      List.of("Kind", "Name", "Routes", "Meta", "CreateIndex", "ModifyIndex");
  private static final List<String> ROUTE_FIELDS = List.of("Match", "Destination");
  private static final List<String> MATCH_FIELDS = List.of("HTTP");
  private static final List<String> HTTP_FIELDS =
      List.of("PathExact", "PathPrefix", "PathRegex", "Header", "QueryParam", "Methods");
  private static final List<String> QUERY_FIELDS = List.of("Name", "Present", "Exact", "Regex");
  private static final List<String> DESTINATION_FIELDS =
      List.of(
          "Service",
          "ServiceSubset",
          "Namespace",
          "PrefixRewrite",
          "RequestTimeout",
          "NumRetries",
          "RetryOnConnectFailure",
          "RetryOnStatusCodes");

  ServiceRouter {
    given = given == null ? null : List.copyOf(given);
  }

  List<Route> routes() {
    return given == null ? List.of() : given;
  }

  static ServiceRouter parse(@Nullable Object json) {
    Fields fields = Fields.ofConfigEntry(json, FIELDS);
    String name = ConfigEntry.requireName(fields);
    Map<String, String> meta = ConfigEntry.validMeta(fields.textMap("Meta"));
    List<Route> routes = new ArrayList<>();
    for (Object route : fields.list("Routes")) {
      routes.add(route(route, routes.size()));
    }
    return new ServiceRouter(name, fields.has("Routes") ? routes : null, meta);
  }

  private static Route route(@Nullable Object json, int i) {
    String path = "Routes[" + i + "]";
    String named = "Route[" + i + "]";
    Fields fields = Fields.ofConfigEntry(json, ROUTE_FIELDS, path);
    Map<String, @Nullable Object> http = null;
    Map<String, @Nullable Object> match = null;
    if (fields.has("Match")) {
      Fields given = Fields.ofConfigEntry(fields.object("Match"), MATCH_FIELDS, path + ".Match");
      http = given.has("HTTP") ? http(given.object("HTTP"), path + ".Match.HTTP", named) : null;
      match = http == null ? object() : object("HTTP", http);
    }
    Destination destination = null;
    if (fields.has("Destination")) {
      Fields given =
          Fields.ofConfigEntry(
              fields.object("Destination"), DESTINATION_FIELDS, path + ".Destination");
      boolean byMethod = http != null && http.containsKey("Methods");
      destination = destination(given, byMethod);
      boolean byPlainPath =
          http != null && (http.containsKey("PathExact") || http.containsKey("PathPrefix"));
      if (!given.text("PrefixRewrite").isEmpty() && !byPlainPath) {
        throw new ApiError(
            500,
            named
                + " cannot make use of PrefixRewrite without configuring either PathExact or"
                + " PathPrefix");
      }
    }
    return new Route(match, destination);
  }

  private static Map<String, @Nullable Object> http(
      Map<String, @Nullable Object> json, String path, String named) {
    Fields fields = Fields.ofConfigEntry(json, HTTP_FIELDS, path);
    HttpMatch match = new HttpMatch(path, named, " ");
    Map<String, @Nullable Object> http = object();
    match.read(fields, http);
    List<Map<String, @Nullable Object>> parameters = new ArrayList<>();
    for (Object parameter : fields.list("QueryParam")) {
      parameters.add(queryParam(parameter, match, "QueryParam[" + parameters.size() + "]"));
    }
    HttpMatch.put(http, "QueryParam", parameters);
    HttpMatch.put(http, "Methods", match.methods(fields));
    return http;
  }

  private static Map<String, @Nullable Object> queryParam(
      @Nullable Object json, HttpMatch match, String at) {
    Fields fields = Fields.ofConfigEntry(json, QUERY_FIELDS, match.path() + "." + at);
    if (fields.text("Name").isEmpty()) {
      throw match.invalid(" " + at + " missing required Name field");
    }
    Map<String, @Nullable Object> parameter = object("Name", fields.text("Name"));
    if (fields.flag("Present")) {
      parameter.put("Present", true);
    }
    for (String text : List.of("Exact", "Regex")) {
      if (!fields.text(text).isEmpty()) {
        parameter.put(text, fields.text(text));
      }
    }
    if (parameter.size() != 2) {
      throw match.invalid(" " + at + " should only contain one of Present, Exact, or Regex");
    }
    return parameter;
  }

  /** Consul shows the namespace of a destination whose route names methods, and of no other. */
  private static Destination destination(Fields fields, boolean byMethod) {
    Map<String, @Nullable Object> shown = object();
    if (!fields.duration("RequestTimeout").isZero()) {
      shown.put("RequestTimeout", GoDuration.format(fields.duration("RequestTimeout")));
    }
    String namespace = ConfigEntry.requireNamespace(fields);
    ConfigEntry.putText(shown, "Service", fields.text("Service"));
    ConfigEntry.putText(shown, "ServiceSubset", fields.text("ServiceSubset"));
    ConfigEntry.putText(shown, "Namespace", byMethod ? NAMESPACE : namespace);
    ConfigEntry.putText(shown, "PrefixRewrite", fields.text("PrefixRewrite"));
    if (fields.shortUnsigned("NumRetries") > 0) {
      shown.put("NumRetries", fields.shortUnsigned("NumRetries"));
    }
    if (fields.flag("RetryOnConnectFailure")) {
      shown.put("RetryOnConnectFailure", true);
    }
    HttpMatch.put(shown, "RetryOnStatusCodes", fields.shortUnsigneds("RetryOnStatusCodes"));
    return new Destination(fields.text("Service"), fields.text("ServiceSubset"), shown);
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Set<String> services() {
    Set<String> services = new TreeSet<>(Set.of(name));
    for (Route route : routes()) {
      Destination destination = route.destination();
      if (destination != null && !destination.service().isEmpty()) {
        services.add(destination.service());
      }
    }
    return services;
  }

  @Override
  public Map<String, @Nullable Object> json() {
    Map<String, @Nullable Object> json =
        object(
            "Kind",
            KIND,
            "Name",
            name,
            "Routes",
            given == null ? null : given.stream().map(Route::json).toList());
    if (!meta.isEmpty()) {
      json.put("Meta", new TreeMap<>(meta));
    }
    return json;
  }
}
