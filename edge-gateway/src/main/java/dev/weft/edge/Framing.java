package dev.weft.edge;

import io.grpc.Status;
import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Messages as gRPC, gRPC-Web and the streams of Connect frame them: a byte of flags, four of
 * length, and the bytes. Reads those of one request, however they come in pieces; never keeps more
 * than one that is not whole.
 */
final class Framing {
  /** The flag of a message that is compressed. */
  static final int COMPRESSED = 1;

  private static final int PREFIX_BYTES = 5;
  private static final int ROOM_AT_FIRST = 8 * 1024;

  private final int bytesMax;
  private final Optional<ContentCoding> coding;
  private final byte[] prefix = new byte[PREFIX_BYTES];
  private int prefixRead;
  private byte[] message = {};
  private int read;

  /**
   * @param bytesMax of one message, also after it was decompressed
   * @param encodings what a header says that messages may be compressed with
   * @throws Refused if that is nothing we know
   */
  Framing(int bytesMax, List<String> encodings) {
    this.bytesMax = bytesMax;
    this.coding = coding(encodings);
  }

  /** How messages are compressed; throws {@link Refused} if in a way that we do not know. */
  static Optional<ContentCoding> coding(List<String> encodings) {
    if (encodings.isEmpty() || encodings.equals(List.of("identity"))) {
      return Optional.empty();
    }
    Optional<ContentCoding> coding =
        encodings.size() == 1 ? ContentCoding.named(encodings.getFirst()) : Optional.empty();
    if (coding.isEmpty()) {
      throw new Refused(Problems.encodingUnknown());
    }
    return coding;
  }

  /** Takes a part of the body, and hands over the messages that are whole with it. */
  void read(ByteBuf part, Consumer<byte[]> messages) {
    while (part.isReadable()) {
      if (prefixRead < PREFIX_BYTES) {
        int some = Math.min(PREFIX_BYTES - prefixRead, part.readableBytes());
        part.readBytes(prefix, prefixRead, some);
        prefixRead += some;
        if (prefixRead == PREFIX_BYTES) {
          begin();
        }
      }
      if (prefixRead == PREFIX_BYTES) {
        take(part);
        if (read == length()) {
          messages.accept(whole());
        }
      }
    }
  }

  /** The body has ended. Throws {@link Refused} if that was in the middle of a message. */
  void end() {
    if (prefixRead > 0) {
      throw malformed("the body ends in the middle of a message");
    }
  }

  /** A message that is not compressed, or something else that is told by its flags. */
  static byte[] frame(int flags, byte[] bytes) {
    byte[] framed = new byte[PREFIX_BYTES + bytes.length];
    framed[0] = (byte) flags;
    framed[1] = (byte) (bytes.length >>> 24);
    framed[2] = (byte) (bytes.length >>> 16);
    framed[3] = (byte) (bytes.length >>> 8);
    framed[4] = (byte) bytes.length;
    System.arraycopy(bytes, 0, framed, PREFIX_BYTES, bytes.length);
    return framed;
  }

  private int length() {
    return (prefix[1] & 0xff) << 24
        | (prefix[2] & 0xff) << 16
        | (prefix[3] & 0xff) << 8
        | (prefix[4] & 0xff);
  }

  private void begin() {
    if ((prefix[0] & ~COMPRESSED) != 0) {
      throw malformed("a message has flags that a request cannot have");
    }
    if (prefix[0] == COMPRESSED && coding.isEmpty()) {
      throw malformed("a message is compressed and no header says how");
    }
    if (length() < 0 || length() > bytesMax) {
      throw new Refused(Problems.messageTooLong(bytesMax));
    }
    // What is announced may never come: room grows with what is there.
    message = new byte[Math.min(length(), ROOM_AT_FIRST)];
    read = 0;
  }

  private void take(ByteBuf part) {
    int some = Math.min(length() - read, part.readableBytes());
    if (read + some > message.length) {
      message = Arrays.copyOf(message, Math.min(length(), Math.max(read + some, 2 * read)));
    }
    part.readBytes(message, read, some);
    read += some;
  }

  private byte[] whole() {
    byte[] bytes = message;
    message = new byte[0];
    prefixRead = 0;
    return prefix[0] == COMPRESSED ? coding.orElseThrow().decode(bytes, bytesMax) : bytes;
  }

  private static Refused malformed(String what) {
    return new Refused(Problem.of(400, Status.Code.INVALID_ARGUMENT, "MALFORMED_MESSAGE", what));
  }
}
