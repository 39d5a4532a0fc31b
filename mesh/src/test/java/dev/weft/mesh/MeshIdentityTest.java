package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.weft.mesh.PeerRefused.Reason;
import io.opentelemetry.api.metrics.MeterProvider;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

@Timeout(30)
class MeshIdentityTest {
  private static final Duration HOUR = Duration.ofHours(1);

  private final TestCa ca = new TestCa(TestCa.DOMAIN);
  private final Timer timer = new Timer();
  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("web", "1"));
  private final MeshIdentity identity =
      new MeshIdentity("web", InstantSource.system(), timer, telemetry.meter("test"));
  private final MeshKeys keys = new MeshKeys(identity);
  private final Logger logger = (Logger) LoggerFactory.getLogger(MeshIdentity.class);
  private final ListAppender<ILoggingEvent> logged = new ListAppender<>();

  @BeforeEach
  void listen() {
    logged.start();
    logger.addAppender(logged);
  }

  @AfterEach
  void close() {
    logger.detachAppender(logged);
    identity.close();
    timer.close();
    telemetry.close();
  }

  private void trust(TestCa... authorities) {
    identity.trust(TestCa.DOMAIN, Stream.of(authorities).map(TestCa::root).toList());
  }

  private void give(TestCa.Leaf leaf) {
    identity.certificate(leaf.chain(), leaf.key());
  }

  private X509Certificate presented() {
    return Objects.requireNonNull(identity.held()).certificate();
  }

  private Reason refusal(TestCa.Leaf leaf, MeshIdentity.Role role) {
    return catchThrowableOfType(PeerRefused.class, () -> identity.admit(leaf.chain(), role))
        .reason();
  }

  @Test
  void isReadyOnceItsCertificateLeadsToARoot() {
    AtomicInteger told = new AtomicInteger();
    identity.onFirst(told::incrementAndGet);
    TestCa.Leaf leaf = ca.leaf("web");

    give(leaf);
    assertThat(identity.ready()).isFalse();
    assertThat(identity.awaitFirst(Duration.ofMillis(1))).isFalse();
    trust(new TestCa(TestCa.DOMAIN));
    assertThat(identity.ready()).isFalse();
    trust(ca);

    assertThat(identity.ready()).isTrue();
    assertThat(identity.awaitFirst(HOUR)).isTrue();
    assertThat(presented()).isEqualTo(leaf.chain().getFirst());
    give(ca.leaf("web"));
    assertThat(told).hasValue(1);
  }

  @Test
  void keepsTheCertificateItHasWhenItCannotUseTheNext() {
    trust(ca);
    TestCa.Leaf good = ca.leaf("web");
    give(good);
    TestCa.Leaf next = ca.leaf("web");

    give(ca.leaf("order-svc"));
    identity.certificate(next.chain(), good.key());
    give(new TestCa("another.consul").leaf("web"));
    give(new TestCa(TestCa.DOMAIN).leaf("web"));
    Instant now = Instant.now();
    give(ca.leaf("web", now.minus(HOUR), now.minus(Duration.ofMinutes(1))));

    assertThat(presented()).isEqualTo(good.chain().getFirst());
    give(next);
    assertThat(presented()).isEqualTo(next.chain().getFirst());
  }

  @Test
  void aHandshakeEndsWithTheCertificateItBeganWith() {
    trust(ca);
    TestCa.Leaf leaf = ca.leaf("web", ca.crossSigned(new TestCa(TestCa.DOMAIN)));
    give(leaf);
    String[] types = {"RSA", "EC"};
    String alias = Objects.requireNonNull(keys.chooseClientAlias(types, null, null));
    assertThat(keys.chooseServerAlias("EC", null, null)).isEqualTo(alias);
    assertThat(keys.chooseServerAlias("RSA", null, null)).isNull();

    give(ca.leaf("web"));

    assertThat(keys.chooseClientAlias(types, null, null)).isNotEqualTo(alias);
    assertThat(keys.getCertificateChain(alias)).containsExactlyElementsOf(leaf.chain());
    assertThat(keys.getPrivateKey(alias)).isEqualTo(leaf.key());
    give(ca.leaf("web"));
    assertThat(keys.getPrivateKey(alias)).isNull();
  }

  @Test
  void hasNothingToPresentBeforeItWasGivenAnything() {
    assertThat(keys.chooseServerAlias("EC", null, null)).isNull();
    assertThat(refusal(ca.leaf("web"), MeshIdentity.Role.CLIENT)).isEqualTo(Reason.NO_ROOTS);
  }

  @Test
  void saysWhatIsWrongWithACertificate() throws Exception {
    trust(ca);
    Instant now = Instant.now();

    for (MeshIdentity.Role role : MeshIdentity.Role.values()) {
      assertThat(identity.admit(ca.leaf("order-svc").chain(), role).service())
          .isEqualTo("order-svc");
      assertThat(refusal(new TestCa("another.consul").leaf("web"), role))
          .isEqualTo(Reason.WRONG_TRUST_DOMAIN);
      assertThat(refusal(new TestCa(TestCa.DOMAIN).leaf("web"), role))
          .isEqualTo(Reason.CERTIFICATE_NOT_TRUSTED);
      assertThat(refusal(ca.leaf("web", now.minus(HOUR), now.minusSeconds(60)), role))
          .isEqualTo(Reason.CERTIFICATE_EXPIRED);
      assertThat(refusal(ca.leaf("web", now.plusSeconds(60), now.plus(HOUR)), role))
          .isEqualTo(Reason.CERTIFICATE_EXPIRED);
      assertThat(refusal(ca.named(List.of(), false), role))
          .isEqualTo(Reason.CERTIFICATE_WITHOUT_SERVICE);
      assertThat(refusal(ca.named(List.of(ca.uri("web")), true), role))
          .isEqualTo(Reason.CERTIFICATE_NOT_TRUSTED);
    }
  }

  @Test
  void believesEveryRootAndWhatLeadsToOneOverAnother() throws Exception {
    TestCa next = new TestCa(TestCa.DOMAIN);
    TestCa.Leaf ofNext = next.leaf("web", ca.crossSigned(next));

    trust(ca);
    identity.admit(ofNext.chain(), MeshIdentity.Role.CLIENT);
    trust(ca, next);
    identity.admit(next.leaf("web").chain(), MeshIdentity.Role.CLIENT);
    identity.admit(ca.leaf("web").chain(), MeshIdentity.Role.CLIENT);
    trust(next);
    identity.admit(ofNext.chain(), MeshIdentity.Role.CLIENT);
    assertThat(refusal(ca.leaf("web"), MeshIdentity.Role.CLIENT))
        .isEqualTo(Reason.CERTIFICATE_NOT_TRUSTED);
    trust();
    identity.admit(ofNext.chain(), MeshIdentity.Role.CLIENT);
  }

  private void awaitLine(Level level, String part) {
    await()
        .untilAsserted(
            () ->
                assertThat(List.copyOf(logged.list))
                    .anyMatch(
                        event ->
                            event.getLevel().equals(level)
                                && event.getFormattedMessage().contains(part)));
  }

  @Test
  void warnsOfACertificateThatTheRegistryDoesNotRenew() {
    trust(ca);
    Instant now = Instant.now();
    // Its last twentieth begins.
    give(ca.leaf("web", now.minus(HOUR.multipliedBy(19)), now.plus(HOUR)));

    awaitLine(Level.WARN, "has not renewed the certificate of web");
    assertThat(identity.ready()).isTrue();
    assertThat(telemetry.exposition("").body())
        .containsPattern("weft_tls_certificate_remaining_seconds\\{?.*35\\d\\d");
  }

  @Test
  void isNotReadyWithACertificateThatHasEndedAndSaysSoAsAnError() {
    Instant end = Instant.now().truncatedTo(ChronoUnit.SECONDS).plus(HOUR);
    AtomicReference<Instant> now = new AtomicReference<>(end.minusMillis(50));
    try (MeshIdentity mortal =
        new MeshIdentity("web", now::get, timer, MeterProvider.noop().get("test"))) {
      TestCa.Leaf leaf = ca.leaf("web", end.minus(HOUR.multipliedBy(20)), end);
      mortal.trust(TestCa.DOMAIN, List.of(ca.root()));
      mortal.certificate(leaf.chain(), leaf.key());
      awaitLine(Level.WARN, "has not renewed the certificate of web");
      assertThat(mortal.ready()).isTrue();
      assertThat(List.copyOf(logged.list)).noneMatch(event -> event.getLevel().equals(Level.ERROR));

      now.set(end);

      assertThat(mortal.ready()).isFalse();
      awaitLine(Level.ERROR, "the certificate of web ended at " + end);
      TestCa.Leaf renewed = ca.leaf("web", end.minus(HOUR), end.plus(HOUR));
      mortal.certificate(renewed.chain(), renewed.key());
      assertThat(mortal.ready()).isTrue();
    }
  }
}
