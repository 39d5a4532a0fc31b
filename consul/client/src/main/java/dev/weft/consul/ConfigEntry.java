package dev.weft.consul;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.util.HashMap;
import java.util.Map;

/**
 * What operators say in Consul about a service, or about all: its protocol, routes, intentions.
 *
 * @param kind as {@code service-defaults}
 * @param meta free texts, for extensions of Consul's own fields
 * @param json the whole entry as the agent wrote it
 * @param modifyIndex changes with every write
 */
public record ConfigEntry(
    String kind, String name, Map<String, String> meta, String json, long modifyIndex) {
  private static final String OURS = "weft-";

  public ConfigEntry {
    meta = Map.copyOf(meta);
  }

  /** The text of a field of the entry itself, as {@code Protocol}; empty if it has none. */
  public String text(String field) {
    return Wire.text(JsonParser.parseString(json).getAsJsonObject(), field);
  }

  /**
   * What it says in our own words, whose names begin with {@code weft-}: in its {@code Meta} and,
   * as {@code proxy-defaults} has one, in its {@code Config}. What a resolver says with Consul's
   * own field {@code LoadBalancer} is here, too, as {@code weft-lb} and {@code weft-lb-hash},
   * unless its {@code Meta} says otherwise.
   */
  public Map<String, String> settings() {
    Map<String, String> settings = new HashMap<>();
    JsonObject entry = JsonParser.parseString(json).getAsJsonObject();
    if (entry.get("LoadBalancer") instanceof JsonObject balancer) {
      String policy = Wire.text(balancer, "Policy");
      if (!policy.isEmpty()) {
        settings.put("weft-lb", policy);
      }
      for (JsonElement element : Wire.array(balancer.get("HashPolicies"))) {
        JsonObject hash = element.getAsJsonObject();
        if (Wire.text(hash, "Field").equals("header")) {
          settings.putIfAbsent("weft-lb-hash", "header:" + Wire.text(hash, "FieldValue"));
        }
      }
    }
    if (entry.get("Config") instanceof JsonObject config) {
      config
          .asMap()
          .forEach(
              (name, value) -> {
                if (name.startsWith(OURS) && value instanceof JsonPrimitive text) {
                  settings.put(name, text.getAsString());
                }
              });
    }
    meta.forEach(
        (name, value) -> {
          if (name.startsWith(OURS)) {
            settings.put(name, value);
          }
        });
    return Map.copyOf(settings);
  }
}
