package dev.weft.edge;

import dev.weft.mesh.Logging;
import dev.weft.mesh.RequestId;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.context.Scope;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A line for each request, at INFO, written by a thread of its own: no request waits for whoever
 * reads the log. A line is written {@value #GATHERED_MILLIS} ms after its answer at most, together
 * with the others of that time; what is more than the thread can write is dropped and counted.
 *
 * <p>Thread-safe.
 */
final class AccessLog implements AutoCloseable {
  private static final String NAME = "dev.weft.edge.access";
  private static final Logger access = LoggerFactory.getLogger(NAME);

  /** Half a second's worth of what two processors can answer. */
  private static final int WAITING_MAX = 16 * 1024;

  private static final int GATHERED_MILLIS = 20;
  private static final Duration CLOSE_WITHIN = Duration.ofSeconds(1);

  private final BlockingQueue<Observation> waiting;
  private final Consumer<Observation> line;
  private final LongAdder dropped = new LongAdder();
  private final Thread writer;

  /**
   * @param waitingMax how many may wait to be written
   * @param line writes one
   */
  AccessLog(int waitingMax, Consumer<Observation> line) {
    this.waiting = new ArrayBlockingQueue<>(waitingMax);
    this.line = line;
    this.writer = Thread.ofPlatform().daemon().name("access-log").start(this::write);
  }

  /** One to stdout. */
  static AccessLog open(Meter meter) {
    Logging.unflushed(NAME);
    AccessLog log = new AccessLog(WAITING_MAX, AccessLog::log);
    meter
        .counterBuilder("weft.edge.access_log.dropped")
        .setUnit("{line}")
        .setDescription("Lines of the access log that came faster than they could be written.")
        .buildWithCallback(counter -> counter.record(log.dropped()));
    return log;
  }

  /** Lines that were not written and never will be. */
  long dropped() {
    return dropped.sum();
  }

  /** Whether anybody wants to read it. */
  static boolean isOn() {
    return access.isInfoEnabled();
  }

  /** Notes a request that has ended. */
  void add(Observation request) {
    if (!waiting.offer(request)) {
      dropped.increment();
    }
  }

  private void write() {
    List<Observation> some = new ArrayList<>();
    try {
      while (true) {
        // Woken once for all that come meanwhile.
        some.add(waiting.take());
        Thread.sleep(GATHERED_MILLIS);
        writeAll(some);
      }
    } catch (InterruptedException e) {
      // Closed: nothing comes any more.
      writeAll(some);
    }
  }

  private void writeAll(List<Observation> some) {
    waiting.drainTo(some);
    some.forEach(line);
    some.clear();
    System.out.flush();
  }

  private static void log(Observation request) {
    io.grpc.Context named = RequestId.in(io.grpc.Context.ROOT, request.requestId());
    try (Scope _ = request.context().makeCurrent()) {
      named.run(
          () ->
              access
                  .atInfo()
                  .addKeyValue("http.request.method", request.method())
                  .addKeyValue("http.route", request.route())
                  .addKeyValue("http.response.status_code", request.status())
                  .addKeyValue("http.response.body.size", request.bytes())
                  .addKeyValue("duration_ms", request.elapsedMillis())
                  .addKeyValue("service", request.service())
                  .addKeyValue("reason", request.reason())
                  .log(
                      "{} {} {} {} ms {} bytes{}",
                      request.method(),
                      request.route().isEmpty() ? "-" : request.route(),
                      request.status(),
                      request.elapsedMillis(),
                      request.bytes(),
                      request.left() ? ", the client left" : ""));
    }
  }

  /** Writes what there is. */
  @Override
  public void close() {
    writer.interrupt();
    try {
      writer.join(CLOSE_WITHIN);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
