package dev.weft.card;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class JournalTest {
  @TempDir Path directory;

  @Test
  void givesBackEveryLineInItsOrder() throws IOException {
    try (Journal journal = open(new ArrayList<>())) {
      for (int i = 0; i < 100; i++) {
        journal.awaitDurable(journal.append("line " + i));
      }
      journal.append("the last, that nobody waited for");
    }

    List<String> lines = new ArrayList<>();
    open(lines).close();

    assertThat(lines)
        .hasSize(101)
        .startsWith("line 0", "line 1")
        .endsWith("the last, that nobody waited for");
  }

  @Test
  void keepsWhatManyAppendAtOnceInFewerBatchesThanLines() throws IOException {
    Set<String> appended = ConcurrentHashMap.newKeySet();
    try (Journal journal = open(new ArrayList<>());
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 2_000; i++) {
        String line = "line " + i;
        threads.execute(
            () -> {
              journal.awaitDurable(journal.append(line));
              appended.add(line);
            });
      }
    }

    List<String> lines = new ArrayList<>();
    open(lines).close();

    assertThat(lines).hasSize(2_000).containsExactlyInAnyOrderElementsOf(appended);
    assertThat(Files.readString(file()).lines().filter(l -> l.startsWith("batch ")).count())
        .isLessThan(2_000);
  }

  @Test
  void dropsABatchThatACrashCutShort() throws IOException {
    try (Journal journal = open(new ArrayList<>())) {
      journal.awaitDurable(journal.append("whole"));
    }
    long whole = Files.size(file());
    byte[] all = Files.readAllBytes(file());
    for (int cut = 1; cut < all.length; cut++) {
      Files.write(file(), all);
      Files.write(file(), Arrays.copyOf(all, cut), StandardOpenOption.APPEND);

      List<String> lines = new ArrayList<>();
      try (Journal journal = open(lines)) {
        assertThat(Files.size(file())).as("cut at %d", cut).isEqualTo(whole);
        journal.awaitDurable(journal.append("next"));
      }

      assertThat(lines).as("cut at %d", cut).containsExactly("whole");
      List<String> after = new ArrayList<>();
      open(after).close();
      assertThat(after).as("cut at %d", cut).containsExactly("whole", "next");
    }
  }

  @Test
  void refusesDamageBeforeTheLastBatch() throws IOException {
    try (Journal journal = open(new ArrayList<>())) {
      journal.awaitDurable(journal.append("first"));
      journal.awaitDurable(journal.append("second"));
      journal.awaitDurable(journal.append("third"));
    }
    String text = Files.readString(file());
    Files.writeString(file(), text.replace("second", "secand"));

    assertThatThrownBy(() -> open(new ArrayList<>()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is damaged at byte");
    assertThat(Files.readString(file())).hasSameSizeAs(text);
  }

  @Test
  void belongsToOneProcessAtATime() throws IOException {
    try (Journal journal = open(new ArrayList<>())) {
      assertThat(journal.healthy()).isTrue();
      assertThatThrownBy(() -> open(new ArrayList<>()))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("in use");
    }
    open(new ArrayList<>()).close();
  }

  @Test
  void isReadInPagesWhileItGrows() throws IOException {
    try (Journal journal = open(new ArrayList<>())) {
      for (int i = 0; i < 25; i++) {
        journal.awaitDurable(journal.append("line " + i));
      }
      List<String> lines = new ArrayList<>();
      Journal.Page page = journal.read(0, 10);
      while (!page.lines().isEmpty()) {
        lines.addAll(page.lines());
        page = journal.read(page.next(), 10);
      }
      assertThat(lines).hasSize(25).startsWith("line 0").endsWith("line 24");

      journal.awaitDurable(journal.append("more"));
      assertThat(journal.read(page.next(), 10).lines()).containsExactly("more");
    }
  }

  private Path file() {
    return directory.resolve(Journal.FILE);
  }

  private Journal open(List<String> into) throws IOException {
    return Journal.open(
        directory,
        into::add,
        failure -> {
          throw new AssertionError(failure);
        });
  }
}
