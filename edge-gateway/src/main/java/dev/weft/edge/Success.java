package dev.weft.edge;

import dev.weft.transcoder.RawBody;
import io.grpc.Metadata;
import java.util.Map;
import java.util.Optional;

/** What HTTP says of the reply of a call that went well: status, place, version, body. */
final class Success {
  private static final Metadata.Key<String> ETAG =
      Metadata.Key.of("etag", Metadata.ASCII_STRING_MARSHALLER);

  private static final int CREATED = 201;
  private static final int NO_CONTENT = 204;

  private Success() {}

  /**
   * The answer that this reply becomes.
   *
   * @param told what the service says of it in metadata
   * @throws Refused if the client wants another version only
   * @throws RuntimeException if the reply cannot be printed
   */
  static Answer of(Asked asked, Exchange exchange, byte[] message, Metadata told) {
    Rpc rpc = asked.rpc();
    boolean read = exchange.method().equals("GET") || exchange.isHead();
    if (rpc.successStatus() == NO_CONTENT) {
      return Answer.empty(NO_CONTENT, Map.of());
    }
    if (!read && !rpc.grpc().isSafe() && asked.prefer().minimal()) {
      exchange.alsoAnswer("Preference-Applied", "return=minimal");
      int status = rpc.successStatus() == CREATED ? CREATED : NO_CONTENT;
      return changed(asked.route(), message, Answer.empty(status, Map.of()));
    }
    if (read && rpc.successStatus() == 200) {
      return read(asked, exchange, message, told).to(exchange, asked);
    }
    return changed(asked.route(), message, whole(asked, exchange, message));
  }

  /**
   * The answer that a reply becomes which the contract declares: of no version, and not to be kept.
   */
  static Answer declared(Asked asked, Exchange exchange, byte[] message) {
    return asked.rpc().successStatus() == NO_CONTENT
        ? Answer.empty(NO_CONTENT, Map.of())
        : whole(asked, exchange, message);
  }

  /**
   * What a read is answered with, before the conditions of this client.
   *
   * @param told what the service says of it in metadata
   * @throws RuntimeException if the reply cannot be printed
   */
  static Representation read(Asked asked, Exchange exchange, byte[] message, Metadata told) {
    Transcoder transcoder = asked.route().transcoder();
    Answer whole = whole(asked, exchange, message);
    Optional<EntityTag> version =
        transcoder
            .version(message)
            .or(() -> Optional.ofNullable(told.get(ETAG)).flatMap(EntityTag::ofVersion));
    return new Representation(
        Reuse.tagged(whole, asked.rpc(), version, exchange.request().headers()),
        transcoder.nextPage(exchange.request().uri(), message));
  }

  private static Answer whole(Asked asked, Exchange exchange, byte[] message) {
    long began = exchange.timing().now();
    Answer whole = whole(asked, message);
    exchange.timing().transcoded(began);
    return whole;
  }

  private static Answer whole(Asked asked, byte[] message) {
    Transcoder transcoder = asked.route().transcoder();
    int status = asked.rpc().successStatus();
    if (!transcoder.answersAnything()) {
      byte[] json = transcoder.response(message, asked.fields());
      return Answer.of(status, "application/json", json, Map.of());
    }
    RawBody raw = transcoder.raw(message);
    return Answer.of(status, MediaTypes.said(raw.contentType()), raw.data(), Map.of());
  }

  /** What was created or changed has a place and a version, of which the client may go on. */
  private static Answer changed(Route route, byte[] message, Answer answer) {
    Optional<String> location = Optional.empty();
    if (answer.status() == CREATED && route.identifies().isPresent()) {
      Route.Location place = route.identifies().get();
      location = place.id().in(message).map(id -> place.collection() + "/" + Uris.encode(id));
    }
    // Of other methods the tag would be that of something else than what is answered (RFC 9110,
    // 9.3.4 and 8.8.3).
    boolean versioned = location.isPresent() || route.httpMethod().equals("PATCH");
    Answer placed = location.map(path -> answer.with("Location", path)).orElse(answer);
    return versioned
        ? route
            .transcoder()
            .version(message)
            .map(tag -> placed.with("ETag", tag.text()))
            .orElse(placed)
        : placed;
  }
}
