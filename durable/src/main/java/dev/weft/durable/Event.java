package dev.weft.durable;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * Something that happened, as it was committed with its effect: a CloudEvent 1.0 with its place in
 * the log and in the life of its aggregate.
 *
 * @param position its place among all events of its source; positions are consecutive, and given
 *     after the commit
 * @param id the same wherever and however often it arrives
 * @param source the service that said it
 * @param type past tense, below its aggregate's type: {@code shop.order.confirmed}
 * @param schemaVersion of the payload, from 1 on; rises when old readers could not read it
 * @param recordedAt when it happened, by the clock of the source's database
 * @param expiresAt from when on nobody cares for it; most are of interest for ever
 */
public record Event(
    long position,
    UUID id,
    String source,
    String type,
    int schemaVersion,
    Aggregate aggregate,
    Content content,
    Origin origin,
    Instant recordedAt,
    Optional<Instant> expiresAt) {

  /** How many buckets aggregates fall into; what readers of a group share among themselves. */
  public static final int BUCKETS = 16;

  /** One that is of interest for ever. */
  public Event(
      long position,
      UUID id,
      String source,
      String type,
      int schemaVersion,
      Aggregate aggregate,
      Content content,
      Origin origin,
      Instant recordedAt) {
    this(
        position,
        id,
        source,
        type,
        schemaVersion,
        aggregate,
        content,
        origin,
        recordedAt,
        Optional.empty());
  }

  /**
   * Which thing it happened to, and the how-manieth time.
   *
   * @param type what all its events' types begin with: {@code shop.order}
   * @param version from 1 on, without gaps
   */
  public record Aggregate(String type, String id, long version) {
    /** Where the aggregate's events are read; the same for ever. */
    public int bucket() {
      CRC32C hash = new CRC32C();
      hash.update((type + '/' + id).getBytes(StandardCharsets.UTF_8));
      return (int) (hash.getValue() % BUCKETS);
    }
  }

  /**
   * What it says.
   *
   * @param type a media type: {@code application/protobuf}
   * @param schema what the bytes are, such as a message's full name
   */
  // Bytes are handed on as they are; nobody compares these records.
  @SuppressWarnings("ArrayRecordComponent")
  public record Content(String type, String schema, byte[] bytes) {}

  /**
   * What led to it.
   *
   * @param correlationId the same for everything that one request of a client led to
   * @param causationId the event it answers
   * @param traceparent W3C trace context
   */
  public record Origin(
      String correlationId, Optional<UUID> causationId, Optional<String> traceparent) {

    /** A request led to it. */
    public static Origin request(String correlationId, Optional<String> traceparent) {
      return new Origin(correlationId, Optional.empty(), traceparent);
    }
  }

  /** Stands for a message that is no event, so that it can be kept and looked at. */
  public static Event unreadable(String source, byte[] message, Instant at) {
    UUID id = UUID.nameUUIDFromBytes(message);
    return new Event(
        0,
        id,
        source,
        "unreadable",
        0,
        new Aggregate("unreadable", id.toString(), 1),
        new Content("application/octet-stream", "", Objects.requireNonNull(message)),
        Origin.request("", Optional.empty()),
        at);
  }
}
