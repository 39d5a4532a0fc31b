package dev.weft.consul;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What a process tells the agent about itself. Immutable; the {@code with…} methods give changed
 * copies.
 *
 * @param id unique on the agent; registering it again replaces what was there
 * @param address what others call; empty means the agent's own address
 * @param meta at most 64 pairs, keys of letters, digits, {@code _} and {@code -}, values of at most
 *     512 characters; the keys this project uses are the constants here
 * @param connectNative whether the process itself speaks Connect's mTLS
 */
public record ServiceRegistration(
    String id,
    String name,
    String address,
    int port,
    List<String> tags,
    Map<String, String> meta,
    Weights weights,
    List<Check> checks,
    boolean connectNative) {

  /** The version of the program, as {@code 1.4.0}; what traffic is split by. */
  public static final String META_VERSION = "version";

  /** What the port speaks, as {@code grpc}. */
  public static final String META_PROTOCOL = "protocol";

  /** The language of the program, as {@code java}. */
  public static final String META_LANG = "lang";

  /** A hash of the descriptors it serves; equal hashes need not be reflected again. */
  public static final String META_SCHEMA = "schema";

  // consul-api puts ids into paths as they are.
  private static final Pattern ID = Pattern.compile("[A-Za-z0-9._:~-]{1,255}");
  private static final Pattern META_KEY = Pattern.compile("[A-Za-z0-9_-]{1,128}");

  public ServiceRegistration {
    if (!ID.matcher(id).matches()) {
      throw new IllegalArgumentException("id: '" + id + "' (expected: " + ID.pattern() + ")");
    }
    if (!ID.matcher(name).matches()) {
      throw new IllegalArgumentException("name: '" + name + "' (expected: " + ID.pattern() + ")");
    }
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException("port: " + port + " (expected: 1 to 65535)");
    }
    if (meta.size() > 64) {
      throw new IllegalArgumentException("meta: " + meta.size() + " pairs (expected: at most 64)");
    }
    meta.forEach(
        (key, value) -> {
          if (!META_KEY.matcher(key).matches() || value.length() > 512) {
            throw new IllegalArgumentException(
                "meta '"
                    + key
                    + "' (expected: key "
                    + META_KEY.pattern()
                    + ", value of at most 512 characters)");
          }
        });
    tags = List.copyOf(tags);
    meta = Map.copyOf(meta);
    checks = List.copyOf(checks);
  }

  /**
   * A gRPC service under the id {@code name-host-port}, with one native gRPC check of {@code
   * healthService} (empty: the server as a whole), {@code protocol} and {@code lang} in its
   * metadata, and equal weights.
   */
  public static ServiceRegistration grpc(String name, String host, int port, String healthService) {
    String id = name + "-" + host + "-" + port;
    return new ServiceRegistration(
        id,
        name,
        host,
        port,
        List.of(),
        Map.of(META_PROTOCOL, "grpc", META_LANG, "java"),
        Weights.EQUAL,
        List.of(Check.grpc(id + ":grpc", host, port, healthService)),
        false);
  }

  /** A copy under another id; the ids of its checks stay. */
  public ServiceRegistration withId(String newId) {
    return new ServiceRegistration(
        newId, name, address, port, tags, meta, weights, checks, connectNative);
  }

  /** A copy with these tags and no others. */
  public ServiceRegistration withTags(String... newTags) {
    return new ServiceRegistration(
        id, name, address, port, List.of(newTags), meta, weights, checks, connectNative);
  }

  /** Adds or replaces one pair. */
  public ServiceRegistration withMeta(String key, String value) {
    Map<String, String> changed = new HashMap<>(meta);
    changed.put(key, value);
    return new ServiceRegistration(
        id, name, address, port, tags, changed, weights, checks, connectNative);
  }

  /** A copy with these shares of the calls. */
  public ServiceRegistration withWeights(Weights newWeights) {
    return new ServiceRegistration(
        id, name, address, port, tags, meta, newWeights, checks, connectNative);
  }

  /** A copy with these checks and no others; without any it always passes. */
  public ServiceRegistration withChecks(List<Check> newChecks) {
    return new ServiceRegistration(
        id, name, address, port, tags, meta, weights, newChecks, connectNative);
  }

  /** A copy that speaks Connect's mTLS itself. */
  public ServiceRegistration withConnectNative() {
    return new ServiceRegistration(id, name, address, port, tags, meta, weights, checks, true);
  }
}
