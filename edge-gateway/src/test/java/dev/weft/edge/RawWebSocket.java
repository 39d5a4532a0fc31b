package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** A client of WebSockets that sends what it is told, byte for byte. */
final class RawWebSocket implements AutoCloseable {
  static final int FIN = 0x80;
  static final int CONTINUATION = 0;
  static final int TEXT = 1;
  static final int BINARY = 2;
  static final int CLOSE = 8;
  static final int PING = 9;
  static final int PONG = 10;

  private static final byte[] MASK = {0x12, 0x34, 0x56, 0x78};

  private final Socket socket;
  private final DataInputStream in;

  /**
   * A frame of the edge's.
   *
   * @param latin1 its bytes
   */
  record Frame(int opcode, String latin1) {
    String text() {
      return new String(latin1.getBytes(ISO_8859_1), UTF_8);
    }

    /** Of a frame that closes. */
    int code() {
      return latin1.charAt(0) << 8 | latin1.charAt(1);
    }
  }

  private RawWebSocket(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(20_000);
    socket.setTcpNoDelay(true);
    in = new DataInputStream(socket.getInputStream());
  }

  /** One that has shaken hands. */
  static RawWebSocket open(int port, String path) throws IOException {
    RawWebSocket client = new RawWebSocket(port);
    client.send(handshake(path).getBytes(ISO_8859_1));
    String head = client.head();
    if (!head.startsWith("HTTP/1.1 101 ")) {
      client.close();
      throw new IOException(head);
    }
    return client;
  }

  /** A good handshake, with more fields. */
  static String handshake(String path, String... fields) {
    return "GET "
        + path
        + " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        + String.join("", Arrays.stream(fields).map(field -> field + "\r\n").toList())
        + "\r\n";
  }

  private String head() throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append((char) in.readUnsignedByte());
    }
    return head.toString();
  }

  /** A frame as a client must send it. */
  static byte[] frame(int first, byte[] payload) {
    ByteArrayOutputStream frame = new ByteArrayOutputStream();
    frame.write(first);
    if (payload.length < 126) {
      frame.write(0x80 | payload.length);
    } else if (payload.length < 65_536) {
      frame.write(0x80 | 126);
      frame.writeBytes(ByteBuffer.allocate(2).putShort((short) payload.length).array());
    } else {
      frame.write(0x80 | 127);
      frame.writeBytes(ByteBuffer.allocate(8).putLong(payload.length).array());
    }
    frame.writeBytes(MASK);
    for (int i = 0; i < payload.length; i++) {
      frame.write(payload[i] ^ MASK[i % MASK.length]);
    }
    return frame.toByteArray();
  }

  static byte[] frame(int first, String payload) {
    return frame(first, payload.getBytes(UTF_8));
  }

  void send(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
  }

  void say(String text) throws IOException {
    send(frame(FIN | TEXT, text));
  }

  /** The next frame; throws EOFException at the end of the connection. */
  Frame next() throws IOException {
    int first = in.readUnsignedByte();
    int length = in.readUnsignedByte();
    if (length == 126) {
      length = in.readUnsignedShort();
    } else if (length == 127) {
      length = (int) in.readLong();
    }
    byte[] payload = new byte[length];
    in.readFully(payload);
    return new Frame(first & 0x0f, new String(payload, ISO_8859_1));
  }

  /** The next frame of this kind; those before it are let go. */
  Frame next(int opcode) throws IOException {
    Frame frame = next();
    while (frame.opcode() != opcode) {
      frame = next();
    }
    return frame;
  }

  /** Whether the other side has closed the connection, once it has. */
  boolean ends() throws IOException {
    try {
      while (true) {
        next();
      }
    } catch (EOFException e) {
      return true;
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
