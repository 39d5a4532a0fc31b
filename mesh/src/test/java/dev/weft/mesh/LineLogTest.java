package dev.weft.mesh;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import com.nimbusds.jose.util.JSONObjectUtils;
import io.grpc.Context;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.event.KeyValuePair;

@Timeout(30)
class LineLogTest {
  private static final SpanContext SPAN =
      SpanContext.create(
          "0af7651916cd43dd8448eb211c80319c",
          "b7ad6b7169203331",
          TraceFlags.getSampled(),
          TraceState.getDefault());

  private final LoggerContext context = new LoggerContext();

  /** What was written, one element for each call. */
  private final LinkedBlockingQueue<String> written = new LinkedBlockingQueue<>();

  private final LinkedBlockingQueue<Thread> writers = new LinkedBlockingQueue<>();
  private final CountDownLatch stuck = new CountDownLatch(1);

  /** Whoever reads the log takes nothing before. */
  private final CountDownLatch reads = new CountDownLatch(1);

  LineLogTest() {
    context.setMDCAdapter(new LogbackMDCAdapter());
    context.putProperty(LogLine.SERVICE_NAME, "edge-gateway");
    context.putProperty(LogLine.SERVICE_VERSION, "1.2.3");
  }

  private LineLog log(LogLine.Format format, int waitingBytesMax) {
    OutputStream out =
        new OutputStream() {
          @Override
          public void write(int b) {
            throw new AssertionError("one byte");
          }

          @Override
          public void write(byte[] bytes, int from, int length) {
            stuck.countDown();
            awaitUninterruptibly(reads);
            writers.add(Thread.currentThread());
            written.add(new String(bytes, from, length, UTF_8));
          }
        };
    return new LineLog(
        context.getLogger("dev.weft.edge.access"),
        new LogLine(format),
        new PrintStream(out, false, UTF_8),
        waitingBytesMax);
  }

  /** The id of each line that was written. */
  private List<String> ids() {
    return written.stream()
        .flatMap(String::lines)
        .map(line -> line.replaceAll(".*\"request_id\":\"([^\"]*)\".*", "$1"))
        .toList();
  }

  @Test
  void writesEveryLineInOrderOnAThreadOfItsOwn() throws Exception {
    reads.countDown();
    try (LineLog log = log(LogLine.Format.JSON, 1 << 20)) {
      log.add(SPAN, "first", "x");
      String first = written.take();
      log.add(SPAN, "second", "x");
      log.add(SPAN, "third", "x");
      assertThat(first).contains("\"first\"").endsWith("\n");
    }
    assertThat(ids()).containsExactly("second", "third");
    assertThat(writers).doesNotContain(Thread.currentThread()).isNotEmpty();
  }

  @Test
  void dropsAndCountsWhatThereIsNoRoomFor() throws Exception {
    LineLog log = log(LogLine.Format.JSON, 3_000);
    log.add(SPAN, "stuck", "x");
    assertThat(stuck.await(10, TimeUnit.SECONDS)).isTrue();
    // Each is longer than 1,000 bytes: a third finds no room, but a short one does.
    log.add(SPAN, "one", "x".repeat(1_000));
    log.add(SPAN, "two", "x".repeat(1_000));
    log.add(SPAN, "three", "x".repeat(1_000));
    log.add(SPAN, "short", "x");

    assertThat(log.dropped()).isEqualTo(1);
    reads.countDown();
    log.close();
    assertThat(ids()).containsExactly("stuck", "one", "two", "short");
  }

  @Test
  void growsToWhatMayWait() throws Exception {
    LineLog log = log(LogLine.Format.JSON, 1 << 20);
    log.add(SPAN, "stuck", "x");
    assertThat(stuck.await(10, TimeUnit.SECONDS)).isTrue();
    for (int i = 0; i < 1_000; i++) {
      log.add(SPAN, "id-" + i, "x".repeat(500));
    }
    reads.countDown();
    log.close();

    assertThat(log.dropped()).isZero();
    assertThat(ids()).hasSize(1_001).contains("id-0", "id-999");
  }

  @Test
  void aLineIsAsTheFrameworkWouldWriteIt() throws Exception {
    String token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
    String message = "GET \n \u202e " + token;
    LoggingEvent event =
        new LoggingEvent(
            "fqcn", context.getLogger("dev.weft.edge.access"), Level.INFO, message, null, null);
    event.addKeyValuePair(new KeyValuePair("http.route", "/a\"b"));
    event.addKeyValuePair(new KeyValuePair("reason", token));
    Context of =
        RequestId.in(
            Spans.in(Context.ROOT, io.opentelemetry.context.Context.root().with(Span.wrap(SPAN))),
            "req-1");
    for (LogLine.Format format : LogLine.Format.values()) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      LogLine encoder = new LogLine(format);
      try (LineLog log =
          new LineLog(
              context.getLogger("dev.weft.edge.access"),
              encoder,
              new PrintStream(out, false, UTF_8),
              1 << 20)) {
        log.add(SPAN, "req-1", message, "http.route", "/a\"b", "reason", token);
      }
      String expected = new String(of.call(() -> encoder.encode(event)), UTF_8);
      assertThat(timeless(out.toString(UTF_8))).isEqualTo(timeless(expected));
    }
  }

  /** Of the one it is the hour of the event, of the other of its writing. */
  private static String timeless(String line) {
    return line.replaceFirst("[0-9:.]{12}|20[0-9T:.-]*Z", "");
  }

  @Test
  void saysWhenItWas() throws Exception {
    reads.countDown();
    Instant before = Instant.now();
    try (LineLog log = log(LogLine.Format.JSON, 1 << 20)) {
      log.add(SPAN, "one", "x");
    }
    Map<String, Object> line = JSONObjectUtils.parse(written.take().strip());
    assertThat(Instant.parse((String) line.get("timestamp")))
        .isBetween(before.minusNanos(1_000), Instant.now());
  }

  @Test
  void isOffWhereNobodyWantsItsLevel() {
    try (LineLog log = log(LogLine.Format.JSON, 1 << 20)) {
      assertThat(log.isOn()).isTrue();
      context.getLogger("dev.weft.edge").setLevel(Level.WARN);
      assertThat(log.isOn()).isFalse();
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    boolean interrupted = false;
    while (latch.getCount() > 0) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
