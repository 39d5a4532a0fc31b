package dev.weft.transcoder;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Protobuf wire bytes as they are written. What has a length is begun by {@link #open} and ended by
 * {@link #close}, which puts the length before it.
 */
final class WireBytes {
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int VARINT_MAX = 10;

  private byte[] bytes;
  private int size;

  WireBytes(int capacity) {
    bytes = new byte[capacity];
  }

  int size() {
    return size;
  }

  /** Forgets everything from here on. */
  void truncate(int newSize) {
    size = newSize;
  }

  byte[] toByteArray() {
    return Arrays.copyOf(bytes, size);
  }

  /** What was written, to be read while nothing is. */
  byte[] array() {
    return bytes;
  }

  void varint(long value) {
    room(VARINT_MAX);
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      bytes[size++] = (byte) (rest | 0x80);
      rest >>>= 7;
    }
    bytes[size++] = (byte) rest;
  }

  void fixed32(int value) {
    room(4);
    INT.set(bytes, size, value);
    size += 4;
  }

  void fixed64(long value) {
    room(8);
    LONG.set(bytes, size, value);
    size += 8;
  }

  void octet(int value) {
    room(1);
    bytes[size++] = (byte) value;
  }

  void raw(byte[] from, int start, int length) {
    room(length);
    System.arraycopy(from, start, bytes, size, length);
    size += length;
  }

  /** A value of this type, of the bits that {@link Scalars} makes of it. */
  void scalar(FieldPlan field, long bits) {
    switch (field.type) {
      case INT32, INT64, UINT32, UINT64, BOOL, ENUM -> varint(bits);
      case SINT32, SINT64 -> varint(bits << 1 ^ bits >> 63);
      case FIXED32, SFIXED32, FLOAT -> fixed32((int) bits);
      case FIXED64, SFIXED64, DOUBLE -> fixed64(bits);
      case STRING, BYTES, MESSAGE, GROUP -> throw new IllegalStateException(field.name);
    }
  }

  /** Begins what has a length. Returns what {@link #close} wants to know. */
  int open() {
    room(1);
    return ++size;
  }

  /** Puts the length before what was written since. One byte was left for it. */
  void close(int start) {
    int length = size - start;
    int more = varintSize(length) - 1;
    if (more > 0) {
      room(more);
      System.arraycopy(bytes, start, bytes, start + more, length);
    }
    size = start - 1;
    varint(length);
    size += length;
  }

  /**
   * Text with its length before it.
   *
   * @return whether it was text: half of a surrogate pair is none
   */
  boolean text(char[] from, int start, int length) {
    int most = 3 * length;
    room(most + VARINT_MAX);
    int reserved = varintSize(length);
    int begin = size + reserved;
    byte[] to = bytes;
    int at = begin;
    int i = start;
    int end = start + length;
    while (i < end && from[i] < 0x80) {
      to[at++] = (byte) from[i++];
    }
    while (i < end) {
      char c = from[i++];
      if (c < 0x80) {
        to[at++] = (byte) c;
      } else if (c < 0x800) {
        to[at++] = (byte) (0xc0 | (c >> 6));
        to[at++] = (byte) (0x80 | (c & 0x3f));
      } else if (!Character.isSurrogate(c)) {
        to[at++] = (byte) (0xe0 | (c >> 12));
        to[at++] = (byte) (0x80 | ((c >> 6) & 0x3f));
        to[at++] = (byte) (0x80 | (c & 0x3f));
      } else {
        if (Character.isLowSurrogate(c) || i == end || !Character.isLowSurrogate(from[i])) {
          return false;
        }
        int point = Character.toCodePoint(c, from[i++]);
        to[at++] = (byte) (0xf0 | (point >> 18));
        to[at++] = (byte) (0x80 | ((point >> 12) & 0x3f));
        to[at++] = (byte) (0x80 | ((point >> 6) & 0x3f));
        to[at++] = (byte) (0x80 | (point & 0x3f));
      }
    }
    int written = at - begin;
    int needed = varintSize(written);
    if (needed != reserved) {
      System.arraycopy(to, begin, to, size + needed, written);
    }
    varint(written);
    size += written;
    return true;
  }

  boolean text(String text) {
    return text(text.toCharArray(), 0, text.length());
  }

  static int varintSize(int value) {
    return value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : value < 1 << 28 ? 4 : 5;
  }

  private void room(int more) {
    if (bytes.length - size < more) {
      bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, size + more));
    }
  }
}
