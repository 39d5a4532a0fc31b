package dev.weft.mesh;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.jul.LevelChangePropagator;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;
import java.io.Console;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.slf4j.LoggerFactory;
import org.slf4j.bridge.SLF4JBridgeHandler;

/**
 * Logging of a process that links the mesh: one line per event on stdout, as {@code LOG_FORMAT}
 * says (json or text; default json, or text where stdout is a terminal), from {@code LOG_LEVEL}
 * (TRACE, DEBUG, INFO, WARN, ERROR or OFF; default INFO) up. What libraries send to
 * java.util.logging arrives here too.
 *
 * <p>Logback finds this class through its service loader, so that no configuration file is parsed.
 */
public final class Logging extends ContextAwareBase implements Configurator {
  private static final String LEVEL = "LOG_LEVEL";
  private static final String FORMAT = "LOG_FORMAT";
  private static final String STDOUT = "stdout";

  /** What these say at INFO is a page per start, and whoever uses them sums it up in a line. */
  private static final List<String> CHATTY = List.of("org.flywaydb");

  /** Used by Logback. */
  public Logging() {}

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    Env env = Env.system();
    configure(
        context,
        // A wrong value ends the process with a clear line in check(); until then the default will
        // do.
        env.optional(LEVEL).flatMap(Logging::level).orElse(Level.INFO),
        env.optional(FORMAT).flatMap(Logging::format).orElseGet(Logging::usual));
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  static void configure(LoggerContext context, Level level, LogLine.Format format) {
    LogLine encoder = new LogLine(format);
    encoder.setContext(context);
    encoder.start();
    ConsoleAppender<ILoggingEvent> console = new ConsoleAppender<>();
    console.setContext(context);
    console.setName(STDOUT);
    console.setEncoder(encoder);
    console.start();
    Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.setLevel(level);
    root.addAppender(console);
    if (level.equals(Level.INFO)) {
      CHATTY.forEach(library -> context.getLogger(library).setLevel(Level.WARN));
    }

    // Without it, JUL would build every record only for Logback to drop it.
    LevelChangePropagator levels = new LevelChangePropagator();
    levels.setContext(context);
    levels.setResetJUL(true);
    levels.start();
    context.addListener(levels);
    SLF4JBridgeHandler.removeHandlersForRootLogger();
    SLF4JBridgeHandler.install();
  }

  /** Writes the lines of this process as it was told to. */
  static LogLine encoder(LoggerContext context) {
    return context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME).getAppender(STDOUT)
                instanceof ConsoleAppender<ILoggingEvent> console
            && console.getEncoder() instanceof LogLine encoder
        ? encoder
        : new LogLine(LogLine.Format.JSON);
  }

  /** Throws {@link ConfigException} if a variable of logging is wrong. */
  static void check(Env env) {
    env.optional(LEVEL)
        .filter(value -> level(value).isEmpty())
        .ifPresent(
            value -> {
              throw ConfigException.wrong(LEVEL, value, "TRACE, DEBUG, INFO, WARN, ERROR or OFF");
            });
    env.optional(FORMAT)
        .filter(value -> format(value).isEmpty())
        .ifPresent(
            value -> {
              throw ConfigException.wrong(FORMAT, value, "json or text");
            });
  }

  /** From here on every line says whose it is. */
  static void name(String service, String version) {
    if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
      context.putProperty(LogLine.SERVICE_NAME, service);
      context.putProperty(LogLine.SERVICE_VERSION, version);
    }
  }

  private static LogLine.Format usual() {
    boolean terminal = Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false);
    return terminal ? LogLine.Format.TEXT : LogLine.Format.JSON;
  }

  private static Optional<Level> level(String value) {
    return Optional.ofNullable(Level.toLevel(value, null));
  }

  private static Optional<LogLine.Format> format(String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "json" -> Optional.of(LogLine.Format.JSON);
      case "text" -> Optional.of(LogLine.Format.TEXT);
      default -> Optional.empty();
    };
  }
}
