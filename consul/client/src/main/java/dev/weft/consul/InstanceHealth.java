package dev.weft.consul;

import java.util.List;

/** What the agent itself says about one instance registered with it. */
public record InstanceHealth(Health health, List<CheckResult> checks) {
  public InstanceHealth {
    checks = List.copyOf(checks);
  }
}
