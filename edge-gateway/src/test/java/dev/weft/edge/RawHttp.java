package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.util.Locale;

/** A client that sends what it is told, byte for byte. */
final class RawHttp implements AutoCloseable {
  private final Socket socket;

  RawHttp(int port) throws IOException {
    this(InetAddress.getLoopbackAddress(), port);
  }

  RawHttp(InetAddress host, int port) throws IOException {
    socket = new Socket(host, port);
    socket.setSoTimeout(20_000);
    socket.setTcpNoDelay(true);
  }

  void send(String latin1) throws IOException {
    socket.getOutputStream().write(latin1.getBytes(ISO_8859_1));
    socket.getOutputStream().flush();
  }

  /** Whether something of an answer has come. */
  boolean answered() throws IOException {
    return socket.getInputStream().available() > 0;
  }

  /** One answer, head and body, by its length or its chunks. */
  String answer() throws IOException {
    InputStream in = socket.getInputStream();
    String head = until(in, "\r\n\r\n");
    String lower = head.toLowerCase(Locale.ROOT);
    int at = lower.indexOf("content-length: ");
    if (at >= 0) {
      int length = Integer.parseInt(lower.substring(at + 16, lower.indexOf('\r', at)));
      return head + new String(in.readNBytes(length), ISO_8859_1);
    }
    if (lower.contains("transfer-encoding: chunked")) {
      StringBuilder body = new StringBuilder(head);
      for (String chunk = chunk(in); !chunk.isEmpty(); chunk = chunk(in)) {
        body.append(chunk);
      }
      return body.toString();
    }
    return head;
  }

  /** The next part of a stream; empty at its end. */
  String chunk() throws IOException {
    return chunk(socket.getInputStream());
  }

  /** The head of an answer, without the body. */
  String head() throws IOException {
    return until(socket.getInputStream(), "\r\n\r\n");
  }

  /** Everything until the other side closes. */
  String all() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      socket.getInputStream().transferTo(bytes);
    } catch (SocketException e) {
      // Reset: what came before it counts.
    }
    return bytes.toString(ISO_8859_1);
  }

  private static String chunk(InputStream in) throws IOException {
    int length = Integer.parseInt(until(in, "\r\n").strip(), 16);
    String chunk = new String(in.readNBytes(length), ISO_8859_1);
    until(in, "\r\n");
    return chunk;
  }

  private static String until(InputStream in, String end) throws IOException {
    StringBuilder text = new StringBuilder();
    while (text.indexOf(end, Math.max(0, text.length() - end.length())) < 0) {
      int next = in.read();
      if (next < 0) {
        throw new IOException("the connection was closed after: " + text);
      }
      text.append((char) next);
    }
    return text.toString();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
