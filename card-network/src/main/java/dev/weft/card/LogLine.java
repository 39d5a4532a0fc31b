package dev.weft.card;

import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.StreamHandler;

/**
 * One line per log record on stdout, JSON or text. Over the JDK's own logging: this process logs
 * little, and starts sooner without a library for it.
 */
final class LogLine extends Formatter {
  /** How a line looks. */
  enum Format {
    JSON,
    TEXT
  }

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm:ss.SSS").withZone(ZoneId.systemDefault());

  private final Format format;

  private LogLine(Format format) {
    this.format = format;
  }

  /** Replaces whatever the JDK would do with log records. */
  static void install(System.Logger.Level least, Format format) {
    LogManager.getLogManager().reset();
    Handler stdout = new Flushed(System.out, new LogLine(format));
    stdout.setLevel(Level.ALL);
    Logger root = Logger.getLogger("");
    root.addHandler(stdout);
    root.setLevel(
        switch (least) {
          case ALL, TRACE -> Level.FINER;
          case DEBUG -> Level.FINE;
          case INFO -> Level.INFO;
          case WARNING -> Level.WARNING;
          case ERROR -> Level.SEVERE;
          case OFF -> Level.OFF;
        });
  }

  @Override
  public String format(LogRecord record) {
    return switch (format) {
      case JSON ->
          LedgerJson.log(
                  record.getInstant().truncatedTo(ChronoUnit.MICROS),
                  severity(record.getLevel()),
                  formatMessage(record),
                  stack(record))
              + "\n";
      case TEXT ->
          TIME.format(record.getInstant())
              + " "
              + severity(record.getLevel())
              + " "
              + formatMessage(record)
              + "\n"
              + stack(record);
    };
  }

  private static String stack(LogRecord record) {
    Throwable thrown = record.getThrown();
    if (thrown == null) {
      return "";
    }
    StringWriter text = new StringWriter();
    thrown.printStackTrace(new PrintWriter(text, true));
    return text.toString();
  }

  private static String severity(Level level) {
    if (level.intValue() >= Level.SEVERE.intValue()) {
      return "ERROR";
    }
    if (level.intValue() >= Level.WARNING.intValue()) {
      return "WARN";
    }
    return level.intValue() >= Level.INFO.intValue() ? "INFO" : "DEBUG";
  }

  /** The JDK's own handler for a stream keeps lines back until its buffer is full. */
  private static final class Flushed extends StreamHandler {
    Flushed(OutputStream out, Formatter formatter) {
      super(out, formatter);
    }

    @Override
    public synchronized void publish(LogRecord record) {
      super.publish(record);
      flush();
    }
  }
}
