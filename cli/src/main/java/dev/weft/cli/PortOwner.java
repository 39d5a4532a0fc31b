package dev.weft.cli;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;

/** Which process listens on a port, as far as this user may see it. Linux only. */
final class PortOwner {
  private static final String LISTEN = "0A";

  private PortOwner() {}

  /** Such as {@code pid 4121 (java)}; empty when it cannot be told. */
  static Optional<String> of(int port) {
    for (String table : new String[] {"/proc/net/tcp", "/proc/net/tcp6"}) {
      try {
        for (String line : Files.readAllLines(Path.of(table))) {
          String[] columns = line.trim().split("\\s+", -1);
          if (columns.length > 9
              && columns[3].equals(LISTEN)
              && columns[1].endsWith(
                  ":" + HexFormat.of().withUpperCase().toHexDigits((short) port))) {
            Optional<String> owner = ownerOf("socket:[" + columns[9] + "]");
            if (owner.isPresent()) {
              return owner;
            }
          }
        }
      } catch (IOException e) {
        return Optional.empty(); // not Linux
      }
    }
    return Optional.empty();
  }

  private static Optional<String> ownerOf(String socket) throws IOException {
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : processes) {
        if (holds(process, socket)) {
          String name = Files.readString(process.resolve("comm")).trim();
          return Optional.of("pid " + process.getFileName() + " (" + name + ")");
        }
      }
    }
    return Optional.empty();
  }

  private static boolean holds(Path process, String socket) {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(process.resolve("fd"))) {
      for (Path file : files) {
        if (Files.readSymbolicLink(file).toString().equals(socket)) {
          return true;
        }
      }
    } catch (IOException e) {
      return false; // another user's process, or one that just ended
    }
    return false;
  }
}
