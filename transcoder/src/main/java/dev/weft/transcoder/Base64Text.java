package dev.weft.transcoder;

import java.util.Arrays;

/** Bytes from base64, in either alphabet, with padding or without. */
final class Base64Text {
  private static final byte[] VALUES = new byte[128];

  static {
    Arrays.fill(VALUES, (byte) -1);
    String alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < alphabet.length(); i++) {
      VALUES[alphabet.charAt(i)] = (byte) i;
    }
    VALUES['-'] = 62;
    VALUES['_'] = 63;
  }

  private Base64Text() {}

  /**
   * Writes the bytes, without a length.
   *
   * @throws IllegalArgumentException if it is not base64
   */
  static void decode(char[] text, int start, int length, WireBytes out) {
    int end = start + length;
    int padding = 0;
    while (padding < 2 && end > start && text[end - 1] == '=') {
      end--;
      padding++;
    }
    int left = (end - start) % 4;
    if (left == 1 || (padding > 0 && left + padding != 4)) {
      throw wrong();
    }
    int i = start;
    for (; i + 4 <= end; i += 4) {
      int four =
          value(text[i]) << 18
              | value(text[i + 1]) << 12
              | value(text[i + 2]) << 6
              | value(text[i + 3]);
      out.octet(four >> 16);
      out.octet(four >> 8);
      out.octet(four);
    }
    if (left >= 2) {
      int some = value(text[i]) << 18 | value(text[i + 1]) << 12;
      out.octet(some >> 16);
      if (left == 3) {
        some |= value(text[i + 2]) << 6;
        out.octet(some >> 8);
      }
    }
  }

  private static int value(char c) {
    int value = c < 128 ? VALUES[c] : -1;
    if (value < 0) {
      throw wrong();
    }
    return value;
  }

  private static IllegalArgumentException wrong() {
    return Scalars.expected("bytes in base64");
  }
}
