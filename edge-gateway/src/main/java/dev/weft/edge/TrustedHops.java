package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.net.InetAddress;
import java.util.Optional;

/**
 * Whose request it is when proxies stand before the edge: each of them adds to {@code
 * X-Forwarded-For} the address that it was asked from. An entry is believed if who added it is one
 * of the proxies: the last one if the connection comes from one, the one before it if the last is
 * the address of one, and so on. All that is left of what is believed is what the client claims.
 *
 * @param number of proxies that a request comes through at most; 0 if clients connect to the edge
 * @param proxies the addresses that they ask from
 */
record TrustedHops(int number, Networks proxies) {
  /** More are as good as certainly a mistake. */
  static final int MAX = 10;

  static final TrustedHops NONE = new TrustedHops(0, Networks.NONE);

  /**
   * The address of the client.
   *
   * @param peer the address that the connection comes from; it is the client's if it is no proxy's
   */
  String client(HttpHeaders headers, String peer) {
    if (number == 0 || !isProxy(peer)) {
      return peer;
    }
    // Several lines are one list (RFC 9110, 5.3).
    String[] entries = String.join(",", headers.getAll("x-forwarded-for")).split(",", -1);
    String client = peer;
    for (int hop = 1; hop <= Math.min(number, entries.length) && isProxy(client); hop++) {
      Optional<String> before = address(entries[entries.length - hop].strip());
      if (before.isEmpty()) {
        break;
      }
      client = before.get();
    }
    return client;
  }

  private boolean isProxy(String address) {
    return IpAddress.of(address).filter(proxies::contains).isPresent();
  }

  private static Optional<String> address(String text) {
    try {
      // A literal only: a name would be looked up.
      return Optional.of(InetAddress.ofLiteral(text).getHostAddress());
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
