package dev.weft.edge;

import dev.weft.transcoder.Selection;
import java.time.Duration;
import java.util.Optional;

/**
 * A request that has a route, and what is known of it before its body.
 *
 * @param headers what they say of the request message
 * @param fields of the answer that it asks for; empty means all
 * @param coding of its body
 * @param timeout as the client wants it
 */
record Asked(
    RouteTable.Found found,
    RequestTarget target,
    Accept accept,
    Transcoder.Headers headers,
    Prefer prefer,
    Optional<Selection> fields,
    Optional<ContentCoding> coding,
    Optional<Duration> timeout) {
  Route route() {
    return found.route();
  }

  /** The same, to be done in this time. */
  Asked within(Duration left) {
    return new Asked(found, target, accept, headers, prefer, fields, coding, Optional.of(left));
  }

  Rpc rpc() {
    return found.route().rpc();
  }
}
