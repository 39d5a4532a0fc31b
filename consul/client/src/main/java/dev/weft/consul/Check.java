package dev.weft.consul;

import java.net.URI;
import java.time.Duration;
import java.util.Optional;

/**
 * How the agent finds out whether an instance is well.
 *
 * @param id unique on the agent
 * @param deregisterCriticalAfter removes the instance when the check was critical for this long;
 *     Consul takes at least a minute, and looks only every 30 s
 * @param initial what the check says until its first probe; Consul's own default is critical
 * @param failuresBeforeCritical failed probes in a row that are forgiven; 0 forgives none
 */
public record Check(
    String id,
    String name,
    Probe probe,
    Optional<Duration> deregisterCriticalAfter,
    Optional<Health> initial,
    int failuresBeforeCritical) {

  /** What the agent does to find out. */
  public sealed interface Probe {
    /** How often the agent looks. Consul raises an interval of less than 1 s to 1 s. */
    Duration DEFAULT_INTERVAL = Duration.ofSeconds(1);

    /**
     * How long an answer may take. A dead process refuses at once; one that has just started on a
     * busy machine may need more than a second for its first answer, and is not to fail for that.
     */
    Duration DEFAULT_TIMEOUT = Duration.ofSeconds(3);

    /**
     * Calls {@code grpc.health.v1.Health/Check}.
     *
     * @param target {@code host:port/service}; without the service, the server as a whole
     * @param tls whether over TLS; the certificate is not looked at, because Connect's have no
     *     names of hosts, and the agent has none of its own to present
     */
    record Grpc(String target, boolean tls, Duration interval, Duration timeout) implements Probe {}

    /** GETs the URL: 2xx passes, 429 warns, anything else is critical. */
    record Http(URI url, Duration interval, Duration timeout) implements Probe {}

    /** Opens a connection to {@code host:port}. */
    record Tcp(String target, Duration interval, Duration timeout) implements Probe {}

    /** Waits to be told, see {@link Agent#report}; critical when {@code ttl} passes untold. */
    record Ttl(Duration ttl) implements Probe {}
  }

  public Check {
    if (id.isEmpty() || id.chars().anyMatch(c -> c <= 0x20 || c == 0x7f)) {
      throw new IllegalArgumentException("id: '" + id + "' (expected: visible characters)");
    }
    if (failuresBeforeCritical < 0) {
      throw new IllegalArgumentException(
          "failuresBeforeCritical: " + failuresBeforeCritical + " (expected: >= 0)");
    }
  }

  /** A check without automatic removal, critical until its first probe. */
  public static Check of(String id, Probe probe) {
    return new Check(id, id, probe, Optional.empty(), Optional.empty(), 0);
  }

  /**
   * The gRPC health check of the service {@code healthService} (empty: the server as a whole), once
   * a second, without TLS; the instance is removed after a minute of failures.
   */
  public static Check grpc(String id, String host, int port, String healthService) {
    String target = hostAndPort(host, port) + (healthService.isEmpty() ? "" : "/" + healthService);
    Probe probe = new Probe.Grpc(target, false, Probe.DEFAULT_INTERVAL, Probe.DEFAULT_TIMEOUT);
    return new Check(
        id, "gRPC health", probe, Optional.of(Duration.ofMinutes(1)), Optional.empty(), 0);
  }

  /** A copy that says this until its first probe. */
  public Check withInitial(Health health) {
    return new Check(
        id, name, probe, deregisterCriticalAfter, Optional.of(health), failuresBeforeCritical);
  }

  /** A copy whose instance is removed when it was critical for this long. */
  public Check withDeregisterCriticalAfter(Duration after) {
    return new Check(id, name, probe, Optional.of(after), initial, failuresBeforeCritical);
  }

  /** A copy that probes gRPC over TLS; other probes stay as they are. */
  public Check withTls() {
    Probe secured =
        probe instanceof Probe.Grpc grpc
            ? new Probe.Grpc(grpc.target(), true, grpc.interval(), grpc.timeout())
            : probe;
    return new Check(id, name, secured, deregisterCriticalAfter, initial, failuresBeforeCritical);
  }

  /** A copy that forgives so many failed probes in a row. */
  public Check withFailuresBeforeCritical(int failures) {
    return new Check(id, name, probe, deregisterCriticalAfter, initial, failures);
  }

  private static String hostAndPort(String host, int port) {
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
  }
}
