package dev.weft.edge;

import java.time.Duration;
import java.util.Optional;

/**
 * A request that has a route, and what is known of it before its body.
 *
 * @param headers what they say of the request message
 * @param timeout as the client wants it
 */
record Asked(
    RouteTable.Found found,
    RequestTarget target,
    Accept accept,
    Transcoder.Headers headers,
    Prefer prefer,
    Optional<Duration> timeout) {
  Route route() {
    return found.route();
  }

  Rpc rpc() {
    return found.route().rpc();
  }
}
