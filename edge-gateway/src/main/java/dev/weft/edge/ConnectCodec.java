package dev.weft.edge;

import java.util.List;
import java.util.Optional;

/** In which form messages of Connect are, by the end of their content type. */
enum ConnectCodec {
  JSON,
  PROTO;

  /** The codec of this name; none for a name nobody knows. */
  static Optional<ConnectCodec> of(String name) {
    return switch (name) {
      case "json" -> Optional.of(JSON);
      case "proto" -> Optional.of(PROTO);
      default -> Optional.empty();
    };
  }

  String text() {
    return this == JSON ? "json" : "proto";
  }

  /** The wire bytes of a message of the client's. */
  byte[] read(Transcoder transcoder, byte[] message, Optional<String> requestId) {
    return this == PROTO
        ? message
        : transcoder.request(
            List.of(),
            List.of(),
            message,
            new Transcoder.Headers(requestId, Optional.empty(), "application/json"));
  }

  /** What the client gets of a reply. */
  byte[] written(Transcoder transcoder, byte[] reply) {
    return this == PROTO ? reply : transcoder.response(reply, Optional.empty());
  }
}
