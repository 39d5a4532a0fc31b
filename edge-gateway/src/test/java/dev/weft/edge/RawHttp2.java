package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A client of HTTP/2 that sends what it is told, frame by frame. */
final class RawHttp2 implements AutoCloseable {
  static final int DATA = 0;
  static final int HEADERS = 1;
  static final int PRIORITY = 2;
  static final int RST_STREAM = 3;
  static final int SETTINGS = 4;
  static final int PING = 6;
  static final int GOAWAY = 7;
  static final int WINDOW_UPDATE = 8;
  static final int CONTINUATION = 9;

  static final int END_STREAM = 1;
  static final int ACK = 1;
  static final int END_HEADERS = 4;

  private final Socket socket;
  private final DataInputStream in;
  private final DefaultHttp2HeadersDecoder hpack = new DefaultHttp2HeadersDecoder();

  /** A frame that was read. */
  record Frame(int type, int flags, int stream, ByteString payload) {
    boolean last() {
      return (type == DATA || type == HEADERS) && (flags & END_STREAM) != 0;
    }

    /** Of RST_STREAM and GOAWAY, why. */
    int error() {
      return payload.asReadOnlyByteBuffer().getInt(type == GOAWAY ? 4 : 0);
    }
  }

  /** A whole answer, and its trailers. */
  record Answer(Map<String, String> head, String body, Map<String, String> trailers) {
    int status() {
      return Integer.parseInt(head.get(":status"));
    }
  }

  RawHttp2(int port) throws IOException {
    this(new Socket(InetAddress.getLoopbackAddress(), port));
    begin(new byte[0]);
  }

  private RawHttp2(Socket socket) throws IOException {
    this.socket = socket;
    socket.setSoTimeout(20_000);
    socket.setTcpNoDelay(true);
    in = new DataInputStream(socket.getInputStream());
  }

  /** With an initial window of this size for what the edge sends. */
  static RawHttp2 withWindow(int port, int bytes) throws IOException {
    RawHttp2 client = new RawHttp2(new Socket(InetAddress.getLoopbackAddress(), port));
    client.begin(ByteBuffer.allocate(6).putShort((short) 4).putInt(bytes).array());
    return client;
  }

