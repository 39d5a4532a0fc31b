package dev.weft.events;

import dev.weft.durable.EventGroups.Share;
import dev.weft.mesh.Rejection;
import java.util.UUID;

/** What names a delivery: which member got it, and where in which lane. */
record AckToken(UUID member, Share share) {
  private static final int PARTS = 4;

  @Override
  public String toString() {
    return member + "." + share.bucket() + "." + share.generation() + "." + share.position();
  }

  static AckToken parse(String text) {
    String[] parts = text.split("\\.", -1);
    try {
      if (parts.length == PARTS) {
        return new AckToken(
            UUID.fromString(parts[0]),
            new Share(
                Integer.parseInt(parts[1]), Long.parseLong(parts[2]), Long.parseLong(parts[3])));
      }
    } catch (IllegalArgumentException e) {
      // As below.
    }
    throw Rejection.invalid("tokens", "must be tokens of deliveries");
  }
}
