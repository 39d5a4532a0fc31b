package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LogTailTest {
  @Test
  void everyLineIsShownOnceAndWhole(@TempDir Path dir) throws Exception {
    Path log = Files.writeString(dir.resolve("log"), "");
    var tail = new LogTail(log);
    assertThat(tail.lines()).isEmpty();

    add(log, "  ✔ one\n  ✔ tw");
    assertThat(tail.lines()).isEqualTo("  ✔ one\n");
    assertThat(tail.lines()).isEmpty();

    add(log, "o\nthe end");
    assertThat(tail.lines()).isEqualTo("  ✔ two\n");
    assertThat(tail.rest()).isEqualTo("the end");
  }

  private static void add(Path log, String text) throws Exception {
    Files.writeString(log, text, StandardOpenOption.APPEND);
  }
}
