package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.HashSet;
import java.util.Set;
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

  /** Whoever was given one has not begun to listen yet when the next one asks. */
  @Test
  void givesAPortOnce() throws Exception {
    Set<Integer> given = new HashSet<>();
    for (int i = 0; i < 500; i++) {
      assertThat(given.add(LocalPorts.free())).isTrue();
    }
  }
}
