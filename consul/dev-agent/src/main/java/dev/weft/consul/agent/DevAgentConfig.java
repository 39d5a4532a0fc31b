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
 * @param clock decides how long a check has been critical
 */
public record DevAgentConfig(
    InetAddress bind, int port, Optional<Path> dataDir, InstantSource clock) {
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
  }

  /** On a free port of 127.0.0.1, keeping nothing. */
  public static DevAgentConfig inMemory() {
    return new DevAgentConfig(loopback(), 0, Optional.empty(), InstantSource.system());
  }

  /** This configuration on another port. */
  public DevAgentConfig withPort(int newPort) {
    return new DevAgentConfig(bind, newPort, dataDir, clock);
  }

  /** This configuration with its state kept in {@code directory}. */
  public DevAgentConfig withDataDir(Path directory) {
    return new DevAgentConfig(bind, port, Optional.of(directory), clock);
  }

  /** This configuration with another clock. */
  public DevAgentConfig withClock(InstantSource newClock) {
    return new DevAgentConfig(bind, port, dataDir, newClock);
  }

  /**
   * Reads {@code PORT} (8500), {@code WEFT_BIND} (127.0.0.1) and {@code WEFT_DATA_DIR} (none).
   *
   * @throws IllegalArgumentException that names the variable and its value
   */
  static DevAgentConfig from(Map<String, String> env) {
    String port = env.getOrDefault("PORT", String.valueOf(PORT_DEFAULT));
    String bind = env.getOrDefault("WEFT_BIND", "127.0.0.1");
    Optional<Path> dataDir =
        Optional.ofNullable(env.get("WEFT_DATA_DIR")).filter(dir -> !dir.isBlank()).map(Path::of);
    try {
      return new DevAgentConfig(
          InetAddress.getByName(bind), Integer.parseInt(port), dataDir, InstantSource.system());
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("PORT: " + port + " (expected: 0 to 65535)", e);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("WEFT_BIND: " + bind + " (expected: an address)", e);
    }
  }

  private static InetAddress loopback() {
    try {
      return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    } catch (UnknownHostException e) {
      throw new IllegalStateException("four bytes are an address", e);
    }
  }
}
