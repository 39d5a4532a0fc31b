package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** How words of the registry are heard, be they good or not. */
class SettingsTest {
  private static final Duration LEAST = Duration.ofMillis(1);

  private final Logger logger = (Logger) LoggerFactory.getLogger(Settings.class);
  private final ListAppender<ILoggingEvent> logged = new ListAppender<>();
  private final Settings said = new Settings("web");

  @BeforeEach
  void listen() {
    logged.start();
    logger.addAppender(logged);
  }

  @AfterEach
  void close() {
    logger.detachAppender(logged);
  }

  private List<String> warnings() {
    return logged.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
  }

  @Test
  void whatMakesNoSenseLeavesWhatWasSaidLastAndIsAWarningOnce() {
    said.hear(Map.of("a", "2s", "b", "7"));
    assertThat(said.duration("a", LEAST)).contains(Duration.ofSeconds(2));
    assertThat(said.percent("b")).contains(7);

    said.hear(Map.of("a", "soon", "b", "8"));
    assertThat(said.duration("a", LEAST)).contains(Duration.ofSeconds(2));
    assertThat(said.percent("b")).as("another word").contains(8);
    said.hear(Map.of("a", "soon", "b", "9"));
    assertThat(said.duration("a", LEAST)).contains(Duration.ofSeconds(2));
    assertThat(said.percent("b")).contains(9);

    assertThat(warnings())
        .containsExactly(
            "the registry says a of web, which means nothing: soon (2s goes on to count)");
    said.hear(Map.of("a", "later"));
    assertThat(said.duration("a", LEAST)).contains(Duration.ofSeconds(2));
    assertThat(warnings()).hasSize(2);
  }

  @Test
  void whatIsNotSaidAnyMoreDoesNotCount() {
    said.hear(Map.of("a", "2s"));
    assertThat(said.duration("a", LEAST)).isPresent();

    said.hear(Map.of());
    assertThat(said.duration("a", LEAST)).isEmpty();
    said.hear(Map.of("a", "soon"));

    assertThat(said.duration("a", LEAST)).as("nothing was said before").isEmpty();
    assertThat(warnings())
        .containsExactly(
            "the registry says a of web, which means nothing: soon (its default goes on to count)");
  }

  @Test
  void numbersAndDurationsHaveBounds() {
    for (String wrong : List.of("1", "-1", "12", "5.0", "five", "")) {
      assertThat(new Settings("web").hear(Map.of("n", wrong)).number("n", 2, 11))
          .as(wrong)
          .isEmpty();
    }
    assertThat(said.hear(Map.of("n", "2")).number("n", 2, 11)).contains(2);
    assertThat(said.hear(Map.of("n", "11")).number("n", 2, 11)).contains(11);
    for (String wrong : List.of("0s", "61m", "10", "-1s", "")) {
      assertThat(new Settings("web").hear(Map.of("d", wrong)).duration("d", LEAST))
          .as(wrong)
          .isEmpty();
    }
    assertThat(said.hear(Map.of("d", "1h")).duration("d", LEAST)).contains(Duration.ofHours(1));
  }
}
