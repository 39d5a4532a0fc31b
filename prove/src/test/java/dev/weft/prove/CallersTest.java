package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

final class CallersTest {
  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "it reads /proc")
  void knowsTheProcessAtTheOtherEnd() throws IOException {
    try (ServerSocket door = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        Socket _ = new Socket(door.getInetAddress(), door.getLocalPort());
        Socket accepted = door.accept()) {
      long self = ProcessHandle.current().pid();

      assertThat(new Callers(() -> Map.of("this test", self)).of(accepted)).isEqualTo("this test");
      assertThat(new Callers(() -> Map.of("nobody", 0L)).of(accepted)).isEmpty();
    }
  }
}
