package dev.weft.mesh;

import io.grpc.ChannelCredentials;
import io.grpc.ServerCredentials;
import io.grpc.TlsChannelCredentials;
import io.grpc.TlsServerCredentials;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertStore;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who this process is on the mesh, and whom it believes: its certificate with all of its chain, and
 * every root that the registry names. Both may change at any time; connections that are made from
 * then on have the new ones, those that are open go on.
 *
 * <p>A certificate is taken into use when it is for this service, its key belongs to it, and it
 * leads to one of the roots; until then the one before stays. It is warned of at {@value
 * #ALARM_PERCENT} % of its life, after the registry should have renewed it (Consul: 90 %), and when
 * it has ended.
 *
 * <p>Thread-safe.
 */
final class MeshIdentity implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(MeshIdentity.class);

  /** Of RFC 5280 §4.2.1.12, {@code id-kp-serverAuth} and {@code id-kp-clientAuth}. */
  enum Role {
    SERVER("1.3.6.1.5.5.7.3.1"),
    CLIENT("1.3.6.1.5.5.7.3.2");

    private final String usage;

    Role(String usage) {
      this.usage = usage;
    }
  }

  static final int ALARM_PERCENT = 95;

  /** Strangers who knock must not fill the log. */
  private static final Duration LOG_REFUSALS_EVERY = Duration.ofSeconds(1);

  private static final AttributeKey<String> REASON = AttributeKey.stringKey("reason");
  private static final AttributeKey<String> PEER = AttributeKey.stringKey("peer");

  private final String service;
  private final InstantSource clock;
  private final Timer timer;
  private final LongCounter refusals;
  private final MeshKeys keys = new MeshKeys(this);
  private final CountDownLatch first = new CountDownLatch(1);
  private final AtomicLong refusalLoggedAt;
  private volatile @Nullable Trust trust;
  private volatile @Nullable Held held;

  /** For handshakes that began with it. */
  private volatile @Nullable Held before;

  // Guarded by this.
  private @Nullable Offered offered;
  private long number;
  private @Nullable ScheduledFuture<?> alarm;
  private Runnable onFirst = () -> {};
  private boolean closed;

  /** Whom to believe. */
  private record Trust(String domain, Set<TrustAnchor> anchors) {}

  private record Offered(List<X509Certificate> chain, PrivateKey key) {}

  /**
   * A certificate in use.
   *
   * @param alias its name among those of this process
   */
  record Held(String alias, List<X509Certificate> chain, PrivateKey key) {
    X509Certificate certificate() {
      return chain.getFirst();
    }

    Instant end() {
      return certificate().getNotAfter().toInstant();
    }

    Instant at(int percent) {
      Instant from = certificate().getNotBefore().toInstant();
      return from.plus(Duration.between(from, end()).multipliedBy(percent).dividedBy(100));
    }
  }

  MeshIdentity(String service, InstantSource clock, Timer timer, Meter meter) {
    this.service = service;
    this.clock = clock;
    this.timer = timer;
    this.refusalLoggedAt = new AtomicLong(System.nanoTime() - LOG_REFUSALS_EVERY.toNanos());
    this.refusals =
        meter
            .counterBuilder("weft.tls.refusals")
            .setUnit("{connection}")
            .setDescription("Connections that were refused because of the certificate.")
            .build();
    meter
        .gaugeBuilder("weft.tls.certificate.remaining")
        .ofLongs()
        .setUnit("s")
        .setDescription("How long this process's certificate is still good.")
        .buildWithCallback(
            out -> {
              Held now = held;
              if (now != null) {
                out.record(Duration.between(clock.instant(), now.end()).toSeconds());
              }
            });
  }

  /** Runs this when there is a certificate for the first time. To be set before there is one. */
  synchronized void onFirst(Runnable action) {
    onFirst = action;
  }

  /** From now on believes these roots and no others; no root at all is not believed. */
  synchronized void trust(String domain, List<X509Certificate> roots) {
    if (roots.isEmpty()) {
      log.warn("the registry names no root of its certificates; the known ones stay in use");
      return;
    }
    trust =
        new Trust(
            domain.toLowerCase(Locale.ROOT),
            roots.stream()
                .map(root -> new TrustAnchor(root, null))
                .collect(Collectors.toUnmodifiableSet()));
    takeOffered();
  }

  /** A certificate for this process, the issued one first, and its key. */
  synchronized void certificate(List<X509Certificate> chain, PrivateKey key) {
    offered = new Offered(List.copyOf(chain), key);
    takeOffered();
  }

  private void takeOffered() {
    Offered next = offered;
    if (closed || next == null || trust == null) {
      return;
    }
    try {
      check(next);
    } catch (PeerRefused e) {
      // A new root may be heard of later than what it signed.
      log.warn(
          "the certificate that the registry gives {} is not used: {}", service, e.getMessage());
      return;
    }
    offered = null;
    before = held;
    Held taken = new Held("weft-" + number++, next.chain, next.key);
    held = taken;
    log.info("{} has a certificate until {}", service, taken.end());
    watch(taken);
    if (before == null) {
      first.countDown();
      onFirst.run();
    }
  }

  private void check(Offered next) throws PeerRefused {
    X509Certificate certificate = next.chain.getFirst();
    SpiffeId id = admit(next.chain, Role.SERVER);
    admit(next.chain, Role.CLIENT);
    if (!id.isService(service)) {
      throw new PeerRefused(PeerRefused.Reason.WRONG_SERVICE, "it is for " + id.service());
    }
    try {
      Signature signature =
          Signature.getInstance(
              next.key.getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA");
      byte[] something = certificate.getEncoded();
      signature.initSign(next.key);
      signature.update(something);
      byte[] signed = signature.sign();
      signature.initVerify(certificate.getPublicKey());
      signature.update(something);
      if (signature.verify(signed)) {
        return;
      }
    } catch (GeneralSecurityException e) {
      throw new PeerRefused(
          PeerRefused.Reason.CERTIFICATE_NOT_TRUSTED, "its key cannot be used", e);
    }
    throw new PeerRefused(
        PeerRefused.Reason.CERTIFICATE_NOT_TRUSTED, "the key is another certificate's");
  }

  private void watch(Held taken) {
    if (alarm != null) {
      alarm.cancel(false);
    }
    alarm = at(taken.at(ALARM_PERCENT), () -> warn(taken));
  }

  private synchronized void warn(Held which) {
    Held now = held;
    if (closed || now == null || !now.alias.equals(which.alias)) {
      return;
    }
    if (clock.instant().isBefore(which.end())) {
      log.warn(
          "the registry has not renewed the certificate of {}, which ends at {}: from then on calls"
              + " fail",
          service,
          which.end());
      alarm = at(which.end(), () -> warn(which));
    } else {
      log.error("the certificate of {} ended at {}: calls fail", service, which.end());
    }
  }

  private ScheduledFuture<?> at(Instant when, Runnable task) {
    Duration left = Duration.between(clock.instant(), when);
    return timer.after(Math.max(left.toMillis() + 1, 0), TimeUnit.MILLISECONDS, task);
  }

  /** Whether it has a certificate that is good now. */
  boolean ready() {
    Held now = held;
    return now != null && clock.instant().isBefore(now.end());
  }

  /** Waits for a certificate; false if there is none after this time. */
  boolean awaitFirst(Duration atMost) {
    try {
      return first.await(atMost.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** What new connections present; null if there is nothing yet. */
  @Nullable Held held() {
    return held;
  }

  /** The certificate of this name, if a handshake may still be using it. */
  @Nullable Held held(String alias) {
    Held now = held;
    if (now != null && now.alias.equals(alias)) {
      return now;
    }
    Held former = before;
    return former != null && former.alias.equals(alias) ? former : null;
  }

  /** For connections to a service: both sides prove who they are. */
  ChannelCredentials toward(String upstream) {
    return TlsChannelCredentials.newBuilder()
        .keyManager(keys)
        .trustManager(PeerTrust.ofServer(this, upstream))
        .build();
  }

  /**
   * For connections from anybody: a certificate is verified if there is one. Who has none, as the
   * registry's probe, gets as far as {@link PeerInterceptor}.
   */
  ServerCredentials server() {
    return TlsServerCredentials.newBuilder()
        .keyManager(keys)
        .trustManager(PeerTrust.ofClients(this))
        .clientAuth(TlsServerCredentials.ClientAuth.OPTIONAL)
        .build();
  }

  /** Whose chain this is, for somebody in this role. */
  SpiffeId admit(List<X509Certificate> chain, Role role) throws PeerRefused {
    Trust now = trust;
    if (now == null) {
      throw new PeerRefused(
          PeerRefused.Reason.NO_ROOTS,
          service
              + " knows no roots of the mesh yet: they come from the registry (WEFT_TLS=off does"
              + " without, in all processes)");
    }
    X509Certificate certificate = chain.getFirst();
    SpiffeId id = SpiffeId.of(certificate);
    if (!id.trustDomain().equals(now.domain)) {
      throw new PeerRefused(
          PeerRefused.Reason.WRONG_TRUST_DOMAIN,
          "the certificate of "
              + id.service()
              + " is of the trust domain "
              + id.trustDomain()
              + " (expected: "
              + now.domain
              + ")");
    }
    Instant time = clock.instant();
    if (time.isAfter(certificate.getNotAfter().toInstant())
        || time.isBefore(certificate.getNotBefore().toInstant())) {
      throw new PeerRefused(
          PeerRefused.Reason.CERTIFICATE_EXPIRED,
          "the certificate of "
              + id.service()
              + " is good from "
              + certificate.getNotBefore().toInstant()
              + " to "
              + certificate.getNotAfter().toInstant()
              + ", and it is "
              + time);
    }
    verify(chain, role, now, time, id);
    return id;
  }

  /** That the chain leads to a root, over whichever of its certificates. */
  private static void verify(
      List<X509Certificate> chain, Role role, Trust trust, Instant time, SpiffeId id)
      throws PeerRefused {
    if (chain.getFirst().getBasicConstraints() >= 0) {
      throw new PeerRefused(
          PeerRefused.Reason.CERTIFICATE_NOT_TRUSTED,
          "the certificate of " + id.service() + " may itself issue others, as no service's may");
    }
    try {
      X509CertSelector target = new X509CertSelector();
      target.setCertificate(chain.getFirst());
      target.setExtendedKeyUsage(Set.of(role.usage));
      PKIXBuilderParameters parameters = new PKIXBuilderParameters(trust.anchors, target);
      // Connect's certificates live for hours or days and are not revoked.
      parameters.setRevocationEnabled(false);
      parameters.setDate(Date.from(time));
      parameters.addCertStore(
          CertStore.getInstance("Collection", new CollectionCertStoreParameters(chain)));
      CertPathBuilder.getInstance("PKIX").build(parameters);
    } catch (CertPathBuilderException e) {
      throw new PeerRefused(
          PeerRefused.Reason.CERTIFICATE_NOT_TRUSTED,
          "the certificate of " + id.service() + " leads to no root that the registry names",
          e);
    } catch (InvalidAlgorithmParameterException | NoSuchAlgorithmException | IOException e) {
      throw new IllegalStateException("this JDK cannot verify certificates", e);
    }
  }

  /** Counts a refusal, and logs it unless there are many. */
  void refused(String peer, PeerRefused why) {
    refusals.add(1, Attributes.of(PEER, peer, REASON, why.reason().name()));
    long now = System.nanoTime();
    long last = refusalLoggedAt.get();
    if (now - last >= LOG_REFUSALS_EVERY.toNanos() && refusalLoggedAt.compareAndSet(last, now)) {
      log.warn("a {} is refused: {} ({})", peer, why.getMessage(), why.reason());
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (alarm != null) {
      alarm.cancel(false);
    }
  }
}
