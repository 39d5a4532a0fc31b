package dev.weft.consul.agent;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One config entry, complete and valid: what its kind defaults is in it. */
sealed interface ConfigEntry permits ServiceDefaults, ServiceIntentions {
  /** The kinds that may be asked for; there are entries of those that {@link #parse} knows. */
  List<String> KINDS =
      List.of(
          ServiceDefaults.KIND,
          ServiceIntentions.KIND,
          "proxy-defaults",
          "service-router",
          "service-splitter",
          "service-resolver",
          "ingress-gateway",
          "terminating-gateway");

  String kind();

  String name();

  /** As it is shown, without its indexes; the caller's own. */
  Map<String, @Nullable Object> json();

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

  /** Checks free texts as Consul does for every kind. */
  static Map<String, String> validMeta(Map<String, String> meta) {
    if (meta.size() > 64) {
      throw new ApiError(500, "Meta exceeds maximum element count 64");
    }
    meta.forEach(
        (key, value) -> {
          if (key.length() > 128) {
            throw new ApiError(500, "Meta key \"" + key + "\" exceeds maximum length 128");
          }
          if (value.length() > 512) {
            throw new ApiError(
                500, "Meta value for key \"" + key + "\" exceeds maximum length 512");
          }
        });
    return Map.copyOf(meta);
  }
}
