package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Who may call a service: the config entry that also holds what the older API of intentions writes.
 *
 * @param name of the service that is called, or {@code *}
 * @param sources the more exact first
 */
record ServiceIntentions(String name, List<Source> sources, Map<String, String> meta)
    implements ConfigEntry {
  /**
   * What is said about one caller.
   *
   * @param action empty if there are permissions
   * @param permissions as they are shown
   * @param legacy what the older API knows of it beyond that; null once it was written as an entry
   */
  record Source(
      String name,
      String action,
      List<Map<String, @Nullable Object>> permissions,
      String description,
      @Nullable Legacy legacy) {
    Source {
      permissions = List.copyOf(permissions);
    }
  }

  /** An intention of the older API. */
  record Legacy(String id, Map<String, String> meta, Instant created, Instant updated) {}

  static final String KIND = "service-intentions";
  static final String ANY = "*";
  static final int TEXT_MAX = 512;

  private static final Set<String> METHODS =
      Set.of("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE");
  private static final List<String> FIELDS =
      List.of("Kind", "Name", "Sources", "Meta", "Hash", "CreateIndex", "ModifyIndex");
  private static final List<String> SOURCE_FIELDS =
      List.of(
          "Name",
          "Action",
          "Permissions",
          "Precedence",
          "LegacyID",
          "Type",
          "Description",
          "LegacyMeta",
          "LegacyCreateTime",
          "LegacyUpdateTime");
  private static final List<String> PERMISSION_FIELDS = List.of("Action", "HTTP");
  private static final List<String> HTTP_FIELDS =
      List.of("PathExact", "PathPrefix", "PathRegex", "Header", "Methods");

  ServiceIntentions {
    List<Source> sorted = new ArrayList<>(sources);
    // A stable sort: among those as exact as each other the order they were given in stays.
    sorted.sort(Comparator.comparing(source -> source.name().equals(ANY)));
    sources = List.copyOf(sorted);
    meta = Map.copyOf(meta);
  }

  /** An entry as it is sent: whatever it says of the older API is ignored or refused. */
  static ServiceIntentions parse(@Nullable Object json) {
    return parse(json, ServiceIntentions::notLegacy);
  }

  /** An entry as {@link #json} showed it. */
  static ServiceIntentions restore(Map<String, @Nullable Object> saved) {
    return parse(saved, (source, _) -> legacy(source));
  }

  private interface LegacyReader {
    @Nullable Legacy read(Fields source, int i);
  }

  private static ServiceIntentions parse(@Nullable Object json, LegacyReader legacy) {
    Fields fields = Fields.ofConfigEntry(json, FIELDS);
    String name = fields.text("Name");
    if (name.isEmpty()) {
      throw invalid("Name is required");
    }
    requireWhole(name, "Name");
    List<? extends @Nullable Object> given = fields.list("Sources");
    List<Fields> decoded = new ArrayList<>();
    for (Object source : given) {
      decoded.add(Fields.ofConfigEntry(source, SOURCE_FIELDS, "Sources[" + decoded.size() + "]"));
    }
    Map<String, String> meta = ConfigEntry.validMeta(fields.textMap("Meta"));
    if (decoded.isEmpty()) {
      throw invalid("At least one source is required");
    }
    List<Source> sources = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (int i = 0; i < decoded.size(); i++) {
      Source source = source(decoded.get(i), i, name, legacy);
      if (!names.add(source.name())) {
        throw invalid("Sources[" + i + "] defines \"" + source.name() + "\" more than once");
      }
      sources.add(source);
    }
    return new ServiceIntentions(name, sources, meta);
  }

  private static Source source(Fields fields, int i, String destination, LegacyReader legacy) {
    String at = "Sources[" + i + "].";
    String name = fields.text("Name");
    if (name.isEmpty()) {
      throw invalid(at + "Name is required");
    }
    requireWhole(name, at + "Name");
    if (fields.text("Description").length() > TEXT_MAX) {
      throw invalid(at + "Description exceeds maximum length " + TEXT_MAX);
    }
    Legacy older = legacy.read(fields, i);
    String action = fields.text("Action");
    List<? extends @Nullable Object> permissions = fields.list("Permissions");
    if (permissions.isEmpty() && !isAction(action)) {
      throw invalid(at + "Action must be set to 'allow' or 'deny'");
    }
    if (!permissions.isEmpty() && !action.isEmpty()) {
      throw invalid(at + "Action must be omitted if Permissions are specified");
    }
    if (!permissions.isEmpty() && destination.equals(ANY)) {
      throw invalid(
          at + "Permissions cannot be specified on intentions with wildcarded destinations");
    }
    String type = fields.text("Type");
    if (!type.isEmpty() && !type.equals("consul")) {
      throw invalid(at + "Type must be set to 'consul'");
    }
    List<Map<String, @Nullable Object>> read = new ArrayList<>();
    for (int j = 0; j < permissions.size(); j++) {
      read.add(permission(permissions.get(j), at + "Permissions[" + j + "]"));
    }
    return new Source(name, action, read, fields.text("Description"), older);
  }

  private static @Nullable Legacy notLegacy(Fields source, int i) {
    if (!source.textMap("LegacyMeta").isEmpty()) {
      throw invalid("Sources[" + i + "].LegacyMeta must be omitted");
    }
    return null;
  }

  private static @Nullable Legacy legacy(Fields source) {
    String id = source.text("LegacyID");
    return id.isEmpty()
        ? null
        : new Legacy(
            id,
            source.textMap("LegacyMeta"),
            Instant.parse(source.text("LegacyCreateTime")),
            Instant.parse(source.text("LegacyUpdateTime")));
  }

  private static Map<String, @Nullable Object> permission(@Nullable Object json, String at) {
    Fields fields = Fields.ofConfigEntry(json, PERMISSION_FIELDS, at);
    if (!isAction(fields.text("Action"))) {
      throw invalid(at + ".Action must be set to 'allow' or 'deny'");
    }
    if (!fields.has("HTTP")) {
      throw invalid(at + ".HTTP is required");
    }
    return object(
        "Action", fields.text("Action"), "HTTP", http(fields.object("HTTP"), at + ".HTTP"));
  }

  private static Map<String, @Nullable Object> http(Map<String, @Nullable Object> json, String at) {
    Fields fields = Fields.ofConfigEntry(json, HTTP_FIELDS, at);
    HttpMatch match = new HttpMatch(at, at, ".");
    Map<String, @Nullable Object> http = object();
    match.read(fields, http);
    for (String word : fields.texts("Methods")) {
      String method = word.toUpperCase(Locale.ROOT);
      if (!METHODS.contains(method)) {
        throw match.invalid(".Methods contains an invalid method \"" + method + "\"");
      }
    }
    HttpMatch.put(http, "Methods", match.methods(fields));
    if (http.isEmpty()) {
      throw match.invalid(" should not be empty");
    }
    return http;
  }

  private static boolean isAction(String word) {
    return word.equals("allow") || word.equals("deny");
  }

  private static void requireWhole(String name, String at) {
    if (!name.equals(ANY) && name.contains(ANY)) {
      throw invalid(at + ": wildcard character '*' cannot be used with partial values");
    }
  }

  private static ApiError invalid(String what) {
    return new ApiError(500, what);
  }

  // ---- What the older API changes

  /** This entry with the source in place of the one of its name, or at the end. */
  ServiceIntentions with(Source source) {
    List<Source> changed = new ArrayList<>(sources);
    int at = names(sources).indexOf(source.name());
    if (at < 0) {
      changed.add(source);
    } else {
      changed.set(at, source);
    }
    return new ServiceIntentions(name, changed, meta);
  }

  /** This entry without the source; null if it was the only one. */
  @Nullable ServiceIntentions without(Source source) {
    List<Source> left = sources.stream().filter(other -> !other.equals(source)).toList();
    return left.isEmpty() ? null : new ServiceIntentions(name, left, meta);
  }

  /** This entry with every source changed. */
  ServiceIntentions each(UnaryOperator<Source> change) {
    return new ServiceIntentions(name, sources.stream().map(change).toList(), meta);
  }

  private static List<String> names(List<Source> sources) {
    return sources.stream().map(Source::name).toList();
  }

  /** 9 for two names, 8 for any source, 6 for any destination, 5 for both. */
  int precedence(Source source) {
    return (name.equals(ANY) ? 6 : 9) - (source.name().equals(ANY) ? 1 : 0);
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Map<String, @Nullable Object> json() {
    Map<String, @Nullable Object> json =
        object("Kind", KIND, "Name", name, "Sources", sources.stream().map(this::json).toList());
    if (!meta.isEmpty()) {
      json.put("Meta", new TreeMap<>(meta));
    }
    return json;
  }

  private Map<String, @Nullable Object> json(Source source) {
    Map<String, @Nullable Object> json = object("Name", source.name());
    if (!source.action().isEmpty()) {
      json.put("Action", source.action());
    }
    if (!source.permissions().isEmpty()) {
      json.put("Permissions", source.permissions());
    }
    json.put("Precedence", precedence(source));
    Legacy legacy = source.legacy();
    if (legacy != null) {
      json.put("LegacyID", legacy.id());
    }
    json.put("Type", "consul");
    if (!source.description().isEmpty()) {
      json.put("Description", source.description());
    }
    if (legacy != null) {
      json.put("LegacyMeta", new TreeMap<>(legacy.meta()));
      json.put("LegacyCreateTime", legacy.created().toString());
      json.put("LegacyUpdateTime", legacy.updated().toString());
    }
    return json;
  }
}
