package dev.weft.durable;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Ports of this machine for processes that are started a moment later. They come from below the
 * range that systems take for outgoing connections, which would otherwise be quicker now and then.
 */
public final class LocalPorts {
  // Linux takes ports for outgoing connections from 32768 on, others from 49152 on.
  private static final int FIRST = 20_000;
  private static final int END = 32_000;
  private static final int TRIES = 200;

  private LocalPorts() {}

  /** A socket on a free port of loopback, which holds it until it is closed. */
  public static ServerSocket hold() throws IOException {
    IOException taken = null;
    for (int i = 0; i < TRIES; i++) {
      int port = ThreadLocalRandom.current().nextInt(FIRST, END);
      try {
        return new ServerSocket(port, 1, InetAddress.getLoopbackAddress());
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
}
