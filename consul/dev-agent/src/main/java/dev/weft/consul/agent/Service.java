package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A registered instance of a service, without its checks. */
record Service(
    String id,
    String name,
    List<String> tags,
    Map<String, String> meta,
    int port,
    String address,
    Map<String, TaggedAddress> taggedAddresses,
    Weights weights,
    boolean enableTagOverride,
    boolean connectNative) {

  record TaggedAddress(String address, int port) {
    Map<String, @Nullable Object> json() {
      return object("Address", address, "Port", port);
    }
  }

  record Weights(int passing, int warning) {
    Map<String, @Nullable Object> json() {
      return object("Passing", passing, "Warning", warning);
    }
  }

  /** A service and the checks that came with it. */
  record Registration(Service service, List<CheckSpec> checks) {}

  private static final List<String> NAMES =
      List.of(
          "Kind",
          "ID",
          "Name",
          "Tags",
          "Address",
          "TaggedAddresses",
          "tagged_addresses",
          "Meta",
          "Port",
          "Check",
          "Checks",
          "Weights",
          "Token",
          "EnableTagOverride",
          "enable_tag_override",
          "Proxy",
          "Connect");

  private static final Pattern META_KEY = Pattern.compile("[A-Za-z0-9_-]+");
  private static final Pattern IPV4 = Pattern.compile("\\d{1,3}(\\.\\d{1,3}){3}");
  private static final int META_PAIRS_MAX = 64;
  private static final int META_KEY_MAX = 128;
  private static final int META_VALUE_MAX = 512;
  private static final int WEIGHT_MAX = 65_535;

  /** Reads the body of {@code /v1/agent/service/register}. */
  static Registration parse(@Nullable Object json) {
    Fields fields = new Fields(json, NAMES);
    String name = fields.text("Name");
    if (name.isEmpty()) {
      throw new ApiError(400, "Missing service name");
    }
    if (!fields.text("Kind").isEmpty() || !fields.object("Proxy").isEmpty()) {
      throw new ApiError(400, "Invalid service: this agent registers no proxies and no gateways");
    }
    String address = fields.text("Address");
    if (address.equals("0.0.0.0") || address.equals("::") || address.equals("[::]")) {
      throw new ApiError(400, "Invalid service address");
    }
    Fields connect = new Fields(fields.object("Connect"), List.of("Native", "SidecarService"));
    if (!connect.object("SidecarService").isEmpty()) {
      throw new ApiError(400, "Invalid service: this agent registers no proxies and no gateways");
    }
    int port = fields.number("Port");
    String id = fields.text("ID");
    Service service =
        new Service(
            id.isEmpty() ? name : id,
            name,
            fields.texts("Tags"),
            meta(fields.textMap("Meta")),
            port,
            address,
            taggedAddresses(fields, address, port),
            weights(fields),
            fields.flag("EnableTagOverride") || fields.flag("enable_tag_override"),
            connect.flag("Native"));
    return new Registration(service, checks(service, fields));
  }

  private static Map<String, String> meta(Map<String, String> meta) {
    if (meta.size() > META_PAIRS_MAX) {
      throw new ApiError(
          400,
          "Invalid Service Meta: Node metadata cannot contain more than "
              + META_PAIRS_MAX
              + " key/value pairs");
    }
    meta.forEach(
        (key, value) -> {
          String wrong = null;
          if (key.isEmpty()) {
            wrong = "Key cannot be blank";
          } else if (!META_KEY.matcher(key).matches()) {
            wrong = "Key contains invalid characters";
          } else if (bytes(key) > META_KEY_MAX) {
            wrong = "Key is too long (limit: " + META_KEY_MAX + " characters)";
          } else if (bytes(value) > META_VALUE_MAX) {
            wrong = "Value is too long (limit: " + META_VALUE_MAX + " characters)";
          }
          if (wrong != null) {
            throw new ApiError(
                400,
                "Invalid Service Meta: Couldn't load metadata pair ('"
                    + key
                    + "', '"
                    + value
                    + "'): "
                    + wrong);
          }
        });
    return meta;
  }

  private static int bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  /** Consul adds the IPv4 forms of an IPv4 address by itself. */
  private static Map<String, TaggedAddress> taggedAddresses(
      Fields fields, String address, int port) {
    Map<String, TaggedAddress> tagged = new TreeMap<>();
    for (String name : List.of("TaggedAddresses", "tagged_addresses")) {
      fields
          .object(name)
          .forEach(
              (tag, value) -> {
                Fields of = new Fields(value, List.of("Address", "Port"));
                tagged.put(tag, new TaggedAddress(of.text("Address"), of.number("Port")));
              });
    }
    if (IPV4.matcher(address).matches()) {
      tagged.putIfAbsent("lan_ipv4", new TaggedAddress(address, port));
      tagged.putIfAbsent("wan_ipv4", new TaggedAddress(address, port));
    }
    return tagged;
  }

  private static Weights weights(Fields fields) {
    if (!fields.has("Weights")) {
      return new Weights(1, 1);
    }
    Fields given = new Fields(fields.object("Weights"), List.of("Passing", "Warning"));
    Weights weights = new Weights(given.number("Passing"), given.number("Warning"));
    if (weights.passing() < 1) {
      throw new ApiError(400, "Invalid Weights: Passing must be greater than 0");
    }
    if (weights.warning() < 0) {
      throw new ApiError(400, "Invalid Weights: Warning must be greater or equal than 0");
    }
    if (weights.passing() > WEIGHT_MAX || weights.warning() > WEIGHT_MAX) {
      throw new ApiError(400, "Invalid Weights: DNS Weight must be between 0 and 65535");
    }
    return weights;
  }

  private static List<CheckSpec> checks(Service service, Fields fields) {
    List<@Nullable Object> given = new ArrayList<>();
    if (!fields.object("Check").isEmpty()) {
      given.add(fields.object("Check"));
    }
    given.addAll(fields.list("Checks"));
    List<CheckSpec> checks = new ArrayList<>();
    for (int i = 0; i < given.size(); i++) {
      CheckSpec check = CheckSpec.parse(given.get(i));
      String defaultId = "service:" + service.id() + (given.size() > 1 ? ":" + (i + 1) : "");
      checks.add(
          check.named(
              check.id().isEmpty() ? defaultId : check.id(),
              check.name().isEmpty() ? "Service '" + service.name() + "' check" : check.name()));
    }
    return List.copyOf(checks);
  }

  /** As the agent shows its own services. */
  Map<String, @Nullable Object> agentJson() {
    Map<String, @Nullable Object> json =
        object(
            "ID", id, "Service", name, "Tags", tags, "Meta", meta, "Port", port, "Address",
            address);
    if (!taggedAddresses.isEmpty()) {
      json.put("TaggedAddresses", taggedAddressesJson());
    }
    json.put("Weights", weights.json());
    json.put("EnableTagOverride", enableTagOverride);
    if (connectNative) {
      json.put("Connect", object("Native", true));
    }
    return json;
  }

  Map<String, @Nullable Object> taggedAddressesJson() {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    taggedAddresses.forEach((tag, address) -> json.put(tag, address.json()));
    return json;
  }

  /** Null without entries, as the catalog shows it. */
  @Nullable Object metaOrNull() {
    return meta.isEmpty() ? null : meta;
  }

  /** Equal for equal services; says nothing else. */
  String contentHash() {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(Json.compact(agentJson()));
      return HexFormat.of().formatHex(digest, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** The registration that {@link #parse} reads back into this service. */
  Map<String, @Nullable Object> registration() {
    Map<String, @Nullable Object> json = agentJson();
    json.remove("Service");
    json.put("Name", name);
    json.put("TaggedAddresses", taggedAddressesJson());
    return json;
  }
}
