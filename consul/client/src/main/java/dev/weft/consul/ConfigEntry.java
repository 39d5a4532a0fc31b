package dev.weft.consul;

import com.google.gson.JsonParser;
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
  public ConfigEntry {
    meta = Map.copyOf(meta);
  }

  /** The text of a field of the entry itself, as {@code Protocol}; empty if it has none. */
  public String text(String field) {
    return Wire.text(JsonParser.parseString(json).getAsJsonObject(), field);
  }
}
