package dev.weft.transcoder;

import com.google.protobuf.WireFormat;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Protobuf wire bytes as they are read: a place in them, and an end that nothing may reach over.
 * Bytes that are no message are a {@link BadMessage}.
 */
final class WireInput {
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int GROUP_DEPTH_MAX = 100;

  final byte[] bytes;
  int at;
  int end;

  WireInput(byte[] bytes, int at, int end) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  boolean more() {
    return at < end;
  }

  long varint() {
    if (at < end) {
      byte first = bytes[at++];
      return first >= 0 ? first : longer(first);
    }
    throw truncated();
  }

  private long longer(byte first) {
    long value = first & 0x7f;
    for (int shift = 7; shift < Long.SIZE; shift += 7) {
      if (at == end) {
        throw truncated();
      }
      byte next = bytes[at++];
      value |= (long) (next & 0x7f) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw BadMessage.wire("a number of more than ten bytes");
  }

  int tag() {
    int tag = (int) varint();
    if (tag >>> 3 == 0) {
      throw BadMessage.wire("a tag without a field");
    }
    return tag;
  }

  /** A length, and so many bytes follow. */
  int length() {
    long length = varint();
    if (length < 0 || length > end - at) {
      throw truncated();
    }
    return (int) length;
  }

  int fixed32() {
    need(4);
    at += 4;
    return (int) INT.get(bytes, at - 4);
  }

  long fixed64() {
    need(8);
    at += 8;
    return (long) LONG.get(bytes, at - 8);
  }

  /** Moves behind the value that belongs to a tag. */
  void skip(int tag) {
    skip(tag, 0);
  }

  private void skip(int tag, int depth) {
    switch (WireFormat.getTagWireType(tag)) {
      case WireFormat.WIRETYPE_VARINT -> varint();
      case WireFormat.WIRETYPE_FIXED64 -> move(8);
      case WireFormat.WIRETYPE_FIXED32 -> move(4);
      case WireFormat.WIRETYPE_LENGTH_DELIMITED -> move(length());
      case WireFormat.WIRETYPE_START_GROUP -> skipGroup(tag, depth);
      default -> throw BadMessage.wire("the end of a group that did not begin, or no wire type");
    }
  }

  private void skipGroup(int start, int depth) {
    if (depth == GROUP_DEPTH_MAX) {
      throw BadMessage.wire("groups nested too deep");
    }
    int last = endOf(start);
    for (int tag = tag(); tag != last; tag = tag()) {
      skip(tag, depth + 1);
    }
  }

  /** The tag that ends the group which this one begins. */
  static int endOf(int start) {
    return (start & ~7) | WireFormat.WIRETYPE_END_GROUP;
  }

  private void move(int count) {
    need(count);
    at += count;
  }

  private void need(int count) {
    if (end - at < count) {
      throw truncated();
    }
  }

  private static BadMessage truncated() {
    return BadMessage.wire("it ends too early");
  }
}
