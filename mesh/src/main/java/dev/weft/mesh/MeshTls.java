package dev.weft.mesh;

import dev.weft.consul.ConfigEntry;
import dev.weft.consul.Consul;
import dev.weft.consul.ConsulException;
import dev.weft.consul.Leaf;
import dev.weft.consul.ServiceInstance;
import dev.weft.consul.Subscription;
import io.grpc.ChannelCredentials;
import io.grpc.ServerCredentials;
import io.grpc.ServerTransportFilter;
import io.opentelemetry.api.metrics.Meter;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
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

  /** Of an entry {@code service-defaults}: {@code required} takes an exception from TLS away. */
  private static final String META_TLS = "weft-tls";

  private static final String REQUIRED = "required";

  private final String service;
  private final TlsConfig config;
  private final Consul consul;
  private final MeshIdentity identity;
  private final IntentionInterceptor intentions;
  private final List<Subscription> watches = new ArrayList<>();

  /** Exceptions from TLS that were seen to speak it, or have to. */
  private final Set<String> required = ConcurrentHashMap.newKeySet();

  private volatile boolean toldOfRights;
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
      log.warn(
          "WEFT_TLS=off: {} calls and is called in plain text, and nobody proves a name by a"
              + " certificate",
          service);
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
    watches.add(consul.ca().watchLeaf(service, this::accept));
    if (config.plaintextUpstreams().isEmpty()) {
      return;
    }
    for (String upstream : config.plaintextUpstreams()) {
      watches.add(
          consul.watchService(
              upstream,
              snapshot -> {
                if (snapshot.instances().stream().anyMatch(ServiceInstance::connectNative)) {
                  require(upstream, "an instance of it is Connect.Native");
                }
              }));
    }
    watches.add(
        consul
            .configEntries()
            .watchAll(
                "service-defaults",
                entries ->
                    entries.stream()
                        .filter(entry -> REQUIRED.equals(entry.meta().get(META_TLS)))
                        .map(ConfigEntry::name)
                        .filter(config.plaintextUpstreams()::contains)
                        .forEach(name -> require(name, "its service-defaults say so"))));
  }

  private void accept(Leaf leaf) {
    identity.certificate(leaf.chain(), leaf.key());
    if (toldOfRights) {
      return;
    }
    try {
      if (!consul.agent().aclsEnabled()) {
        log.warn(
            "the registry has no ACLs: any process of this machine can have the certificate of any"
                + " service, {}'s too (consul/config has the policies)",
            service);
      }
      toldOfRights = true;
    } catch (ConsulException e) {
      log.debug("whether the registry has ACLs is not known yet", e);
    }
  }

  /** For good: whoever could take it back could have it called in plain text. */
  private void require(String upstream, String because) {
    if (required.add(upstream)) {
      log.warn(
          "{} is called over TLS from now on, though WEFT_PLAINTEXT_UPSTREAMS names it: {}",
          upstream,
          because);
    }
  }

  /** Waits for the certificate for a moment, so that first calls do not fail for want of it. */
  void await(Duration atMost) {
    if (!identity.awaitFirst(atMost)) {
      log.warn(
          "{} has no certificate after {} ms: until the registry gives one, for which its Connect"
              + " has to be enabled, calls fail and it is not registered (without a registry:"
              + " WEFT_TLS=off, or WEFT_PLAINTEXT_UPSTREAMS for what is called in plain text)",
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

  /** For a process that is of no use without a certificate that is good. */
  void demand(Management management) {
    management.readiness(CERTIFICATE, identity::ready);
  }

  /** For a process that serves: what it needs for that, and who may call it. */
  synchronized void serve(Management management) {
    demand(management);
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

  /** Of connections to a service. */
  ChannelCredentials toward(String upstream) {
    return identity.toward(upstream);
  }

  /**
   * Whether a service is called without TLS for now: it was named as an exception, and nothing has
   * said since that it speaks TLS.
   */
  boolean excepted(String upstream) {
    return config.plaintextUpstreams().contains(upstream) && !required.contains(upstream);
  }

  /** Of connections from others. Who comes without TLS is let in as far as to be told so. */
  ServerCredentials server() {
    return AnsweringCredentials.of(identity.server());
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
