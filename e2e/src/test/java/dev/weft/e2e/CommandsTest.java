package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What {@code ./weft} says, and the exit codes it says it with. */
@ExtendWith(SharedWeft.class)
final class CommandsTest {
  private static final int CARD_NETWORK_PORT = 9105;

  private final Weft weft;

  CommandsTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void statusNamesEveryProcess() {
    Command.Outcome status = weft.status();

    assertThat(status.exitCode()).isZero();
    assertThat(status.out())
        .contains(Weft.SERVICES)
        .contains(Weft.EDGE, "card-network", "postgres", "registry", weft.url("edge"));
  }

  @Test
  void statusForProgramsHoldsPidsPortsAndAddresses() {
    JsonNode status = Answer.json(weft.status("--json").out());

    assertThat(status.path("processes")).hasSize(8);
    for (JsonNode process : status.path("processes")) {
      assertThat(process.path("state").asText()).as("%s", process).isEqualTo("ready");
      assertThat(ProcessHandle.of(process.path("pid").asLong())).isPresent();
      assertThat(process.path("port").asInt()).isPositive();
    }
    assertThat(status.at("/urls/edge").asText()).startsWith("http://127.0.0.1:");
    assertThat(status.at("/urls/registry").asText()).startsWith("http://127.0.0.1:");
  }

  @Test
  void statusSeesAProcessThatHangs() {
    String pid = "" + weft.pid("card-network");
    int restarts = weft.restarts("card-network");
    Command.run(List.of("kill", "-STOP", pid), Map.of());
    try {
      await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> weft.status().out(), out -> out.contains("! not ready"));
      assertThat(weft.status("--json").out()).contains("\"unready\"");
    } finally {
      Command.run(List.of("kill", "-CONT", pid), Map.of());
    }
    await().atMost(Duration.ofSeconds(30)).until(() -> weft.ready("card-network"));
    assertThat(weft.restarts("card-network")).isEqualTo(restarts);
  }

  @Test
  void whatIsKeptCanBeReadByItsOwnerOnly() throws IOException {
    assertThat(Files.getPosixFilePermissions(weft.folder())).hasSize(3);
    for (String secret :
        new String[] {"demo.json", "identity/order-svc.key.pem", "postgres/passwords.properties"}) {
      assertThat(Files.getPosixFilePermissions(weft.folder().resolve(secret)))
          .as(secret)
          .hasSize(2);
    }
  }

  @Test
  void aSecondUpIsRefusedInOneLine() {
    Command.Outcome second = weft.upAgain();

    assertThat(second.exitCode()).isEqualTo(1);
    assertThat(second.err().strip()).startsWith("weft: already up").hasLineCount(1);
  }

  @Test
  void aTakenPortIsNamedWithItsOwnerAndNothingIsStarted() throws IOException {
    Path folder = Command.TARGET.resolve("weft").resolve("taken-port");
    try (ServerSocket taken = new ServerSocket()) {
      occupy(taken);

      Command.Outcome up =
          Command.weft("up", "--detach", "--registry", "dev", "--state", folder.toString());

      assertThat(up.exitCode()).isEqualTo(1);
      assertThat(up.err().strip())
          .matches(
              "weft: port \\d+ \\(.+\\) is taken.*: stop that program, or run"
                  + " \\./weft up --isolated");
      assertThat(Command.weft("status", "--state", folder.toString()).exitCode()).isEqualTo(3);
    }
  }

  @Test
  void whatDoesNotRunCannotBeStoppedAndHasNoStatus() {
    String folder = Command.TARGET.resolve("weft").resolve("never-started").toString();

    Command.Outcome down = Command.weft("down", "--state", folder);
    assertThat(down.exitCode()).isEqualTo(3);
    assertThat(down.err().strip()).isEqualTo("weft: not running");
    Command.Outcome status = Command.weft("status", "--state", folder);
    assertThat(status.exitCode()).isEqualTo(3);
    assertThat(status.err().strip()).hasLineCount(1);
  }

  @Test
  void aTypingErrorIsExitCodeTwo() {
    Command.Outcome typo = Command.weft(Map.of(), "up", "--registry", "zookeeper");

    assertThat(typo.exitCode()).isEqualTo(2);
    assertThat(typo.err()).contains("zookeeper");
  }

  private static void occupy(ServerSocket socket) {
    try {
      socket.bind(
          new java.net.InetSocketAddress(InetAddress.getLoopbackAddress(), CARD_NETWORK_PORT));
    } catch (IOException e) {
      // Somebody else has it: as good.
    }
  }
}
