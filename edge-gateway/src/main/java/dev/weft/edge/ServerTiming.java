package dev.weft.edge;

import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * How long the parts of a request took, for a client that asks for it by {@code Prefer:
 * server-timing}: the transcoding to and fro, the call, and all of it; and where it stands in its
 * trace. Says nothing of who was called or where.
 */
final class ServerTiming {
  /** Of a request that does not ask: measures nothing and says nothing. */
  static final ServerTiming OFF = new ServerTiming(false);

  private final boolean on;
  private long transcoding;
  private long calling;

  ServerTiming() {
    this(true);
  }

  private ServerTiming(boolean on) {
    this.on = on;
  }

  /** When a part begins. */
  long now() {
    return on ? System.nanoTime() : 0;
  }

  void transcoded(long began) {
    transcoding += on ? System.nanoTime() - began : 0;
  }

  void called(long began) {
    calling = on ? System.nanoTime() - began : 0;
  }

  /** The value of {@code Server-Timing}, if it was asked for. */
  Optional<String> text(Observation observation) {
    if (!on) {
      return Optional.empty();
    }
    String parts =
        "transcode;dur=%s, call;dur=%s, total;dur=%s"
            .formatted(millis(transcoding), millis(calling), millis(observation.elapsedNanos()));
    String traceparent = observation.traceparent();
    return Optional.of(
        traceparent.isEmpty() ? parts : parts + ", traceparent;desc=\"" + traceparent + '"');
  }

  private static String millis(long nanos) {
    return String.format(Locale.ROOT, "%.3f", nanos / (double) TimeUnit.MILLISECONDS.toNanos(1));
  }
}
