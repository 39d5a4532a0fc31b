package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.HashSet;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PortsTest {
  private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

  @Test
  void aTakenPortIsNamedWithItsOwnerAndTheWayOut() throws Exception {
    try (var taken = new ServerSocket(0, 1, LOOPBACK)) {
      var ports = new Ports(Map.of("order-svc", taken.getLocalPort()), Map.of());

      assertThatThrownBy(() -> ports.insistOnFree(false, process -> LOOPBACK, LOOPBACK))
          .isInstanceOf(Trouble.class)
          .hasMessageContainingAll(
              "port " + taken.getLocalPort() + " (order-svc) is taken",
              "pid " + ProcessHandle.current().pid(),
              "./weft up --isolated");
    }
  }

  @Test
  void freePortsAreAllDifferent() {
    Ports ports = Ports.free();

    var all = new HashSet<>(ports.main().values());
    all.addAll(ports.management().values());
    assertThat(all).hasSize(ports.main().size() + ports.management().size()).doesNotContain(0);
  }

  @Test
  void aManagementPortIsAThousandAboveItsServicesPort() {
    Ports ports = Ports.fixed();

    assertThat(ports.managementOf("order-svc")).isEqualTo(ports.of("order-svc") + 1000);
  }
}
