package dev.weft.mesh;

import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Exception;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Sends gRPC calls with header fields that no library would send. */
final class RawHttp2 implements AutoCloseable {
  private static final int DATA = 0;
  private static final int HEADERS = 1;
  private static final int RESET = 3;
  private static final int SETTINGS = 4;
  private static final int PING = 6;
  private static final int GOAWAY = 7;
  private static final int REFUSED_STREAM = 7;
  private static final int END_STREAM = 1;
  private static final int ACK = 1;
  private static final int END_HEADERS = 4;

  /** Of a call that ended without a status of gRPC. */
  static final int NO_STATUS = -1;

  /** How a call ended, as far as its frames say. */
  enum End {
    /** With trailers. */
    ANSWERED,
    RESET,
    CONNECTION_CLOSED
  }

  private final Socket socket;
  private final OutputStream out;
  private final DataInputStream in;
  private final DefaultHttp2HeadersDecoder hpack = new DefaultHttp2HeadersDecoder();
  private int status = NO_STATUS;

  RawHttp2(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout((int) Duration.ofSeconds(10).toMillis());
    out = socket.getOutputStream();
    in = new DataInputStream(socket.getInputStream());
    out.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    frame(SETTINGS, 0, 0, new byte[0]);
  }

  /** What the server says of itself, by the numbers of RFC 9113. */
  Map<Integer, Integer> settings() throws IOException {
    int length = (in.readUnsignedShort() << 8) | in.readUnsignedByte();
    if (in.readUnsignedByte() != SETTINGS) {
      throw new IOException("the first frame is not SETTINGS");
    }
    in.readUnsignedByte();
    in.readInt();
    Map<Integer, Integer> settings = new HashMap<>();
    for (int read = 0; read < length; read += 6) {
      settings.put(in.readUnsignedShort(), in.readInt());
    }
    return settings;
  }

  /** One call with an empty message; {@code fields} are names and values in turns. */
  End call(String method, String... fields) throws IOException {
    return call(new byte[5], method, fields);
  }

  /** As the other one, with this for a body. */
  End call(byte[] body, String method, String... fields) throws IOException {
    try {
      begin(1, method, fields);
      frame(DATA, END_STREAM, 1, body);
      return read();
    } catch (EOFException | SocketException e) {
      return End.CONNECTION_CLOSED;
    }
  }

  /** The status of gRPC that the call ended with, or {@link #NO_STATUS}. */
  int status() {
    return status;
  }

  /** Begins so many calls that do not end, and waits until one is refused. */
  void beginUntilRefused(String method, int calls) throws IOException {
    for (int i = 0; i < calls; i++) {
      begin(2 * i + 1, method);
    }
    Frame frame;
    do {
      frame = next();
    } while (frame.type != RESET || frame.payload.charAt(3) != REFUSED_STREAM);
  }

  /** As {@link #call}, without reading what comes of it. */
  void begin(String method, String... fields) throws IOException {
    begin(1, method, fields);
    frame(DATA, END_STREAM, 1, new byte[5]);
  }

  private void begin(int stream, String method, String... fields) throws IOException {
    ByteArrayOutputStream block = new ByteArrayOutputStream();
    field(block, ":method", "POST");
    field(block, ":scheme", "http");
    field(block, ":path", "/" + method);
    field(block, ":authority", "localhost");
    field(block, "content-type", "application/grpc");
    field(block, "te", "trailers");
    for (int i = 0; i < fields.length; i += 2) {
      field(block, fields[i], fields[i + 1]);
    }
    frame(HEADERS, END_HEADERS, stream, block.toByteArray());
  }

  /** Waits for the first message of the call that was begun. */
  void awaitMessage() throws IOException {
    Frame frame;
    do {
      frame = next();
    } while (frame.type != DATA);
  }

  /** Sends pings at once; empty when all are answered, else the reason why the connection ends. */
  Optional<String> ping(int times) throws IOException {
    ByteArrayOutputStream pings = new ByteArrayOutputStream();
    for (int i = 0; i < times; i++) {
      pings.writeBytes(bytes(PING, 0, 0, new byte[8]));
    }
    // In one piece: a connection that is closed with something unread loses the reason.
    out.write(pings.toByteArray());
    int answers = 0;
    while (answers < times) {
      Frame frame = next();
      if (frame.type == GOAWAY) {
        // After the last stream and the error's number.
        return Optional.of(frame.payload.substring(8));
      }
      if (frame.type == PING && (frame.flags & ACK) != 0) {
        answers++;
      }
    }
    return Optional.empty();
  }

  /** The payload is one character per byte. */
  private record Frame(int type, int flags, int stream, String payload) {}

  private Frame next() throws IOException {
    int length = (in.readUnsignedShort() << 8) | in.readUnsignedByte();
    int type = in.readUnsignedByte();
    int flags = in.readUnsignedByte();
    int stream = in.readInt();
    byte[] payload = new byte[length];
    in.readFully(payload);
    return new Frame(type, flags, stream, new String(payload, StandardCharsets.ISO_8859_1));
  }

  private End read() throws IOException {
    while (true) {
      Frame frame = next();
      if (frame.type == GOAWAY) {
        return End.CONNECTION_CLOSED;
      }
      if (frame.stream == 1 && frame.type == RESET) {
        return End.RESET;
      }
      if (frame.stream == 1 && frame.type == HEADERS) {
        note(frame);
        if ((frame.flags & END_STREAM) != 0) {
          return End.ANSWERED;
        }
      }
    }
  }

  private void note(Frame headers) throws IOException {
    try {
      byte[] block = headers.payload.getBytes(StandardCharsets.ISO_8859_1);
      CharSequence told =
          hpack.decodeHeaders(headers.stream, Unpooled.wrappedBuffer(block)).get("grpc-status");
      status = told == null ? NO_STATUS : Integer.parseInt(told.toString());
    } catch (Http2Exception e) {
      throw new IOException(e);
    }
  }

  /** A literal that is not to be indexed, in plain Latin-1. */
  private static void field(ByteArrayOutputStream block, String name, String value) {
    block.write(0);
    text(block, name);
    text(block, value);
  }

  private static void text(ByteArrayOutputStream block, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    int length = bytes.length;
    if (length < 127) {
      block.write(length);
    } else {
      block.write(127);
      for (length -= 127; length >= 128; length /= 128) {
        block.write(length % 128 + 128);
      }
      block.write(length);
    }
    block.writeBytes(bytes);
  }

  private void frame(int type, int flags, int stream, byte[] payload) throws IOException {
    out.write(bytes(type, flags, stream, payload));
  }

  private static byte[] bytes(int type, int flags, int stream, byte[] payload) {
    ByteArrayOutputStream frame = new ByteArrayOutputStream();
    for (int shift : new int[] {16, 8, 0}) {
      frame.write(payload.length >> shift);
    }
    frame.write(type);
    frame.write(flags);
    for (int shift : new int[] {24, 16, 8, 0}) {
      frame.write(stream >> shift);
    }
    frame.writeBytes(payload);
    return frame.toByteArray();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