  private void begin(byte[] settings) throws IOException {
    socket.getOutputStream().write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(ISO_8859_1));
    frame(SETTINGS, 0, 0, settings);
  }

  void frame(int type, int flags, int stream, byte... payload) throws IOException {
    socket.getOutputStream().write(bytes(type, flags, stream, payload));
  }

  /** The bytes of a frame. */
  static byte[] bytes(int type, int flags, int stream, byte... payload) {
    return ByteBuffer.allocate(9 + payload.length)
        .put((byte) (payload.length >> 16))
        .putShort((short) payload.length)
        .put((byte) type)
        .put((byte) flags)
        .putInt(stream)
        .put(payload)
        .array();
  }

  void send(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
  }

  /** Names and values in turn. */
  void headers(int stream, int flags, String... fields) throws IOException {
    frame(HEADERS, flags | END_HEADERS, stream, hpack(fields));
  }

  /** Literals, none of them put into a table. */
  static byte[] hpack(String... fields) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < fields.length; i += 2) {
      out.write(0);
      text(out, fields[i]);
      text(out, fields[i + 1]);
    }
    return out.toByteArray();
  }

  private static void text(ByteArrayOutputStream out, String text) {
    byte[] bytes = text.getBytes(ISO_8859_1);
    if (bytes.length < 127) {
      out.write(bytes.length);
    } else {
      out.write(127);
      int rest = bytes.length - 127;
      while (rest >= 128) {
        out.write(rest % 128 + 128);
        rest /= 128;
      }
      out.write(rest);
    }
    out.writeBytes(bytes);
  }

  void get(int stream, String path, String... more) throws IOException {
    request(stream, END_STREAM, "GET", path, more);
  }

  void request(int stream, int flags, String method, String path, String... more)
      throws IOException {
    String[] fields = new String[8 + more.length];
    String[] pseudo = {":method", method, ":scheme", "http", ":authority", "a", ":path", path};
    System.arraycopy(pseudo, 0, fields, 0, 8);
    System.arraycopy(more, 0, fields, 8, more.length);
    headers(stream, flags, fields);
  }

  /**
   * The status of a request with a field of 3,000 bytes that is sent once, and meant again so often
   * by its place in the table.
   */
  int answerToRepeated(int stream, int again) throws IOException {
    ByteArrayOutputStream block = new ByteArrayOutputStream();
    block.writeBytes(
        hpack(
            ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/library/books/b1"));
    byte[] kept = hpack("x", "y".repeat(3_000));
    // With a place in the table, which is the first behind those that are always there.
    kept[0] = 0x40;
    block.writeBytes(kept);
    for (int i = 0; i < again; i++) {
      block.write(0x80 | 62);
    }
    frame(HEADERS, END_STREAM | END_HEADERS, stream, block.toByteArray());
    return answer(stream).status();
  }

  void data(int stream, int flags, String text) throws IOException {
    frame(DATA, flags, stream, text.getBytes(UTF_8));
  }

  void window(int stream, int bytes) throws IOException {
    frame(WINDOW_UPDATE, 0, stream, ByteBuffer.allocate(4).putInt(bytes).array());
  }

  void reset(int stream) throws IOException {
    frame(RST_STREAM, 0, stream, ByteBuffer.allocate(4).putInt(8).array());
  }

  /** The next frame; null at the end of the connection. Settings are acknowledged. */
  @Nullable Frame next() throws IOException {
    try {
      int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
      int type = in.readUnsignedByte();
      int flags = in.readUnsignedByte();
      int stream = in.readInt();
      Frame frame = new Frame(type, flags, stream, ByteString.copyFrom(in.readNBytes(length)));
      if (type == SETTINGS && flags == 0) {
        frame(SETTINGS, ACK, 0);
      }
      if (type == PING && flags == 0) {
        frame(PING, ACK, 0, frame.payload.toByteArray());
      }
      return frame;
    } catch (EOFException | SocketException e) {
      return null;
    }
  }

  /** The next frame of what has come already; null if nothing has. */
  @Nullable Frame come() throws IOException {
    return in.available() > 0 ? next() : null;
  }

  /** The next frame of this type, whatever comes before it. */
  Frame next(int type) throws IOException {
    for (Frame frame = next(); frame != null; frame = next()) {
      if (frame.type == type) {
        return frame;
      }
      if (frame.type == HEADERS) {
        decode(frame);
      }
    }
    throw new IOException("the connection ended without a frame of type " + type);
  }

  /** Why the edge ended the connection, as its last GOAWAY says. */
  int farewell() throws IOException {
    int error = -1;
    for (Frame frame = next(); frame != null; frame = next()) {
      if (frame.type == GOAWAY) {
        error = frame.error();
      }
    }
    return error;
  }

  /** The answer of this stream. Frames of others are thrown away. */
  Answer answer(int stream) throws IOException {
    Map<String, String> head = null;
    Map<String, String> trailers = Map.of();
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (Frame frame = next(); frame != null; frame = next()) {
      Map<String, String> fields = frame.type == HEADERS ? decode(frame) : Map.of();
      if (frame.stream != stream) {
        continue;
      }
      switch (frame.type) {
        case HEADERS -> {
          if (head == null) {
            head = fields;
          } else {
            trailers = fields;
          }
        }
        case DATA -> {
          body.writeBytes(frame.payload.toByteArray());
          window(0, Math.max(1, frame.payload.size()));
        }
        case RST_STREAM -> throw new IOException("reset: " + frame.error());
        default -> {}
      }
      if (frame.last() && head != null) {
        return new Answer(head, body.toString(UTF_8), trailers);
      }
    }
    throw new IOException("the connection ended without an answer to " + stream);
  }

  Map<String, String> decode(Frame frame) throws IOException {
    try {
      Http2Headers headers =
          hpack.decodeHeaders(frame.stream, Unpooled.wrappedBuffer(frame.payload.toByteArray()));
      Map<String, String> fields = new LinkedHashMap<>();
      headers.forEach(field -> fields.put(field.getKey() + "", field.getValue() + ""));
      return fields;
    } catch (Http2Exception e) {
      throw new IOException(e);
    }
  }

  /** How many fields of a header are to be kept for those that come later (RFC 7541, 6.2.1). */
  static int kept(Frame header) {
    ByteBuffer block = header.payload.asReadOnlyByteBuffer();
    int kept = 0;
    while (block.hasRemaining()) {
      int first = block.get() & 0xff;
      if ((first & 0x80) != 0) {
        var _ = number(block, first, 7); // of a table
      } else if ((first & 0xe0) == 0x20) {
        var _ = number(block, first, 5); // a size of the table
      } else {
        boolean keeps = (first & 0x40) != 0;
        kept += keeps ? 1 : 0;
        if (number(block, first, keeps ? 6 : 4) == 0) {
          skipText(block);
        }
        skipText(block);
      }
    }
    return kept;
  }

  /** An integer whose first bits are in a byte that was read (RFC 7541, 5.1). */
  private static long number(ByteBuffer block, int first, int bits) {
    long most = (1L << bits) - 1;
    long value = first & most;
    if (value < most) {
      return value;
    }
    int shift = 0;
    int next;
    do {
      next = block.get();
      value += (long) (next & 0x7f) << shift;
      shift += 7;
    } while (next < 0);
    return value;
  }

  private static void skipText(ByteBuffer block) {
    int length = (int) number(block, block.get(), 7);
    block.position(block.position() + length);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
