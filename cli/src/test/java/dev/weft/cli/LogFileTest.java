package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LogFileTest {
  @TempDir Path folder;

  @Test
  void keepsTheLinesBeforeTheLastInASecondFileAndNoMore() throws IOException {
    Path file = folder.resolve("some.log");
    LogFile log = new LogFile(file, 20);

    for (int i = 0; i < 9; i++) {
      log.append("line " + i);
    }

    assertThat(Files.readAllLines(file)).containsExactly("line 8");
    assertThat(Files.readAllLines(folder.resolve("some.log.1")))
        .containsExactly("line 6", "line 7");
    assertThat(folder).isDirectoryNotContaining("glob:**.2");
  }

  @Test
  void goesOnWhereTheLastRunEnded() throws IOException {
    Path file = folder.resolve("some.log");
    new LogFile(file, 20).append("before");

    new LogFile(file, 20).append("after");

    assertThat(Files.readAllLines(file)).containsExactly("before", "after");
    assertThat(LogFile.tail(file, 1)).containsExactly("after");
  }

  @Test
  void tellsNothingOfALogThatIsNotThere() {
    assertThat(LogFile.tail(folder.resolve("none.log"), 5)).isEmpty();
  }
}
