package dev.weft.prove;

import dev.weft.event.v1.Event;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * An event that was read while customers shopped.
 *
 * @param digest of all of it
 */
record Sighting(
    String source, long position, String id, String aggregate, long version, String digest) {

  static Sighting of(Event event) {
    return new Sighting(
        event.getSource(),
        event.getPosition(),
        event.getEventId(),
        event.getAggregateType() + " " + event.getSubject(),
        event.getAggregateVersion(),
        digest(event.toByteArray()));
  }

  private static String digest(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes), 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public String toString() {
    return "event %s, version %d of %s at position %d of %s"
        .formatted(id, version, aggregate, position, source);
  }
}
