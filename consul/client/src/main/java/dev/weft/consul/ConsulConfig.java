package dev.weft.consul;

import java.net.URI;
import java.util.Optional;

/**
 * Where the agent is and how we prove ourselves to it.
 *
 * @param address scheme, host, port and possibly a path prefix, without a trailing slash
 * @param token the ACL token, sent as a header only and never printed
 */
public record ConsulConfig(URI address, Optional<String> token) {
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
    if (token.isPresent() && !token.get().chars().allMatch(c -> c > 0x20 && c < 0x7f)) {
      throw new IllegalArgumentException("the token of Consul holds an illegal character");
    }
  }

  /**
   * Reads an address as {@code CONSUL_HTTP_ADDR} holds it: {@code host:port}, {@code host} (port
   * 8500) or a URL. A blank token counts as none.
   */
  public static ConsulConfig of(String httpAddr, Optional<String> token) {
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
    return new ConsulConfig(parsed, token.map(String::strip).filter(t -> !t.isEmpty()));
  }

  @Override
  public String toString() {
    return "ConsulConfig[address="
        + address
        + ", token="
        + (token.isPresent() ? "***" : "none")
        + "]";
  }
}
