package dev.weft.mesh;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import io.opentelemetry.api.trace.SpanContext;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.LoggerFactory;

/**
 * A log of very many lines, as one for each request: in the form of all others, but past the
 * framework. A line costs its caller its text; a thread of the log writes those of {@value
 * #GATHERED_MILLIS} ms in one piece. Nobody waits for whoever reads stdout: a line for which there
 * is no room is dropped and counted. What was said in the last moments before a crash is lost.
 *
 * <p>Thread-safe.
 */
public final class LineLog implements AutoCloseable {
  /** Some 10,000 lines of a request: as many as two processors answer in half a second. */
  private static final int WAITING_BYTES_MAX = 4 * 1024 * 1024;

  private static final int WAITING_BYTES_FIRST = 64 * 1024;
  private static final int GATHERED_MILLIS = 20;
  private static final Duration CLOSE_WITHIN = Duration.ofSeconds(1);

  private final Logger logger;
  private final LogLine encoder;
  private final PrintStream out;
  private final int waitingBytesMax;
  private final LongAdder dropped = new LongAdder();

  private final Object lock = new Object();

  /** Guarded by {@link #lock}. */
  private byte[] waiting = new byte[WAITING_BYTES_FIRST];

  /** Guarded by {@link #lock}. */
  private int waitingBytes;

  /** The writer's alone; changes place with {@link #waiting}. */
  private byte[] spare = new byte[WAITING_BYTES_FIRST];

  /** A permit each time that something waits where nothing did. */
  private final Semaphore begun = new Semaphore(0);

  private final Thread writer;

  LineLog(Logger logger, LogLine encoder, PrintStream out, int waitingBytesMax) {
    this.logger = logger;
    this.encoder = encoder;
    this.out = out;
    this.waitingBytesMax = waitingBytesMax;
    this.writer = Thread.ofPlatform().daemon().name("log-" + simpleName(logger)).start(this::write);
  }

  /**
   * One to stdout, in the format of the process.
   *
   * @param logger the name in its lines, which also says by its level whether it is on
   */
  public static LineLog open(String logger) {
    // Nothing else is ever on our class path.
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    return new LineLog(
        context.getLogger(logger), Logging.encoder(context), System.out, WAITING_BYTES_MAX);
  }

  private static String simpleName(Logger logger) {
    return logger.getName().substring(logger.getName().lastIndexOf('.') + 1);
  }

  /** Whether anybody wants to read it: INFO is on for its name. */
  public boolean isOn() {
    return logger.isInfoEnabled();
  }

  /**
   * Says a line. Secrets of known shape are taken out of message and values.
   *
   * @param span of what it is said; may be invalid
   * @param requestId of what it is said
   * @param attributes names, each with its value behind it; in JSON only
   */
  public void add(SpanContext span, String requestId, String message, String... attributes) {
    byte[] line =
        encoder.encode(
            logger.getName(),
            logger.getLoggerContext()::getProperty,
            span,
            requestId,
            message,
            attributes);
    boolean first;
    synchronized (lock) {
      if (line.length > waitingBytesMax - waitingBytes) {
        dropped.increment();
        return;
      }
      first = waitingBytes == 0;
      int bytes = waitingBytes + line.length;
      if (bytes > waiting.length) {
        waiting =
            Arrays.copyOf(waiting, Math.min(waitingBytesMax, Math.max(bytes, 2 * waiting.length)));
      }
      System.arraycopy(line, 0, waiting, waitingBytes, line.length);
      waitingBytes = bytes;
    }
    if (first) {
      begun.release();
    }
  }

  /** Lines that were not written and never will be. */
  public long dropped() {
    return dropped.sum();
  }

  private void write() {
    try {
      while (true) {
        begun.acquire();
        Thread.sleep(GATHERED_MILLIS);
        writeWaiting();
      }
    } catch (InterruptedException e) {
      // Closed: nothing comes any more.
      writeWaiting();
    }
  }

  private void writeWaiting() {
    byte[] full;
    int bytes;
    synchronized (lock) {
      full = waiting;
      bytes = waitingBytes;
      waiting = spare;
      waitingBytes = 0;
    }
    // In one piece, so that no line of others comes between.
    out.write(full, 0, bytes);
    out.flush();
    spare = full;
  }

  /** Writes what there is, within a second. */
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
