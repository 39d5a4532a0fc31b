package dev.weft.mesh;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.encoder.EncoderBase;
import io.opentelemetry.api.trace.SpanContext;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.KeyValuePair;

/**
 * One log event as one line: JSON for machines, or text for a terminal. Both carry the trace and
 * the request the line belongs to; in both no value can break out of its line.
 */
final class LogLine extends EncoderBase<ILoggingEvent> {
  /** Context properties that {@link Logging} sets. */
  static final String SERVICE_NAME = "service.name";

  static final String SERVICE_VERSION = "service.version";

  enum Format {
    JSON,
    TEXT
  }

  private static final int MESSAGE_LENGTH = 16 * 1024;
  private static final int EXCEPTION_LENGTH = 32 * 1024;
  private static final DateTimeFormatter TIMESTAMP =
      new DateTimeFormatterBuilder().appendInstant(6).toFormatter();
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm:ss.SSS").withZone(ZoneId.systemDefault());

  private final Format format;

  LogLine(Format format) {
    this.format = format;
  }

  @Override
  public byte[] headerBytes() {
    return new byte[0];
  }

  @Override
  public byte[] footerBytes() {
    return new byte[0];
  }

  @Override
  public byte[] encode(ILoggingEvent event) {
    StringBuilder line = new StringBuilder(256);
    switch (format) {
      case JSON -> json(line, event);
      case TEXT -> text(line, event);
    }
    return line.append('\n').toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void json(StringBuilder line, ILoggingEvent event) {
    line.append('{');
    JsonText.field(line, "timestamp", TIMESTAMP.format(instant(event)));
    add(line, "severity", event.getLevel().toString());
    add(line, "message", message(event));
    add(line, "logger", event.getLoggerName());
    Map<String, String> properties = event.getLoggerContextVO().getPropertyMap();
    addIfSet(line, SERVICE_NAME, properties.get(SERVICE_NAME));
    addIfSet(line, "version", properties.get(SERVICE_VERSION));
    SpanContext span = Spans.current();
    if (span.isValid()) {
      add(line, "trace_id", span.getTraceId());
      add(line, "span_id", span.getSpanId());
      add(line, "trace_flags", span.getTraceFlags().asHex());
    }
    RequestId.current().ifPresent(id -> add(line, "request_id", id));
    add(line, "thread", event.getThreadName());
    addAttributes(line, event);
    exception(event).ifPresent(text -> add(line, "exception", text));
    line.append('}');
  }

  private static void addAttributes(StringBuilder line, ILoggingEvent event) {
    Map<String, String> mdc = event.getMDCPropertyMap();
    List<KeyValuePair> pairs = event.getKeyValuePairs();
    boolean noPairs = pairs == null || pairs.isEmpty();
    if (mdc.isEmpty() && noPairs) {
      return;
    }
    line.append(",\"attributes\":{");
    int start = line.length();
    mdc.forEach((key, value) -> addAfter(start, line, key, value));
    if (!noPairs) {
      pairs.forEach(pair -> addAfter(start, line, pair.key, String.valueOf(pair.value)));
    }
    line.append('}');
  }

  private static void addAfter(int start, StringBuilder line, String name, String value) {
    if (line.length() > start) {
      line.append(',');
    }
    JsonText.field(line, name, cut(Secrets.masked(value), MESSAGE_LENGTH));
  }

  private static void add(StringBuilder line, String name, String value) {
    line.append(',');
    JsonText.field(line, name, value);
  }

  private static void addIfSet(StringBuilder line, String name, @Nullable String value) {
    if (value != null) {
      add(line, name, value);
    }
  }

  private static void text(StringBuilder line, ILoggingEvent event) {
    String logger = event.getLoggerName();
    line.append(TIME.format(instant(event))).append(' ');
    String level = event.getLevel().toString();
    line.append(level).repeat(' ', 6 - level.length());
    line.append(logger, logger.lastIndexOf('.') + 1, logger.length()).append(": ");
    printable(line, message(event));
    SpanContext span = Spans.current();
    if (span.isValid()) {
      line.append(" [trace ").append(span.getTraceId()).append(']');
    }
    exception(event).ifPresent(text -> text.lines().forEach(l -> printable(line.append('\n'), l)));
  }

  private static void printable(StringBuilder line, String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      line.append(JsonText.unprintable(c) && c != '\t' ? '\u00b7' : c);
    }
  }

  private static Instant instant(ILoggingEvent event) {
    Instant instant = event.getInstant();
    return instant == null ? Instant.ofEpochMilli(event.getTimeStamp()) : instant;
  }

  private static String message(ILoggingEvent event) {
    return cut(Secrets.masked(String.valueOf(event.getFormattedMessage())), MESSAGE_LENGTH);
  }

  private static Optional<String> exception(ILoggingEvent event) {
    IThrowableProxy thrown = event.getThrowableProxy();
    return thrown == null
        ? Optional.empty()
        : Optional.of(
            cut(Secrets.masked(ThrowableProxyUtil.asString(thrown).strip()), EXCEPTION_LENGTH));
  }

  private static String cut(String text, int length) {
    return text.length() <= length
        ? text
        : text.substring(0, length) + "… (" + (text.length() - length) + " more)";
  }
}
