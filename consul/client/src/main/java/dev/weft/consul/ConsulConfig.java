package dev.weft.consul;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where the agent is and how we prove ourselves to it.
 *
 * @param address scheme, host, port and possibly a path prefix, without a trailing slash
 * @param token the ACL token, sent as a header only and never printed
 * @param tokenFile a file that holds the token, if there is none in {@code token}; read anew for
 *     every request, so that a token can be changed without a restart
 * @param snapshots a folder of this process alone, mode 0700, that keeps what the agent said last
 *     (instances, certificates with their keys, intentions) for a start while it is away; made when
 *     it is missing. Without one such a start waits for the agent
 */
public record ConsulConfig(
    URI address, Optional<String> token, Optional<Path> tokenFile, Optional<Path> snapshots) {
  private static final int DEFAULT_PORT = 8500;

  public ConsulConfig {
    String scheme = address.getScheme();
    if (!("http".equals(scheme) || "https".equals(scheme))
        || address.getHost() == null
        || address.getPort() == -1
        || address.getRawUserInfo() != null
        || address.getRawQuery() != null
        || address.getRawFragment() != null) {
      // The text may hold a password, so it is not repeated.
      throw new IllegalArgumentException(
          "the address of Consul must be http://host:port or https://host:port");
    }
    token.ifPresent(ConsulConfig::requireLegal);
  }

  private static void requireLegal(String token) {
    if (!token.chars().allMatch(c -> c > 0x20 && c < 0x7f)) {
      throw new IllegalArgumentException("the token of Consul holds an illegal character");
    }
  }

  /**
   * Reads an address as {@code CONSUL_HTTP_ADDR} holds it: {@code host:port}, {@code host} (port
   * 8500) or a URL. A blank token counts as none.
   */
  public static ConsulConfig of(String httpAddr, Optional<String> token) {
    return of(httpAddr, token, Optional.empty());
  }

  /** As {@link #of(String, Optional)}; the file is asked for the token if there is none. */
  public static ConsulConfig of(String httpAddr, Optional<String> token, Optional<Path> tokenFile) {
    String text = httpAddr.strip();
    URI parsed;
    try {
      parsed = URI.create(text.contains("://") ? text : "http://" + text);
      while (parsed.getRawPath() != null && parsed.getRawPath().endsWith("/")) {
        String url = parsed.toString();
        parsed = URI.create(url.substring(0, url.length() - 1));
      }
      if (parsed.getPort() == -1 && parsed.getHost() != null) {
        int port = "https".equals(parsed.getScheme()) ? 443 : DEFAULT_PORT;
        parsed =
            URI.create(
                parsed.getScheme()
                    + "://"
                    + parsed.getRawAuthority()
                    + ":"
                    + port
                    + parsed.getRawPath());
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "the address of Consul must be http://host:port or https://host:port", e);
    }
    return new ConsulConfig(
        parsed, token.map(String::strip).filter(t -> !t.isEmpty()), tokenFile, Optional.empty());
  }

  /** The same, with a folder for what the agent said last. */
  public ConsulConfig withSnapshots(Optional<Path> folder) {
    return new ConsulConfig(address, token, tokenFile, folder);
  }

  /**
   * The token to send with a request that starts now. An empty file holds none.
   *
   * @throws IOException if the file cannot be read or holds what no token can be
   */
  Optional<String> currentToken() throws IOException {
    if (token.isPresent() || tokenFile.isEmpty()) {
      return token;
    }
    try {
      Optional<String> read =
          Optional.of(Files.readString(tokenFile.get()).strip()).filter(t -> !t.isEmpty());
      read.ifPresent(ConsulConfig::requireLegal);
      return read;
    } catch (IOException | IllegalArgumentException e) {
      throw new IOException("the file of Consul's token cannot be used: " + tokenFile.get(), e);
    }
  }

  @Override
  public String toString() {
    return "ConsulConfig[address="
        + address
        + ", token="
        + (token.isPresent() ? "***" : tokenFile.map(file -> "in " + file).orElse("none"))
        + "]";
  }
}
