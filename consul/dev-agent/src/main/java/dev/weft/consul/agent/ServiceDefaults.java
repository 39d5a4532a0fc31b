package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What holds for a service wherever it is called.
 *
 * @param protocol in small letters; empty for tcp
 */
record ServiceDefaults(
    String name,
    String protocol,
    Map<String, @Nullable Object> meshGateway,
    Map<String, @Nullable Object> expose,
    String externalSni,
    Map<String, String> meta)
    implements ConfigEntry {
  static final String KIND = "service-defaults";

  private static final List<String> FIELDS =
      List.of(
          "Kind",
          "Name",
          "Protocol",
          "MeshGateway",
          "Expose",
          "ExternalSNI",
          "Meta",
          "CreateIndex",
          "ModifyIndex");

  static ServiceDefaults parse(@Nullable Object json) {
    Fields fields = Fields.ofConfigEntry(json, FIELDS);
    if (fields.text("Name").isEmpty()) {
      throw new ApiError(500, "serviceName is required");
    }
    return new ServiceDefaults(
        fields.text("Name"),
        fields.text("Protocol").toLowerCase(Locale.ROOT),
        ConfigEntry.meshGateway(fields),
        ConfigEntry.expose(fields),
        fields.text("ExternalSNI"),
        ConfigEntry.validMeta(fields.textMap("Meta")));
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Map<String, @Nullable Object> json() {
    Map<String, @Nullable Object> json =
        object(
            "Kind",
            KIND,
            "Name",
            name,
            "Protocol",
            protocol,
            "MeshGateway",
            meshGateway,
            "Expose",
            expose);
    if (!externalSni.isEmpty()) {
      json.put("ExternalSNI", externalSni);
    }
    if (!meta.isEmpty()) {
      json.put("Meta", new TreeMap<>(meta));
    }
    return json;
  }
}
