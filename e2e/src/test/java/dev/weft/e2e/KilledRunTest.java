package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/**
 * A supervisor that dies takes its children along and loses nothing; one whose folder is removed
 * stops everything.
 */
@BesideSharedWeft
final class KilledRunTest {

  @Test
  void aKilledRunLeavesNoProcessAndItsDataIsThereAfterTheNextUpUntilItsFolderIsRemoved() {
    try (Weft weft = Weft.up("killed", Map.of(), "--registry", "dev")) {
      Visitor customer = Visitor.demo(weft);
      String id =
          Orders.place(
              customer,
              UUID.randomUUID().toString(),
              Orders.of(weft.product("MUG-01"), 1, "card_ok"));
      JsonNode order = Orders.awaitEnd(customer, id);
      JsonNode accounts = weft.demo();
      List<ProcessHandle> children = children(weft);
      assertThat(children).hasSize(8);

      ProcessHandle.of(weft.supervisor()).orElseThrow().destroyForcibly();

      await().until(() -> weft.status().exitCode(), code -> code == 3);
      Command.Outcome again = weft.upAgain();
      assertThat(again.exitCode()).as("%s", again.all()).isZero();
      assertThat(children).noneMatch(ProcessHandle::isAlive);
      assertThat(weft.demo()).isEqualTo(accounts);
      assertThat(Visitor.demo(weft).get("/v1/orders/" + id).json()).isEqualTo(order);

      stopsEverythingOnceItsFolderIsRemoved(weft);
    }
  }

  private static void stopsEverythingOnceItsFolderIsRemoved(Weft weft) {
    List<ProcessHandle> all = children(weft);
    ProcessHandle supervisor = ProcessHandle.of(weft.supervisor()).orElseThrow();

    // Once more, should a process have written a file meanwhile.
    List<String> remove = List.of("rm", "-rf", weft.folder().toString());
    await().until(() -> Command.run(remove, Map.of()).exitCode() == 0);

    await()
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(() -> assertThat(all).noneMatch(ProcessHandle::isAlive));
    await().atMost(Duration.ofSeconds(10)).until(() -> !supervisor.isAlive());
    assertThat(weft.folder()).doesNotExist();
  }

  private static List<ProcessHandle> children(Weft weft) {
    return weft.processes().stream()
        .map(process -> ProcessHandle.of(weft.pid(process)).orElseThrow())
        .toList();
  }
}
