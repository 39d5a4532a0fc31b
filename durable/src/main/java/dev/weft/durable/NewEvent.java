package dev.weft.durable;

import dev.weft.durable.Event.Aggregate;
import dev.weft.durable.Event.Content;
import dev.weft.durable.Event.Origin;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * An event to be appended with its effect.
 *
 * @param type the aggregate's type and one word more: {@code shop.order.confirmed}
 * @param aggregateId of 255 characters at most
 * @param schemaVersion of the payload, from 1 on
 * @param aggregateVersion one more than the aggregate's event before it, from 1 on; kept in the
 *     aggregate's own row, which is locked when the event is appended
 * @param expiresAfter how long anybody cares for it; most are of interest for ever
 */
public record NewEvent(
    String type,
    int schemaVersion,
    String aggregateId,
    long aggregateVersion,
    Content content,
    Origin origin,
    Optional<Duration> expiresAfter) {
  private static final Pattern TYPE = Pattern.compile("[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*){2,7}");
  private static final int TYPE_MAX = 200;
  private static final int AGGREGATE_ID_MAX = 255;

  public NewEvent {
    if (type.length() > TYPE_MAX || !TYPE.matcher(type).matches()) {
      throw new IllegalArgumentException("type: " + type + " (expected: as shop.order.confirmed)");
    }
    if (aggregateId.isEmpty() || aggregateId.length() > AGGREGATE_ID_MAX) {
      throw new IllegalArgumentException(
          "aggregateId: %d characters (expected: from 1 to %d)"
              .formatted(aggregateId.length(), AGGREGATE_ID_MAX));
    }
    if (schemaVersion < 1) {
      throw new IllegalArgumentException("schemaVersion: " + schemaVersion + " (expected: >= 1)");
    }
    if (aggregateVersion < 1) {
      throw new IllegalArgumentException(
          "aggregateVersion: " + aggregateVersion + " (expected: >= 1)");
    }
    if (expiresAfter.filter(after -> !after.isPositive()).isPresent()) {
      throw new IllegalArgumentException("expiresAfter: " + expiresAfter + " (expected: > 0)");
    }
  }

  /** One that is of interest for ever. */
  public NewEvent(
      String type,
      int schemaVersion,
      String aggregateId,
      long aggregateVersion,
      Content content,
      Origin origin) {
    this(type, schemaVersion, aggregateId, aggregateVersion, content, origin, Optional.empty());
  }

  Aggregate aggregate() {
    return new Aggregate(type.substring(0, type.lastIndexOf('.')), aggregateId, aggregateVersion);
  }
}
