package dev.weft.prove;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** What processes said of themselves. */
final class Logs {
  private Logs() {}

  /** How many lines of the file hold these words. */
  static long count(Path file, String words) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines.filter(line -> line.contains(words)).count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
