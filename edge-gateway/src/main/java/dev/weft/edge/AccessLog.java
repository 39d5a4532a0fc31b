package dev.weft.edge;

import dev.weft.mesh.LineLog;
import io.opentelemetry.api.metrics.Meter;

/**
 * A line for each request, at INFO. No request waits for whoever reads the log: what comes faster
 * than it can be written is dropped and counted.
 *
 * <p>Thread-safe.
 */
final class AccessLog implements AutoCloseable {
  private final LineLog lines = LineLog.open("dev.weft.edge.access");

  /** To stdout. */
  AccessLog(Meter meter) {
    meter
        .counterBuilder("weft.edge.access_log.dropped")
        .setUnit("{line}")
        .setDescription("Lines of the access log that came faster than they could be written.")
        .buildWithCallback(counter -> counter.record(lines.dropped()));
  }

  /** Notes a request that has ended. */
  void add(Observation request) {
    if (!lines.isOn()) {
      return;
    }
    String status = Integer.toString(request.status());
    String millis = Long.toString(request.elapsedMillis());
    String bytes = Long.toString(request.bytes());
    lines.add(
        request.span().getSpanContext(),
        request.requestId(),
        message(request, status, millis, bytes),
        "http.request.method",
        request.method(),
        "http.route",
        request.route(),
        "http.response.status_code",
        status,
        "http.response.body.size",
        bytes,
        "duration_ms",
        millis,
        "service",
        request.service(),
        "reason",
        request.reason());
  }

  private static String message(Observation request, String status, String millis, String bytes) {
    return request.method()
        + ' '
        + (request.route().isEmpty() ? "-" : request.route())
        + ' '
        + status
        + ' '
        + millis
        + " ms "
        + bytes
        + (request.left() ? " bytes, the client left" : " bytes");
  }

  /** Writes what there is. */
  @Override
  public void close() {
    lines.close();
  }
}
