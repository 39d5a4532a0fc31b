package dev.weft.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

final class ConsoleTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final Console console = new Console(new PrintStream(out, true, UTF_8));

  @Test
  void putsTheNameOfItsProcessBeforeEachLine() {
    console.showLogs();

    console.line("user-svc", "started");
    console.line("order-svc", "started, too");

    assertThat(out.toString(UTF_8))
        .containsSubsequence("user-svc        | ", "started", "order-svc       | ", "started, too");
  }

  @Test
  void showsProgressOnlyUntilEverythingIsReady() {
    console.line("user-svc", "starting");
    console.ready("user-svc");
    console.note("a word");

    assertThat(out.toString(UTF_8))
        .doesNotContain("starting")
        .contains("user-svc", "ready", "weft: a word");
  }
}
