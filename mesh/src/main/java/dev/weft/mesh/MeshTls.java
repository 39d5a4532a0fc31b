package dev.weft.mesh;

import dev.weft.consul.Consul;
import dev.weft.consul.Subscription;
import io.grpc.ChannelCredentials;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ServerCredentials;
import io.grpc.ServerTransportFilter;
import io.opentelemetry.api.metrics.Meter;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * TLS of a process on the mesh: its {@link MeshIdentity}, and who may call it, both followed in the
 * registry. What was heard last stands while the registry is away.
 *
 * <p>Thread-safe.
 */
final class MeshTls implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(MeshTls.class);
  private static final String CERTIFICATE = "certificate";

  private final String service;
  private final TlsConfig config;
  private final Consul consul;
  private final MeshIdentity identity;
  private final IntentionInterceptor intentions;
  private final List<Subscription> watches = new ArrayList<>();
  private boolean serving;

  private MeshTls(
      String service,
      TlsConfig config,
      Consul consul,
      MeshIdentity identity,
      IntentionInterceptor intentions) {
    this.service = service;
    this.config = config;
    this.consul = consul;
    this.identity = identity;
    this.intentions = intentions;
  }

  /** Begins to follow the certificate of a service; empty if it is to do without TLS. */
  static Optional<MeshTls> open(
      String service,
      TlsConfig config,
      Consul consul,
      InstantSource clock,
      Timer timer,
      Meter meter) {
    if (!config.strict()) {
      return Optional.empty();
    }
    MeshTls tls =
        new MeshTls(
            service,
            config,
            consul,
            new MeshIdentity(service, clock, timer, meter),
            new IntentionInterceptor(service, config.intentions(), meter));
    tls.follow();
    return Optional.of(tls);
  }

  private synchronized void follow() {
    watches.add(
        consul.ca().watchRoots(roots -> identity.trust(roots.trustDomain(), roots.certificates())));
    watches.add(
        consul.ca().watchLeaf(service, leaf -> identity.certificate(leaf.chain(), leaf.key())));
  }

  /** Waits for the certificate for a moment, so that first calls do not fail for want of it. */
  void await(Duration atMost) {
    if (!identity.awaitFirst(atMost)) {
      log.warn(
          "{} has no certificate after {} ms: until the registry gives one, calls fail and it is"
              + " not registered",
          service,
          atMost.toMillis());
    }
  }

  /** Shows operators how it stands. */
  void show(Management management) {
    management.degradation(CERTIFICATE, identity::ready);
    management.page(
        "/intentions", path -> path.isEmpty() ? Optional.of(intentions.page()) : Optional.empty());
  }

  /** For a process that serves: what it needs for that, and who may call it. */
  synchronized void serve(Management management) {
    management.readiness(CERTIFICATE, identity::ready);
    if (config.intentions() == IntentionMode.ENFORCE) {
      management.readiness("intentions", intentions::ready);
    }
    boolean asked =
        config.intentions() == IntentionMode.ENFORCE || config.intentions() == IntentionMode.SHADOW;
    if (asked && !serving) {
      serving = true;
      watches.add(consul.intentions().watch(service, intentions::accept));
    }
  }

  /** Of connections to a service: TLS, unless it was named as an exception. */
  ChannelCredentials toward(String upstream) {
    return config.plaintextUpstreams().contains(upstream)
        ? InsecureChannelCredentials.create()
        : identity.toward(upstream);
  }

  /** Of connections from others. */
  ServerCredentials server() {
    return identity.server();
  }

  /** Finds out who they are. */
  ServerTransportFilter peers() {
    return new PeerFilter(identity);
  }

  MeshIdentity identity() {
    return identity;
  }

  IntentionInterceptor intentions() {
    return intentions;
  }

  @Override
  public synchronized void close() {
    watches.forEach(Subscription::close);
    identity.close();
  }
}
