package dev.weft.prove;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Many connections to the edge at the same moment, each with one request. */
final class Rush implements AutoCloseable {
  static final int CONNECTIONS = 300;

  private static final int ANSWER_MILLIS = 10_000;
  private static final String TOO_MANY = "HTTP/1.1 429";
  private static final byte[] REQUEST =
      "GET /v1/products?pageSize=1 HTTP/1.1\r\nHost: edge\r\n\r\n"
          .getBytes(StandardCharsets.US_ASCII);

  private final List<Socket> open = new ArrayList<>();

  Rush(String edge) {
    URI address = URI.create(edge);
    try {
      for (int i = 0; i < CONNECTIONS; i++) {
        Socket socket = new Socket();
        open.add(socket);
        socket.setSoTimeout(ANSWER_MILLIS);
        socket.connect(new InetSocketAddress(address.getHost(), address.getPort()), ANSWER_MILLIS);
        ask(socket);
      }
    } catch (IOException e) {
      close();
      throw new UncheckedIOException(e);
    }
  }

  /** How many were told that there are too many. */
  long refused() {
    return open.stream().filter(Rush::refused).count();
  }

  @Override
  public void close() {
    for (Socket socket : open) {
      try {
        socket.close();
      } catch (IOException e) {
        // It is of no use to anybody.
      }
    }
  }

  private static void ask(Socket socket) throws IOException {
    try {
      socket.getOutputStream().write(REQUEST);
    } catch (SocketException e) {
      // It was told before it asked.
    }
  }

  private static boolean refused(Socket socket) {
    try {
      byte[] answer = socket.getInputStream().readNBytes(TOO_MANY.length());
      return new String(answer, StandardCharsets.US_ASCII).equals(TOO_MANY);
    } catch (IOException e) {
      return false;
    }
  }
}
