package dev.weft.e2e;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.util.Locale;

/** A connection to the edge that sends what it is told, byte for byte. */
final class Wire implements AutoCloseable {
  private static final int PATIENCE_MILLIS = 60_000;

  private final Socket socket;
  private final String host;

  /** What was answered: an answer with a length. */
  record Reply(int status, String head, String body) {
    @Override
    public String toString() {
      return status + " " + body;
    }
  }

  Wire(Weft weft) throws IOException {
    URI edge = URI.create(weft.url("edge"));
    host = edge.getAuthority();
    socket = new Socket(edge.getHost(), edge.getPort());
    socket.setSoTimeout(PATIENCE_MILLIS);
    socket.setTcpNoDelay(true);
  }

  /**
   * Sends a request.
   *
   * @param fields lines of the header, each with its end
   * @param body JSON; none if it is empty
   */
  void send(String method, String path, String fields, String body) throws IOException {
    byte[] bytes = body.getBytes(UTF_8);
    String head =
        method
            + " "
            + path
            + " HTTP/1.1\r\nHost: "
            + host
            + "\r\n"
            + fields
            + (bytes.length == 0
                ? ""
                : "Content-Type: application/json\r\nContent-Length: " + bytes.length + "\r\n")
            + "\r\n";
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(head.getBytes(ISO_8859_1));
    all.writeBytes(bytes);
    socket.getOutputStream().write(all.toByteArray());
  }

  /** The next answer. */
  Reply reply() throws IOException {
    InputStream in = socket.getInputStream();
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n", Math.max(0, head.length() - 4)) < 0) {
      int next = in.read();
      if (next < 0) {
        throw new IOException("the connection was closed after: " + head);
      }
      head.append((char) next);
    }
    String length = "content-length: ";
    int from = head.toString().toLowerCase(Locale.ROOT).indexOf(length);
    if (from < 0) {
      throw new IOException("no length: " + head);
    }
    from += length.length();
    int bytes = Integer.parseInt(head.substring(from, head.indexOf("\r", from)));
    return new Reply(
        Integer.parseInt(head.substring(9, 12)),
        head.toString(),
        new String(in.readNBytes(bytes), UTF_8));
  }

  Reply ask(String method, String path, String fields, String body) throws IOException {
    send(method, path, fields, body);
    return reply();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
