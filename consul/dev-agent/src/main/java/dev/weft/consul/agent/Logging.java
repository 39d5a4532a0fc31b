package dev.weft.consul.agent;

import java.util.Locale;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * One line per record on stderr. The JDK's own logging, because a logging library would double the
 * agent's start.
 */
final class Logging {
  private Logging() {}

  /** {@code level} is one of trace, debug, info, warn, error; info when absent or unknown. */
  static void configure(@Nullable String level) {
    System.setProperty(
        "java.util.logging.SimpleFormatter.format", "%1$tFT%1$tT.%1$tL%1$tz %4$s %5$s%6$s%n");
    Level julLevel =
        switch (level == null ? "" : level.toLowerCase(Locale.ROOT)) {
          case "trace", "debug" -> Level.FINE;
          case "warn" -> Level.WARNING;
          case "error" -> Level.SEVERE;
          default -> Level.INFO;
        };
    Logger root = Logger.getLogger("");
    for (Handler handler : root.getHandlers()) {
      handler.setLevel(julLevel);
    }
    Logger.getLogger("dev.weft").setLevel(julLevel);
    root.setLevel(julLevel.intValue() > Level.WARNING.intValue() ? julLevel : Level.WARNING);
  }
}
