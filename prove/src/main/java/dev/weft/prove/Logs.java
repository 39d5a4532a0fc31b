package dev.weft.prove;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** What processes said of themselves. */
final class Logs {
  private Logs() {}

  /** Whether a line of the file holds these words. */
  static boolean hold(Path file, String words) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines.anyMatch(line -> line.contains(words));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
