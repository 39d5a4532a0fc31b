package dev.weft.prove;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Says which of the processes that are known is at the other end of a connection within this
 * machine. Linux only: elsewhere nobody is known.
 */
final class Callers {
  private static final String ESTABLISHED = "01";

  private final Supplier<Map<String, Long>> pids;

  /**
   * @param pids the processes by name, asked each time
   */
  Callers(Supplier<Map<String, Long>> pids) {
    this.pids = pids;
  }

  /** The name of the process; empty if it is none of them. */
  String of(Socket accepted) {
    Optional<String> socket = socketOf(accepted.getPort(), accepted.getLocalPort());
    if (socket.isEmpty()) {
      return "";
    }
    for (Map.Entry<String, Long> process : pids.get().entrySet()) {
      if (holds(process.getValue(), socket.get())) {
        return process.getKey();
      }
    }
    return "";
  }

  /** As it is called among a process's files. */
  private static Optional<String> socketOf(int local, int remote) {
    for (String table : new String[] {"/proc/net/tcp", "/proc/net/tcp6"}) {
      try {
        for (String line : Files.readAllLines(Path.of(table))) {
          String[] columns = line.trim().split("\\s+", -1);
          if (columns.length > 9
              && columns[3].equals(ESTABLISHED)
              && columns[1].endsWith(":" + hex(local))
              && columns[2].endsWith(":" + hex(remote))) {
            return Optional.of("socket:[" + columns[9] + "]");
          }
        }
      } catch (IOException e) {
        return Optional.empty(); // not Linux
      }
    }
    return Optional.empty();
  }

  private static boolean holds(long pid, String socket) {
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(Path.of("/proc", Long.toString(pid), "fd"))) {
      for (Path file : files) {
        if (isNow(file, socket)) {
          return true;
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      return false; // it ended
    }
    return false;
  }

  private static boolean isNow(Path file, String what) {
    try {
      return Files.readSymbolicLink(file).toString().equals(what);
    } catch (IOException e) {
      return false; // closed just now
    }
  }

  private static String hex(int port) {
    return "%04X".formatted(port);
  }
}
