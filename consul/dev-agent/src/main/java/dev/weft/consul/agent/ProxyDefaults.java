package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What holds for every service that says nothing else. There is one such entry, {@value #NAME},
 * whatever name it is sent with.
 *
 * @param config free in form, but {@code protocol} is that of services without one; null if absent
 */
record ProxyDefaults(
    @Nullable Map<String, @Nullable Object> config,
    Map<String, @Nullable Object> meshGateway,
    Map<String, @Nullable Object> expose,
    Map<String, String> meta)
    implements ConfigEntry {
  static final String KIND = "proxy-defaults";
  static final String NAME = "global";

  private static final List<String> FIELDS =
      List.of(
          "Kind", "Name", "Config", "MeshGateway", "Expose", "Meta", "CreateIndex", "ModifyIndex");

  static ProxyDefaults parse(@Nullable Object json) {
    Fields fields = Fields.ofConfigEntry(json, FIELDS);
    return new ProxyDefaults(
        fields.has("Config") ? fields.object("Config") : null,
        ConfigEntry.meshGateway(fields),
        ConfigEntry.expose(fields),
        ConfigEntry.validMeta(fields.textMap("Meta")));
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public String name() {
    return NAME;
  }

  /** The protocol of services that have none of their own; empty for tcp. */
  String protocol() {
    if (config == null) {
      return "";
    }
    for (Map.Entry<String, @Nullable Object> entry : config.entrySet()) {
      if (entry.getKey().equalsIgnoreCase("protocol") && entry.getValue() instanceof String text) {
        return text;
      }
    }
    return "";
  }

  @Override
  public Map<String, @Nullable Object> json() {
    Map<String, @Nullable Object> json =
        object(
            "Kind",
            KIND,
            "Name",
            NAME,
            "Config",
            config,
            "MeshGateway",
            meshGateway,
            "Expose",
            expose);
    if (!meta.isEmpty()) {
      json.put("Meta", new TreeMap<>(meta));
    }
    return json;
  }
}
