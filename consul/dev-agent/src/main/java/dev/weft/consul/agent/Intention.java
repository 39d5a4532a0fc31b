package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** One source of one {@link ServiceIntentions}, as the older API shows it. */
record Intention(
    ServiceIntentions entry, ServiceIntentions.Source from, long createIndex, long modifyIndex) {
  static final Comparator<Intention> BY_PRECEDENCE =
      Comparator.comparingInt(Intention::precedence)
          .reversed()
          .thenComparing(Intention::source)
          .thenComparing(Intention::destination);

  String source() {
    return from.name();
  }

  String destination() {
    return entry.name();
  }

  int precedence() {
    return entry.precedence(from);
  }

  /** Empty if it was not written by the older API. */
  String id() {
    ServiceIntentions.Legacy legacy = from.legacy();
    return legacy == null ? "" : legacy.id();
  }

  boolean isFor(String destination) {
    return names(entry.name(), destination);
  }

  boolean isOf(String source) {
    return names(from.name(), source);
  }

  private static boolean names(String pattern, String name) {
    return pattern.equals(ServiceIntentions.ANY) || pattern.equals(name);
  }

  /** Whether it lets every call pass. What has permissions never does. */
  boolean allows() {
    return from.action().equals("allow");
  }

  boolean hasPermissions() {
    return !from.permissions().isEmpty();
  }

  Map<String, @Nullable Object> json() {
    Map<String, @Nullable Object> json = object();
    ServiceIntentions.Legacy legacy = from.legacy();
    if (legacy != null) {
      json.put("CreatedAt", legacy.created().toString());
      json.put("UpdatedAt", legacy.updated().toString());
      json.put("ID", legacy.id());
    }
    json.put("Description", from.description());
    json.put("SourceNS", "default");
    json.put("SourceName", source());
    json.put("DestinationNS", "default");
    json.put("DestinationName", destination());
    json.put("SourceType", "consul");
    if (hasPermissions()) {
      json.put("Permissions", from.permissions());
    } else {
      json.put("Action", from.action());
    }
    json.put("Meta", new TreeMap<>(legacy == null ? entry.meta() : legacy.meta()));
    json.put("Precedence", precedence());
    json.put("CreateIndex", createIndex);
    json.put("ModifyIndex", modifyIndex);
    return json;
  }

  /** As Consul names it to people. */
  @Override
  public String toString() {
    return "%s default/%s => default/%s (ID: %s, Precedence: %d)"
        .formatted(
            hasPermissions() ? "L7" : from.action().toUpperCase(Locale.ROOT),
            source(),
            destination(),
            id(),
            precedence());
  }
}
