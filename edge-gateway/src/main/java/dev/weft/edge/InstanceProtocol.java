package dev.weft.edge;

import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceRegistration;

/** What an instance says in the registry that it speaks. */
enum InstanceProtocol {
  GRPC,
  HTTP,
  UNSAID,
  ANOTHER;

  static InstanceProtocol of(ServiceInstance instance) {
    String stated = instance.meta().getOrDefault(ServiceRegistration.META_PROTOCOL, "");
    if (stated.equalsIgnoreCase("grpc")
        || instance.tags().stream().anyMatch("grpc"::equalsIgnoreCase)
        || instance.checks().stream().anyMatch(check -> check.type().equals("grpc"))) {
      return GRPC;
    }
    if (stated.equalsIgnoreCase("http")) {
      return HTTP;
    }
    return stated.isEmpty() ? UNSAID : ANOTHER;
  }

  /** Whether it may answer reflection. */
  boolean mayTell() {
    return this == GRPC || this == UNSAID;
  }
}
