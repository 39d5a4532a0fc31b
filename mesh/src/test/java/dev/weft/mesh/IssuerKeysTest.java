package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class IssuerKeysTest {
  private final Logger logger = (Logger) LoggerFactory.getLogger(IssuerKeys.class);
  private final ListAppender<ILoggingEvent> logged = new ListAppender<>();
  private final SettableClock clock = new SettableClock();
  private final TestIssuer issuer = new TestIssuer(clock);
  private final IssuerKeys keys = new IssuerKeys(issuer, clock);

  @BeforeEach
  void listen() {
    logged.start();
    logger.addAppender(logged);
  }

  @AfterEach
  void listenNoMore() {
    logger.detachAppender(logged);
  }

  private long warnings() {
    return logged.list.stream().filter(event -> event.getLevel().equals(Level.WARN)).count();
  }

  @Test
  void anIssuerThatStartsLaterIsNoNewsUntilItTakesLong() {
    issuer.away = true;
    keys.load();
    clock.advance(IssuerKeys.FIRST);
    keys.load();
    assertThat(issuer.fetches).hasValue(2);
    assertThat(warnings()).isZero();

    clock.advance(IssuerKeys.QUIET);
    keys.load();
    clock.advance(IssuerKeys.FIRST);
    keys.load();

    assertThat(warnings()).isOne();
  }

  @Test
  void anIssuerThatIsGoneIsNewsAtOnceAndOnce() {
    keys.load();
    issuer.away = true;
    clock.advance(IssuerKeys.UNKNOWN);
    assertThat(keys.find("unknown")).isEmpty();
    clock.advance(IssuerKeys.UNKNOWN);
    assertThat(keys.find("unknown")).isEmpty();

    assertThat(warnings()).isOne();
    assertThat(keys.find("k1")).isPresent();
  }
}
