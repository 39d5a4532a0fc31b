package dev.weft.consul.agent;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;

/**
 * How an agent runs.
 *
 * @param bind a loopback address
 * @param port 0 for a free one
 * @param dataDir where the state is kept; empty to forget it on close
 * @param clock decides how long a check has been critical and a certificate counts
 * @param intentions what holds between two services that no intention is about
 * @param instances how many it holds at most, 1 to 65,536; and four times as many checks
 */
public record DevAgentConfig(
    InetAddress bind,
    int port,
    Optional<Path> dataDir,
    InstantSource clock,
    DefaultPolicy intentions,
    int instances) {
  /** Whether a call passes that nobody said anything about. */
  public enum DefaultPolicy {
    /** As a Consul without ACLs. */
    ALLOW,
    /** As a Consul whose ACLs, or intentions, deny by default. */
    DENY;

    boolean allows() {
      return this == ALLOW;
    }
  }

  /** As many as a laptop has with room to spare. */
  static final int INSTANCES_DEFAULT = 1_024;

  private static final int INSTANCES_MAX = 65_536;
  private static final int PORT_DEFAULT = 8500;

  /** Refuses what a development agent must not do. */
  public DevAgentConfig {
    if (!bind.isLoopbackAddress()) {
      throw new IllegalArgumentException(
          "WEFT_BIND: "
              + bind.getHostAddress()
              + " (expected: a loopback address; the development agent has no access control)");
    }
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("PORT: " + port + " (expected: 0 to 65535)");
    }
    if (instances < 1 || instances > INSTANCES_MAX) {
      throw new IllegalArgumentException(
          "WEFT_INSTANCES_MAX: " + instances + " (expected: 1 to " + INSTANCES_MAX + ")");
    }
  }

  /** On a free port of 127.0.0.1, keeping nothing. */
  public static DevAgentConfig inMemory() {
    return new DevAgentConfig(
        loopback(),
        0,
        Optional.empty(),
        InstantSource.system(),
        DefaultPolicy.ALLOW,
        INSTANCES_DEFAULT);
  }

  /** This configuration on another port. */
  public DevAgentConfig withPort(int newPort) {
    return new DevAgentConfig(bind, newPort, dataDir, clock, intentions, instances);
  }

  /** This configuration with its state kept in {@code directory}. */
  public DevAgentConfig withDataDir(Path directory) {
    return new DevAgentConfig(bind, port, Optional.of(directory), clock, intentions, instances);
  }

  /** This configuration with another clock. */
  public DevAgentConfig withClock(InstantSource newClock) {
    return new DevAgentConfig(bind, port, dataDir, newClock, intentions, instances);
  }

  /** This configuration with another default for calls that no intention is about. */
  public DevAgentConfig withIntentions(DefaultPolicy newDefault) {
    return new DevAgentConfig(bind, port, dataDir, clock, newDefault, instances);
  }

  /**
   * Reads {@code PORT} (8500), {@code WEFT_BIND} (127.0.0.1), {@code WEFT_DATA_DIR} (none), {@code
   * WEFT_INTENTIONS_DEFAULT} (allow) and {@code WEFT_INSTANCES_MAX} (1024).
   *
   * @throws IllegalArgumentException that names the variable and its value
   */
  static DevAgentConfig from(Map<String, String> env) {
    String bind = env.getOrDefault("WEFT_BIND", "127.0.0.1");
    Optional<Path> dataDir =
        Optional.ofNullable(env.get("WEFT_DATA_DIR")).filter(dir -> !dir.isBlank()).map(Path::of);
    try {
      return new DevAgentConfig(
          InetAddress.getByName(bind),
          number(env, "PORT", PORT_DEFAULT, "0 to 65535"),
          dataDir,
          InstantSource.system(),
          defaultPolicy(env.getOrDefault("WEFT_INTENTIONS_DEFAULT", "allow")),
          number(env, "WEFT_INSTANCES_MAX", INSTANCES_DEFAULT, "1 to " + INSTANCES_MAX));
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("WEFT_BIND: " + bind + " (expected: an address)", e);
    }
  }

  private static int number(Map<String, String> env, String name, int usual, String expected) {
    String value = env.getOrDefault(name, String.valueOf(usual));
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: " + expected + ")", e);
    }
  }

  private static DefaultPolicy defaultPolicy(String word) {
    return switch (word) {
      case "allow" -> DefaultPolicy.ALLOW;
      case "deny" -> DefaultPolicy.DENY;
      default ->
          throw new IllegalArgumentException(
              "WEFT_INTENTIONS_DEFAULT: " + word + " (expected: allow or deny)");
    };
  }

  private static InetAddress loopback() {
    try {
      return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    } catch (UnknownHostException e) {
      throw new IllegalStateException("four bytes are an address", e);
    }
  }
}
