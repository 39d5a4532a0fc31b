package dev.weft.consul;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.weft.consul.Intention.Action;
import dev.weft.consul.Intention.HeaderMatch;
import dev.weft.consul.Intention.PathMatch;
import dev.weft.consul.Intention.Permission;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Consul's JSON of intentions to our records. A permission is a condition: what it holds beyond
 * what is known here makes it one that is not understood, where elsewhere unknown fields are
 * ignored.
 */
final class IntentionWire {
  private static final Set<String> PERMISSION = Set.of("Action", "HTTP");
  private static final Set<String> HTTP =
      Set.of("PathExact", "PathPrefix", "PathRegex", "Header", "Methods");
  private static final Set<String> HEADER =
      Set.of(
          "Name",
          "Present",
          "Exact",
          "Prefix",
          "Suffix",
          "Contains",
          "Regex",
          "IgnoreCase",
          "Invert");

  private IntentionWire() {}

  /** The intentions of {@code destination} in an answer of the match API. */
  static List<Intention> matches(JsonElement body, String destination) {
    return Wire.array(body.getAsJsonObject().get(destination)).asList().stream()
        .map(JsonElement::getAsJsonObject)
        .map(IntentionWire::intention)
        .toList();
  }

  private static Intention intention(JsonObject intention) {
    String namespace = Wire.text(intention, "SourceNS");
    String type = Wire.text(intention, "SourceType");
    return new Intention(
        Wire.text(intention, "ID"),
        namespace.isEmpty() ? "default" : namespace,
        Wire.text(intention, "SourceName"),
        (type.isEmpty() || type.equals("consul")) && Wire.text(intention, "SourcePeer").isEmpty(),
        Wire.text(intention, "DestinationName"),
        Action.of(Wire.text(intention, "Action")),
        permissions(intention.get("Permissions")),
        intention.get("Precedence").getAsInt(),
        empty(intention.get("JWT")) && Wire.text(intention, "SourceSamenessGroup").isEmpty(),
        Wire.text(intention, "Description"));
  }

  private static List<Permission> permissions(JsonElement element) {
    List<Permission> permissions = new ArrayList<>();
    for (JsonElement one : Wire.array(element)) {
      JsonObject permission = one.getAsJsonObject();
      JsonObject http =
          permission.get("HTTP") instanceof JsonObject object ? object : new JsonObject();
      JsonArray headers = Wire.array(http.get("Header"));
      List<HeaderMatch> headerMatches = new ArrayList<>();
      boolean understood = onlyHas(permission, PERMISSION) && onlyHas(http, HTTP);
      for (JsonElement header : headers) {
        JsonObject object = header.getAsJsonObject();
        understood &= onlyHas(object, HEADER) && kinds(object).size() == 1;
        headerMatches.add(header(object));
      }
      permissions.add(
          new Permission(
              Action.of(Wire.text(permission, "Action")),
              path(http),
              headerMatches,
              Wire.strings(http.get("Methods")).stream()
                  .map(method -> method.toUpperCase(Locale.ROOT))
                  .toList(),
              understood));
    }
    return permissions;
  }

  static PathMatch path(JsonObject http) {
    String exact = Wire.text(http, "PathExact");
    String prefix = Wire.text(http, "PathPrefix");
    String regex = Wire.text(http, "PathRegex");
    if (!exact.isEmpty()) {
      return new PathMatch(PathMatch.Kind.EXACT, exact);
    }
    if (!prefix.isEmpty()) {
      return new PathMatch(PathMatch.Kind.PREFIX, prefix);
    }
    return regex.isEmpty()
        ? new PathMatch(PathMatch.Kind.ANY, "")
        : new PathMatch(PathMatch.Kind.REGEX, regex);
  }

  static HeaderMatch header(JsonObject header) {
    List<HeaderMatch.Kind> kinds = kinds(header);
    HeaderMatch.Kind kind = kinds.isEmpty() ? HeaderMatch.Kind.PRESENT : kinds.getFirst();
    return new HeaderMatch(
        Wire.text(header, "Name"),
        kind,
        kind == HeaderMatch.Kind.PRESENT ? "" : Wire.text(header, field(kind)),
        Wire.flag(header, "IgnoreCase"),
        Wire.flag(header, "Invert"));
  }

  private static List<HeaderMatch.Kind> kinds(JsonObject header) {
    List<HeaderMatch.Kind> kinds = new ArrayList<>();
    for (HeaderMatch.Kind kind : HeaderMatch.Kind.values()) {
      if (!empty(header.get(field(kind)))) {
        kinds.add(kind);
      }
    }
    return kinds;
  }

  private static String field(HeaderMatch.Kind kind) {
    return switch (kind) {
      case PRESENT -> "Present";
      case EXACT -> "Exact";
      case PREFIX -> "Prefix";
      case SUFFIX -> "Suffix";
      case CONTAINS -> "Contains";
      case REGEX -> "Regex";
    };
  }

  private static boolean onlyHas(JsonObject object, Set<String> known) {
    return object.asMap().entrySet().stream()
        .allMatch(field -> known.contains(field.getKey()) || empty(field.getValue()));
  }

  /**
   * Whether the value says nothing: Go writes some fields also when nobody set them. A text says
   * something whatever it is, as where a header is to be "0" or "false".
   */
  private static boolean empty(JsonElement value) {
    return switch (value) {
      case null -> true;
      case JsonArray array -> array.isEmpty();
      case JsonObject object -> object.isEmpty();
      case JsonPrimitive text when text.isString() -> text.getAsString().isEmpty();
      case JsonPrimitive flag when flag.isBoolean() -> !flag.getAsBoolean();
      case JsonPrimitive number -> number.getAsDouble() == 0;
      case JsonElement other -> other.isJsonNull();
    };
  }
}
