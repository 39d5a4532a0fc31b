package dev.weft.consul;

import java.util.List;
import java.util.Map;

/**
 * One instance of a service as the catalog shows it. Two instances are equal when everything Consul
 * says about them is, the output of their checks included.
 *
 * @param id unique on its node only; see {@link #key()}
 * @param host the address to call: the service's own, or its node's where it has none
 * @param health the worst of all checks, those of the node included
 * @param connectNative it speaks mutual TLS with certificates of the Connect CA itself
 */
public record ServiceInstance(
    String id,
    String service,
    String host,
    int port,
    List<String> tags,
    Map<String, String> meta,
    Weights weights,
    Health health,
    List<CheckResult> checks,
    String node,
    String datacenter,
    boolean connectNative) {

  public ServiceInstance {
    tags = List.copyOf(tags);
    meta = Map.copyOf(meta);
    checks = List.copyOf(checks);
  }

  /** Its identity in the whole catalog: node and id. */
  public String key() {
    return node + "/" + id;
  }

  /** Its share of the traffic right now; 0 when it must not be called. */
  public int weight() {
    return switch (health) {
      case PASSING -> weights.passing();
      case WARNING -> weights.warning();
      case CRITICAL, MAINTENANCE -> 0;
    };
  }

  /** What of it is of use to call it, without what its checks said. */
  ServiceInstance toCall() {
    return new ServiceInstance(
        id,
        service,
        host,
        port,
        tags,
        meta,
        weights,
        health,
        List.of(),
        node,
        datacenter,
        connectNative);
  }

  /**
   * Whether {@code later} is this instance, fit to be called and at the same address, after the
   * agent forgot how its checks went: critical, but none of the critical checks has ever run.
   *
   * <p>A check that was not there before is critical because somebody says so, and so is one of
   * {@code ttl}: who tells it need not say why, and agents keep what they were told.
   */
  boolean forgottenIn(ServiceInstance later) {
    return weight() > 0
        && later.host.equals(host)
        && later.port == port
        && later.health == Health.CRITICAL
        && later.checks.stream()
            .filter(check -> check.status() == Health.CRITICAL)
            .allMatch(
                check ->
                    check.output().isEmpty() && !check.type().equals("ttl") && mayHave(check.id()));
  }

  /** Of what was read from the disk, checks are not known. */
  private boolean mayHave(String check) {
    return checks.isEmpty() || checks.stream().anyMatch(own -> own.id().equals(check));
  }
}
