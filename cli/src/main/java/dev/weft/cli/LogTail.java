package dev.weft.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Follows a file that somebody else writes, from its beginning. */
final class LogTail {
  private final Path file;
  private int shown;

  LogTail(Path file) {
    this.file = file;
  }

  /** The whole lines that were added since. */
  String lines() throws IOException {
    byte[] all = Files.readAllBytes(file);
    int end = all.length;
    while (end > shown && all[end - 1] != '\n') {
      end--;
    }
    return upTo(end, all);
  }

  /** All that was added since. */
  String rest() throws IOException {
    byte[] all = Files.readAllBytes(file);
    return upTo(all.length, all);
  }

  private String upTo(int end, byte[] all) {
    String added = new String(all, shown, end - shown, StandardCharsets.UTF_8);
    shown = end;
    return added;
  }
}
