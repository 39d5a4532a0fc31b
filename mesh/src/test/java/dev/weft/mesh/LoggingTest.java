package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LoggingTest {
  @ParameterizedTest
  @CsvSource({"INFO, WARN", "DEBUG, DEBUG", "ERROR, ERROR"})
  void theMigrationsOwnWordsAreHeardOnlyByWhoAsksForMore(String asked, String heard) {
    LoggerContext context = new LoggerContext();

    Logging.configure(context, Level.toLevel(asked), LogLine.Format.TEXT);

    assertThat(context.getLogger("org.flywaydb.core.FlywayExecutor").getEffectiveLevel())
        .isEqualTo(Level.toLevel(heard));
    assertThat(context.getLogger("dev.weft.durable").getEffectiveLevel())
        .isEqualTo(Level.toLevel(asked));
    context.stop();
  }
}
