package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.slf4j.event.KeyValuePair;

class LogLineTest {
  private static final String TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
  private static final String SPAN_ID = "b7ad6b7169203331";

  private final LoggerContext context = new LoggerContext();

  LogLineTest() {
    context.setMDCAdapter(new LogbackMDCAdapter());
    context.putProperty(LogLine.SERVICE_NAME, "order-svc");
    context.putProperty(LogLine.SERVICE_VERSION, "1.2.3");
  }

  private LoggingEvent event(String message, @Nullable Throwable thrown, Object... arguments) {
    return new LoggingEvent(
        "fqcn", context.getLogger("dev.weft.order.Orders"), Level.WARN, message, thrown, arguments);
  }

  private static String line(LogLine.Format format, LoggingEvent event) {
    return new String(new LogLine(format).encode(event), StandardCharsets.UTF_8);
  }

  private static Map<String, Object> json(LoggingEvent event) throws Exception {
    String line = line(LogLine.Format.JSON, event);
    assertThat(line).endsWith("\n");
    assertThat(line.strip()).doesNotContain("\n");
    return JSONObjectUtils.parse(line.strip());
  }

  @Test
  void everyLineSaysWhenWhatAndWhose() throws Exception {
    assertThat(json(event("order {} waits", null, "o-1")))
        .containsEntry("severity", "WARN")
        .containsEntry("message", "order o-1 waits")
        .containsEntry("logger", "dev.weft.order.Orders")
        .containsEntry("service.name", "order-svc")
        .containsEntry("version", "1.2.3")
        .containsEntry("thread", Thread.currentThread().getName())
        .doesNotContainKeys("trace_id", "request_id", "exception", "attributes")
        .hasEntrySatisfying(
            "timestamp",
            time ->
                assertThat((String) time).matches("20\\d\\d-\\d\\d-\\d\\dT[0-9:]{8}\\.\\d{6}Z"));
  }

  @Test
  void aLineWithinACallSaysWhichTraceAndRequestAlsoOnAnotherThread() throws Exception {
    SpanContext span =
        SpanContext.create(TRACE_ID, SPAN_ID, TraceFlags.getSampled(), TraceState.getDefault());
    Context call =
        RequestId.in(
            Spans.in(
                Context.current(), io.opentelemetry.context.Context.root().with(Span.wrap(span))),
            "req-1");
    String[] line = new String[1];
    Thread.ofVirtual()
        .start(() -> call.run(() -> line[0] = line(LogLine.Format.JSON, event("x", null))))
        .join();

    assertThat(JSONObjectUtils.parse(line[0].strip()))
        .containsEntry("trace_id", TRACE_ID)
        .containsEntry("span_id", SPAN_ID)
        .containsEntry("trace_flags", "01")
        .containsEntry("request_id", "req-1");
  }

  @Test
  void nothingInAValueCanBreakOutOfItsLine() throws Exception {
    String hostile =
        "a\nb\r\u001b[31mred\u0000\u007f\u009b\u2028\u202e\u2066\"},{\"severity\":\"ERROR\"\ud800 \ud83d\ude00";
    LoggingEvent event = event("{}", new IllegalStateException(hostile), hostile);
    event.addKeyValuePair(new KeyValuePair("key\n", hostile));

    assertThat(json(event).get("message")).isEqualTo(hostile);
    assertThat(json(event).get("severity")).isEqualTo("WARN");
    assertThat(line(LogLine.Format.JSON, event).strip())
        .doesNotContainPattern("[\\p{Cc}\\u2028-\\u202e\\u2066-\\u2069]")
        .contains("\ud83d\ude00");
    assertThat(line(LogLine.Format.TEXT, event("{}", null, hostile)).strip())
        .doesNotContainPattern("[\\p{Cc}\\u2028-\\u202e\\u2066-\\u2069]");
  }

  @Test
  void anExceptionKeepsItsStackAndItsCauses() throws Exception {
    Exception thrown = new IllegalStateException("outer", new IOException("inner"));

    assertThat((String) json(event("x", thrown)).get("exception"))
        .contains("IllegalStateException: outer", "Caused by: java.io.IOException: inner", "at ");
    assertThat(line(LogLine.Format.TEXT, event("x", thrown)))
        .contains("\njava.lang.IllegalStateException: outer\n");
  }

  @Test
  void tokensAndPasswordsAreTakenOut() throws Exception {
    String token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
    LoggingEvent event =
        event(
            "header Bearer {} to {}",
            new IllegalStateException("postgresql://weft:hunter2@127.0.0.1:5432/db " + token),
            token,
            "amqp://guest:hunter2@host");
    event.addKeyValuePair(new KeyValuePair("token", token));

    String line = line(LogLine.Format.JSON, event);
    assertThat(line).doesNotContain("hunter2", "c2lnbmF0dXJl").contains("postgresql://weft:***@");
  }

  @Test
  void aVeryLongMessageIsCut() throws Exception {
    assertThat((String) json(event("x".repeat(100_000), null)).get("message"))
        .hasSizeLessThan(17_000)
        .endsWith("more)");
  }

  @Test
  void keysAndValuesAreAttributes() throws Exception {
    LoggingEvent event = event("x", null);
    event.addKeyValuePair(new KeyValuePair("order_id", "o-1"));
    event.addKeyValuePair(new KeyValuePair("attempt", 2));

    assertThat(json(event).get("attributes")).isEqualTo(Map.of("order_id", "o-1", "attempt", "2"));
  }

  @Test
  void textIsForPeople() {
    assertThat(line(LogLine.Format.TEXT, event("order {} waits", null, "o-1")))
        .matches("\\d\\d:\\d\\d:\\d\\d\\.\\d{3} WARN  Orders: order o-1 waits\\n");
  }

  @Test
  void wrongVariablesAreNamed() {
    assertThatThrownBy(() -> Logging.check(Env.of(Map.of("LOG_LEVEL", "LOUD"))))
        .hasMessageContaining("LOG_LEVEL=LOUD");
    assertThatThrownBy(() -> Logging.check(Env.of(Map.of("LOG_FORMAT", "xml"))))
        .hasMessageContaining("LOG_FORMAT=xml");
    assertThatCode(() -> Logging.check(Env.of(Map.of("LOG_LEVEL", "debug", "LOG_FORMAT", "TEXT"))))
        .doesNotThrowAnyException();
  }
}
