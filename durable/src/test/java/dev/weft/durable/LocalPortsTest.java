package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import org.junit.jupiter.api.Test;

class LocalPortsTest {
  @Test
  void findsAPortThatCanBeTakenAndThatNoOutgoingConnectionGets() throws Exception {
    int port = LocalPorts.free();

    assertThat(port).isBetween(20_000, 32_000);
    try (var taken = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      assertThat(taken.getLocalPort()).isEqualTo(port);
    }
  }

  @Test
  void neverGivesAwayWhatIsHeld() throws Exception {
    try (ServerSocket one = LocalPorts.hold();
        ServerSocket other = LocalPorts.hold()) {
      assertThat(one.getLocalPort()).isNotEqualTo(other.getLocalPort());
    }
  }
}
