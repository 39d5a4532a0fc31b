package dev.weft.edge;

import java.time.Duration;
import java.util.Optional;

/** A request that has a route, and what is known of it before its body. */
record Asked(
    RouteTable.Found found,
    RequestTarget target,
    Accept accept,
    Optional<String> requestId,
    Optional<Duration> timeout) {
  Route route() {
    return found.route();
  }

  Rpc rpc() {
    return found.route().rpc();
  }
}
