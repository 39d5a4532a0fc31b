package dev.weft.mesh;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.encoder.EncoderBase;
import io.opentelemetry.api.trace.SpanContext;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
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
  private static final DateTimeFormatter SECOND =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.").withZone(ZoneOffset.UTC);
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm:ss.SSS").withZone(ZoneId.systemDefault());

  /** The second of the last line, as text: to format it anew costs more than the rest of a line. */
  private record Second(long epoch, String text) {}

  private static volatile Second latest = new Second(Long.MIN_VALUE, "");

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
    return bytes(line);
  }

  /**
   * The line of an event that no framework has made, at INFO and of now.
   *
   * @param whose what {@link #SERVICE_NAME} and {@link #SERVICE_VERSION} are kept in
   * @param span of what it is said; may be invalid
   * @param attributes names, each with its value behind it
   */
  byte[] encode(
      String logger,
      Function<String, @Nullable String> whose,
      SpanContext span,
      String requestId,
      String message,
      String... attributes) {
    // As long as the line of a request and its trace.
    StringBuilder line = new StringBuilder(768);
    Instant now = Instant.now();
    String printed = cut(Secrets.masked(message), MESSAGE_LENGTH);
    switch (format) {
      case JSON -> {
        head(line, now, "INFO", printed, logger);
        whose(line, whose.apply(SERVICE_NAME), whose.apply(SERVICE_VERSION));
        place(line, span, Optional.of(requestId), Thread.currentThread().getName());
        line.append(",\"attributes\":{");
        int start = line.length();
        for (int i = 0; i < attributes.length; i += 2) {
          addAfter(start, line, attributes[i], attributes[i + 1]);
        }
        line.append("}}");
      }
      case TEXT -> text(line, now, "INFO", logger, printed, span);
    }
    return bytes(line);
  }

  private static byte[] bytes(StringBuilder line) {
    return line.append('\n').toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void json(StringBuilder line, ILoggingEvent event) {
    head(line, instant(event), event.getLevel().toString(), message(event), event.getLoggerName());
    Map<String, String> properties = event.getLoggerContextVO().getPropertyMap();
    whose(line, properties.get(SERVICE_NAME), properties.get(SERVICE_VERSION));
    place(line, Spans.current(), RequestId.current(), event.getThreadName());
    addAttributes(line, event);
    exception(event).ifPresent(text -> add(line, "exception", text));
    line.append('}');
  }

  private static void head(
      StringBuilder line, Instant when, String severity, String message, String logger) {
    line.append("{\"timestamp\":\"");
    timestamp(line, when);
    line.append('"');
    add(line, "severity", severity);
    add(line, "message", message);
    add(line, "logger", logger);
  }

  private static void timestamp(StringBuilder line, Instant when) {
    Second second = latest;
    if (second.epoch != when.getEpochSecond()) {
      second = new Second(when.getEpochSecond(), SECOND.format(when));
      latest = second;
    }
    line.append(second.text);
    int micros = when.getNano() / 1_000;
    for (int digit = 100_000; digit > 0; digit /= 10) {
      line.append((char) ('0' + micros / digit % 10));
    }
    line.append('Z');
  }

  private static void whose(
      StringBuilder line, @Nullable String service, @Nullable String version) {
    addIfSet(line, SERVICE_NAME, service);
    addIfSet(line, "version", version);
  }

  private static void place(
      StringBuilder line, SpanContext span, Optional<String> requestId, String thread) {
    if (span.isValid()) {
      add(line, "trace_id", span.getTraceId());
      add(line, "span_id", span.getSpanId());
      add(line, "trace_flags", span.getTraceFlags().asHex());
    }
    requestId.ifPresent(id -> add(line, "request_id", id));
    add(line, "thread", thread);
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
    text(
        line,
        instant(event),
        event.getLevel().toString(),
        event.getLoggerName(),
        message(event),
        Spans.current());
    exception(event).ifPresent(text -> text.lines().forEach(l -> printable(line.append('\n'), l)));
  }

  private static void text(
      StringBuilder line,
      Instant when,
      String level,
      String logger,
      String message,
      SpanContext span) {
    line.append(TIME.format(when)).append(' ');
    line.append(level).repeat(' ', 6 - level.length());
    line.append(logger, logger.lastIndexOf('.') + 1, logger.length()).append(": ");
    printable(line, message);
    if (span.isValid()) {
      line.append(" [trace ").append(span.getTraceId()).append(']');
    }
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
