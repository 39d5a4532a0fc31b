package dev.weft.durable;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Ports of this machine for processes that are started a moment later. They come from below the
 * range that systems take for outgoing connections, which would otherwise be quicker now and then.
 *
 * <p>A port is given once in two minutes, whichever process of this user asks: a file in the folder
 * for temporary files says when it was. Where no such file can be written, a port may be given
 * again as soon as it is free.
 */
public final class LocalPorts {
  // Linux takes ports for outgoing connections from 32768 on, others from 49152 on.
  private static final int FIRST = 20_000;
  private static final int END = 32_000;
  private static final int TRIES = 200;
  private static final Duration PROMISED = Duration.ofMinutes(2);
  private static final Path FOLDER =
      Path.of(
          System.getProperty("java.io.tmpdir"), "weft-ports-" + System.getProperty("user.name"));

  private LocalPorts() {}

  /** A socket on a free port of loopback, which holds it until it is closed. */
  public static ServerSocket hold() throws IOException {
    IOException taken = null;
    for (int i = 0; i < TRIES; i++) {
      int port = ThreadLocalRandom.current().nextInt(FIRST, END);
      try {
        ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress());
        if (isPromised(FOLDER.resolve(Integer.toString(port)))) {
          socket.close();
        } else {
          return socket;
        }
      } catch (IOException e) {
        taken = e;
      }
    }
    throw new IOException("no free port found between " + FIRST + " and " + END, taken);
  }

  /** A port that is free now. */
  public static int free() throws IOException {
    try (ServerSocket held = hold()) {
      return held.getLocalPort();
    }
  }

  // Asked by who holds the port, so nobody else asks for it at the same time.
  private static boolean isPromised(Path when) {
    try {
      Files.createDirectories(FOLDER);
      Files.createFile(when);
      return false;
    } catch (FileAlreadyExistsException e) {
      return wasPromised(when);
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean wasPromised(Path when) {
    try {
      Instant now = Instant.now();
      if (Files.getLastModifiedTime(when).toInstant().plus(PROMISED).isAfter(now)) {
        return true;
      }
      Files.setLastModifiedTime(when, FileTime.from(now));
      return false;
    } catch (IOException e) {
      return false;
    }
  }
}
