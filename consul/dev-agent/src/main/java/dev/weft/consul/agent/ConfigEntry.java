package dev.weft.consul.agent;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One config entry, complete and valid: what its kind defaults is in it. */
sealed interface ConfigEntry
    permits ServiceDefaults,
        ServiceIntentions,
        ProxyDefaults,
        ServiceRouter,
        ServiceSplitter,
        ServiceResolver {
  /** The only one without Consul Enterprise. */
  String NAMESPACE = "default";

  /** The kinds that may be asked for; there are entries of those that {@link #parse} knows. */
  List<String> KINDS =
      List.of(
          ServiceDefaults.KIND,
          ServiceIntentions.KIND,
          ProxyDefaults.KIND,
          ServiceRouter.KIND,
          ServiceSplitter.KIND,
          ServiceResolver.KIND,
          "ingress-gateway",
          "terminating-gateway");

  /** Of what a proxy shows. */
  List<String> EXPOSE_FIELDS = List.of("Checks", "Paths");

  /** Of a path that a proxy shows. */
  List<String> EXPOSED_FIELDS =
      List.of("ListenerPort", "Path", "LocalPathPort", "Protocol", "ParsedFromCheck");

  String kind();

  String name();

  /** As it is shown, without its indexes; the caller's own. */
  Map<String, @Nullable Object> json();

  /** The services it sends requests to, whose entries decide whether its own chain is valid. */
  default Set<String> services() {
    return Set.of();
  }

  /**
   * An entry as it is sent.
   *
   * @throws IllegalArgumentException if it cannot be decoded
   * @throws ApiError if it is not valid
   */
  static ConfigEntry parse(@Nullable Object json) {
    if (!(json instanceof Map<?, ?> object)) {
      throw new IllegalArgumentException("an object is expected");
    }
    Object kind = object.get("Kind") == null ? object.get("kind") : object.get("Kind");
    return switch (kind) {
      case null ->
          throw new IllegalArgumentException(
              "Payload does not contain a kind/Kind key at the top level");
      case String text -> parse(text, json);
      case Object _ -> throw new IllegalArgumentException("Kind value in payload is not a string");
    };
  }

  private static ConfigEntry parse(String kind, @Nullable Object json) {
    return switch (kind) {
      case ServiceDefaults.KIND -> ServiceDefaults.parse(json);
      case ServiceIntentions.KIND -> ServiceIntentions.parse(json);
      case ProxyDefaults.KIND -> ProxyDefaults.parse(json);
      case ServiceRouter.KIND -> ServiceRouter.parse(json);
      case ServiceSplitter.KIND -> ServiceSplitter.parse(json);
      case ServiceResolver.KIND -> ServiceResolver.parse(json);
      default ->
          throw new IllegalArgumentException(
              KINDS.contains(kind)
                  ? "this agent keeps no config entries of the kind " + kind
                  : "invalid config entry kind: " + kind);
    };
  }

  /** An entry as {@link #json} showed it. */
  static ConfigEntry restore(Map<String, @Nullable Object> saved) {
    return ServiceIntentions.KIND.equals(saved.get("Kind"))
        ? ServiceIntentions.restore(saved)
        : parse(saved);
  }

  /** The name, which must not be empty. */
  static String requireName(Fields fields) {
    if (fields.text("Name").isEmpty()) {
      throw new ApiError(500, "Name is required");
    }
    return fields.text("Name");
  }

  /** The namespace, empty if it is not given. */
  static String requireNamespace(Fields fields) {
    String namespace = fields.text("Namespace");
    if (!namespace.isEmpty() && !namespace.equals(NAMESPACE)) {
      throw new ApiError(
          400, "Bad request: namespace \"" + namespace + "\": this agent has only default");
    }
    return namespace;
  }

  /** How requests to other datacenters go, as it is shown. */
  static Map<String, @Nullable Object> meshGateway(Fields entry) {
    Fields fields =
        Fields.ofConfigEntry(entry.object("MeshGateway"), List.of("Mode"), "MeshGateway");
    Map<String, @Nullable Object> shown = new LinkedHashMap<>();
    putText(shown, "Mode", fields.text("Mode"));
    return shown;
  }

  /** What a proxy shows without TLS, as it is shown. */
  static Map<String, @Nullable Object> expose(Fields entry) {
    Fields fields = Fields.ofConfigEntry(entry.object("Expose"), EXPOSE_FIELDS, "Expose");
    List<Map<String, @Nullable Object>> paths = new ArrayList<>();
    for (Object json : fields.list("Paths")) {
      Fields path =
          Fields.ofConfigEntry(json, EXPOSED_FIELDS, "Expose.Paths[" + paths.size() + "]");
      Map<String, @Nullable Object> shown = new LinkedHashMap<>();
      putNumber(shown, "ListenerPort", path.number("ListenerPort"));
      putText(shown, "Path", path.text("Path"));
      putNumber(shown, "LocalPathPort", path.number("LocalPathPort"));
      putText(shown, "Protocol", path.text("Protocol"));
      shown.put("ParsedFromCheck", path.flag("ParsedFromCheck"));
      paths.add(shown);
    }
    Map<String, @Nullable Object> shown = new LinkedHashMap<>();
    if (fields.flag("Checks")) {
      shown.put("Checks", true);
    }
    HttpMatch.put(shown, "Paths", paths);
    return shown;
  }

  private static void putNumber(Map<String, @Nullable Object> shown, String name, int number) {
    if (number != 0) {
      shown.put(name, number);
    }
  }

  /** Shows the text unless it is empty. */
  static void putText(Map<String, @Nullable Object> shown, String name, String text) {
    if (!text.isEmpty()) {
      shown.put(name, text);
    }
  }

  /** Checks free texts as Consul does for every kind. */
  static Map<String, String> validMeta(Map<String, String> meta) {
    List<String> wrong = new ArrayList<>();
    if (meta.size() > 64) {
      wrong.add("Meta exceeds maximum element count 64");
    }
    meta.forEach(
        (key, value) -> {
          if (key.length() > 128) {
            wrong.add("Meta key \"" + key + "\" exceeds maximum length 128");
          }
          if (value.length() > 512) {
            wrong.add("Meta value for key \"" + key + "\" exceeds maximum length 512");
          }
        });
    if (!wrong.isEmpty()) {
      String errors = wrong.size() == 1 ? "1 error" : wrong.size() + " errors";
      throw new ApiError(500, errors + " occurred:\n\t* " + String.join("\n\t* ", wrong) + "\n\n");
    }
    return Map.copyOf(meta);
  }
}
