package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.util.List;

/** How a stream of messages is written, by what the client accepts. */
enum StreamFormat {
  /**
   * One message a line, and an object {@code {"error":…}} as the last line of a stream that failed.
   */
  NDJSON("application/x-ndjson"),
  /** One array, with {@code {"error":…}} as the last element of a stream that failed. */
  ARRAY("application/json"),
  /** Server-sent events, with {@code event: error} as the last of a stream that failed. */
  EVENTS("text/event-stream"),
  /**
   * What the messages hold, one behind the other: bytes of any type, which the first message says.
   * A stream that fails is cut off.
   */
  RAW("");

  private static final int WINDOW = 16;

  /** Parts of files are large. */
  private static final int WINDOW_RAW = 4;

  private static final byte[] NOTHING = {};

  private final String mediaType;

  StreamFormat(String mediaType) {
    this.mediaType = mediaType;
  }

  /** Empty where the messages say it. */
  String mediaType() {
    return mediaType;
  }

  /** How many messages may be on their way at once. */
  int window() {
    return this == RAW ? WINDOW_RAW : WINDOW;
  }

  /** Throws {@link Refused} with 406 when the client takes none of them. */
  static StreamFormat of(Asked asked) {
    if (asked.route().transcoder().answersAnything()) {
      return RAW;
    }
    return of(asked.accept());
  }

  static StreamFormat of(Accept accept) {
    String best =
        accept
            .best(List.of(NDJSON.mediaType, ARRAY.mediaType, EVENTS.mediaType))
            .orElseThrow(
                () ->
                    new Refused(
                        Problems.notAcceptable(
                            "application/x-ndjson, application/json or text/event-stream")));
    for (StreamFormat format : values()) {
      if (format.mediaType.equals(best)) {
        return format;
      }
    }
    throw new IllegalStateException(best);
  }

  /** A message, given what stands before it. */
  byte[] message(byte[] json, boolean first) {
    return switch (this) {
      case NDJSON -> join("", json, "\n");
      case ARRAY -> join(first ? "[" : ",", json, "");
      case EVENTS -> join("data: ", json, "\n\n");
      case RAW -> json;
    };
  }

  /** The end of a stream that is complete. */
  byte[] end(boolean empty) {
    return this == ARRAY ? (empty ? "[]" : "]").getBytes(UTF_8) : NOTHING;
  }

  /** The end of a stream that failed after its first message. */
  byte[] failure(byte[] problem) {
    return switch (this) {
      case NDJSON -> join("", record(problem), "\n");
      case ARRAY -> join(",", record(problem), "]");
      case EVENTS -> join("event: error\ndata: ", problem, "\n\n");
      case RAW -> throw new IllegalStateException("it cannot say so");
    };
  }

  /** What stands for a failure where a message would stand. */
  static byte[] record(byte[] problem) {
    return join("{\"error\":", problem, "}");
  }

  /** Something that says only that the stream lives; empty where the format knows no such thing. */
  byte[] heartbeat() {
    return this == EVENTS ? ":\n\n".getBytes(UTF_8) : NOTHING;
  }

  private static byte[] join(String before, byte[] json, String after) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(json.length + 16);
    out.writeBytes(before.getBytes(UTF_8));
    out.writeBytes(json);
    out.writeBytes(after.getBytes(UTF_8));
    return out.toByteArray();
  }
}
