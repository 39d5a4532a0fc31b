package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.net.InetAddress;

/**
 * Whose request it is when proxies stand before the edge: each of them adds to {@code
 * X-Forwarded-For} the address that it was asked from, so that many entries, counted from the
 * right, can be believed. All that is left of them is what the client claims.
 *
 * @param number of proxies that every request comes through; 0 if clients connect to the edge
 */
record TrustedHops(int number) {
  /** More are as good as certainly a mistake. */
  static final int MAX = 10;

  static final TrustedHops NONE = new TrustedHops(0);

  /**
   * The address of the client.
   *
   * @param peer the address that the connection comes from; it is the client's where the header has
   *     too few entries, as of somebody who went round the proxies, or no address
   */
  String client(HttpHeaders headers, String peer) {
    if (number == 0) {
      return peer;
    }
    // Several lines are one list (RFC 9110, 5.3).
    String[] entries = String.join(",", headers.getAll("x-forwarded-for")).split(",", -1);
    if (entries.length < number) {
      return peer;
    }
    try {
      // A literal only: a name would be looked up.
      return InetAddress.ofLiteral(entries[entries.length - number].strip()).getHostAddress();
    } catch (IllegalArgumentException e) {
      return peer;
    }
  }
}
