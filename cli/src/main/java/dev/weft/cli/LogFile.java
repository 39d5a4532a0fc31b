package dev.weft.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** One process's log: at most two files of 10 MiB each, the older one ending in {@code .1}. */
final class LogFile {
  private static final long BYTES_MAX = 10 << 20;

  private final Path file;
  private final long bytesMax;
  private OutputStream out;
  private long bytes;

  LogFile(Path file) {
    this(file, BYTES_MAX);
  }

  LogFile(Path file, long bytesMax) {
    this.file = file;
    this.bytesMax = bytesMax;
    try {
      bytes = Files.exists(file) ? Files.size(file) : 0;
      out = open();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  synchronized void append(String line) {
    byte[] text = (line + "\n").getBytes(StandardCharsets.UTF_8);
    try {
      if (bytes + text.length > bytesMax) {
        out.close();
        Files.move(
            file,
            file.resolveSibling(file.getFileName() + ".1"),
            StandardCopyOption.REPLACE_EXISTING);
        out = open();
        bytes = 0;
      }
      out.write(text);
      bytes += text.length;
    } catch (IOException e) {
      // A full disk must not stop the process that logs; what it says is on the terminal.
      bytes = 0;
    }
  }

  /** The last lines, for somebody who wants to know why a process ended. */
  static List<String> tail(Path file, int lines) {
    try {
      List<String> all = Files.readAllLines(file, StandardCharsets.UTF_8);
      return all.subList(Math.max(0, all.size() - lines), all.size());
    } catch (IOException e) {
      return List.of();
    }
  }

  private OutputStream open() throws IOException {
    return Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }
}
