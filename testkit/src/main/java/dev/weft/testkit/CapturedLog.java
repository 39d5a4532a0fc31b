package dev.weft.testkit;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.LoggerFactory;

/**
 * What a class, or a whole package, logs while this is open.
 *
 * <p>Thread-safe. Whoever makes it closes it.
 */
public final class CapturedLog implements AutoCloseable {
  private final List<String> lines = new CopyOnWriteArrayList<>();
  private final Logger logger;
  private final AppenderBase<ILoggingEvent> appender =
      new AppenderBase<>() {
        @Override
        protected void append(ILoggingEvent event) {
          lines.add(event.getLevel() + " " + event.getFormattedMessage());
        }
      };

  private CapturedLog(Logger logger) {
    this.logger = logger;
    appender.start();
    logger.addAppender(appender);
  }

  /** From now on. */
  public static CapturedLog of(Class<?> source) {
    return new CapturedLog((Logger) LoggerFactory.getLogger(source));
  }

  /** Of all classes of a package, from now on. */
  public static CapturedLog of(Package source) {
    return new CapturedLog((Logger) LoggerFactory.getLogger(source.getName()));
  }

  /** The lines so far, each a level and a message: {@code "ERROR the lines of ..."}. */
  public List<String> lines() {
    return List.copyOf(lines);
  }

  @Override
  public void close() {
    logger.detachAppender(appender);
  }
}
