package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** JSON text in UTF-8 as it is written. Knows values, and nothing of where one may stand. */
final class JsonBytes {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final byte[] TRUE = {'t', 'r', 'u', 'e'};
  private static final byte[] FALSE = {'f', 'a', 'l', 's', 'e'};
  private static final byte[] NULL = {'n', 'u', 'l', 'l'};
  private static final byte[] HEX = "0123456789ABCDEF".getBytes(UTF_8);
  private static final byte[] BASE64 =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".getBytes(UTF_8);
  private static final int DIGITS_MAX = 20;
  private static final int LONG_DIGITS = 19;

  /** Two digits each, from 00 to 99. */
  private static final short[] PAIRS = pairs();

  /** Thousandths up to ten millions: from there on a double is printed with an exponent. */
  private static final long SHORT_MAX = 10_000_000_000L;

  private static final int WORD = Long.BYTES;
  private static final long ONES = 0x0101_0101_0101_0101L;
  private static final long SPACES = 0x2020_2020_2020_2020L;
  private static final long HIGHS = 0x8080_8080_8080_8080L;

  private byte[] bytes;
  private int size;

  JsonBytes(int capacity) {
    this(new byte[capacity]);
  }

  /**
   * @param room to begin in, with anything in it
   */
  JsonBytes(byte[] room) {
    bytes = room;
  }

  /** Where it was written, for the next one to begin in. */
  byte[] room() {
    return bytes;
  }

  private static short[] pairs() {
    short[] pairs = new short[100];
    for (int i = 0; i < pairs.length; i++) {
      pairs[i] = (short) (('0' + i / 10) | (('0' + i % 10) << 8));
    }
    return pairs;
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

  /** What was written at this place. */
  int at(int place) {
    return bytes[place];
  }

  void octet(int c) {
    room(1);
    bytes[size++] = (byte) c;
  }

  void raw(byte[] text) {
    room(text.length);
    System.arraycopy(text, 0, bytes, size, text.length);
    size += text.length;
  }

  /**
   * A member's label; of the first member without its comma. By words: mostly there are two, and
   * copying those costs less than a call that copies.
   */
  void label(Label label, boolean first) {
    int start = first ? 1 : 0;
    int length = label.length - start;
    room(length + WORD);
    byte[] to = bytes;
    for (int i = 0; i < length; i += WORD) {
      LONG.set(to, size + i, (long) LONG.get(label.padded, start + i));
    }
    size += length;
  }

  @SuppressWarnings("deprecation") // Of ASCII the low bytes are all there is.
  void ascii(String text) {
    int length = text.length();
    room(length);
    text.getBytes(0, length, bytes, size);
    size += length;
  }

  void nothing() {
    raw(NULL);
  }

  void bool(boolean value) {
    raw(value ? TRUE : FALSE);
  }

  void number(long value) {
    room(DIGITS_MAX);
    if (value < 0) {
      if (value == Long.MIN_VALUE) {
        ascii("-9223372036854775808");
        return;
      }
      bytes[size++] = '-';
      digits(-value);
    } else {
      digits(value);
    }
  }

  void quotedNumber(long value) {
    octet('"');
    number(value);
    octet('"');
  }

  void quotedUnsigned(long value) {
    if (value >= 0) {
      quotedNumber(value);
    } else {
      ascii('"' + Long.toUnsignedString(value) + '"');
    }
  }

  void real(double value) {
    if (!shortReal(value)) {
      ascii(real(value, Double.isFinite(value)));
    }
  }

  private static String real(double value, boolean finite) {
    return finite ? Double.toString(value) : '"' + Double.toString(value) + '"';
  }

  /**
   * Prints a number that is a few thousandths. As many digits as this has are one double's only, so
   * they are what {@link Double#toString} would find.
   */
  private boolean shortReal(double value) {
    long whole = (long) Math.rint(value * 1_000);
    if (whole == 0 || Math.abs(whole) >= SHORT_MAX || whole / 1_000.0 != value) {
      return false;
    }
    room(DIGITS_MAX);
    if (whole < 0) {
      bytes[size++] = '-';
      whole = -whole;
    }
    digits(whole / 1_000);
    int rest = (int) (whole % 1_000);
    bytes[size++] = '.';
    padded(rest, 3);
    for (int most = 2; most > 0 && bytes[size - 1] == '0'; most--) {
      size--;
    }
    return true;
  }

  void real(float value) {
    ascii(Float.isFinite(value) ? Float.toString(value) : '"' + Float.toString(value) + '"');
  }

  /** Digits with zeros in front, as many as there is width. */
  void padded(int value, int width) {
    room(width);
    int at = size + width;
    int rest = value;
    for (; at - size >= 2; at -= 2) {
      int hundreds = rest / 100;
      SHORT.set(bytes, at - 2, PAIRS[rest - hundreds * 100]);
      rest = hundreds;
    }
    if (at > size) {
      bytes[size] = (byte) ('0' + rest);
    }
    size += width;
  }

  /** Base64 with padding, in quotes. */
  void base64(byte[] from, int start, int length) {
    room((length + 2) / 3 * 4 + 2);
    byte[] to = bytes;
    int at = size;
    to[at++] = '"';
    int i = start;
    int whole = start + length / 3 * 3;
    for (; i < whole; i += 3) {
      int three = (from[i] & 0xff) << 16 | (from[i + 1] & 0xff) << 8 | (from[i + 2] & 0xff);
      to[at++] = BASE64[three >> 18];
      to[at++] = BASE64[three >> 12 & 63];
      to[at++] = BASE64[three >> 6 & 63];
      to[at++] = BASE64[three & 63];
    }
    int left = start + length - i;
    if (left > 0) {
      int last = (from[i] & 0xff) << 16 | (left > 1 ? (from[i + 1] & 0xff) << 8 : 0);
      to[at++] = BASE64[last >> 18];
      to[at++] = BASE64[last >> 12 & 63];
      to[at++] = left > 1 ? BASE64[last >> 6 & 63] : (byte) '=';
      to[at++] = '=';
    }
    to[at++] = '"';
    size = at;
  }

  /**
   * Text in quotes, of its UTF-8.
   *
   * @param strict whether what is not UTF-8 is refused; else it becomes U+FFFD
   */
  void text(byte[] from, int start, int length, boolean strict) {
    room(length + 2 + WORD);
    int end = start + length;
    bytes[size++] = '"';
    int i = plain(from, start, end);
    int run = i;
    while (i < end) {
      i = plainUntil(from, i, end);
      if (i == end) {
        break;
      }
      byte c = from[i];
      if (c < 0) {
        int next = Utf8.next(from, i, end);
        if (next < 0) {
          if (strict) {
            throw BadMessage.wire("text that is not UTF-8");
          }
          copy(from, run, i);
          octets(0xef, 0xbf, 0xbd);
          run = ++i;
        } else {
          i = next;
        }
      } else {
        copy(from, run, i);
        escape(c);
        run = ++i;
      }
    }
    copy(from, run, end);
    octet('"');
  }

  /** Copies text up to what is not printed as it is. Room was made. Returns where that is. */
  private int plain(byte[] from, int start, int end) {
    byte[] to = bytes;
    int at = size;
    int i = start;
    for (; i <= end - WORD; i += WORD) {
      long word = (long) LONG.get(from, i);
      if (isSpecial(word)) {
        break;
      }
      LONG.set(to, at, word);
      at += WORD;
    }
    int rest = end - i;
    if (rest > 0 && rest < WORD && i <= from.length - WORD) {
      // The last word reaches over the end of the text; what is behind it is overwritten.
      long word = (long) LONG.get(from, i);
      long text = -1L >>> ((WORD - rest) * Byte.SIZE);
      if (!isSpecial((word & text) | (SPACES & ~text))) {
        LONG.set(to, at, word);
        size = at + rest;
        return end;
      }
    }
    for (; i < end; i++) {
      byte c = from[i];
      if (c < 0x20 || c == '"' || c == '\\') {
        break;
      }
      to[at++] = c;
    }
    size = at;
    return i;
  }

  /** Whether one of eight bytes is not printed as it is. */
  private static boolean isSpecial(long word) {
    long quote = word ^ ONES * '"';
    long backslash = word ^ ONES * '\\';
    long special =
        word | (word - ONES * 0x20) | ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash);
    return (special & HIGHS) != 0;
  }

  /** The first place from here on that is not printed as it is: eight at a time, then singly. */
  private static int plainUntil(byte[] from, int start, int end) {
    int i = start;
    while (i <= end - 8 && !isSpecial((long) LONG.get(from, i))) {
      i += 8;
    }
    while (i < end && from[i] >= 0x20 && from[i] != '"' && from[i] != '\\') {
      i++;
    }
    return i;
  }

  private void escape(byte c) {
    room(6);
    bytes[size++] = '\\';
    switch (c) {
      case '"', '\\' -> bytes[size++] = c;
      case '\n' -> bytes[size++] = 'n';
      case '\r' -> bytes[size++] = 'r';
      case '\t' -> bytes[size++] = 't';
      case '\b' -> bytes[size++] = 'b';
      case '\f' -> bytes[size++] = 'f';
      default -> {
        bytes[size++] = 'u';
        bytes[size++] = '0';
        bytes[size++] = '0';
        bytes[size++] = HEX[c >> 4];
        bytes[size++] = HEX[c & 15];
      }
    }
  }

  private void octets(int a, int b, int c) {
    octet(a);
    octet(b);
    octet(c);
  }

  private void copy(byte[] from, int start, int end) {
    int length = end - start;
    room(length);
    System.arraycopy(from, start, bytes, size, length);
    size += length;
  }

  /** Room was made. */
  private void digits(long value) {
    int count = 1;
    for (long more = 10; count < LONG_DIGITS && value >= more; more *= 10) {
      count++;
    }
    size += count;
    int at = size;
    long rest = value;
    while (rest >= 10) {
      long hundreds = rest / 100;
      at -= 2;
      SHORT.set(bytes, at, PAIRS[(int) (rest - hundreds * 100)]);
      rest = hundreds;
    }
    if (at > size - count) {
      bytes[at - 1] = (byte) ('0' + rest);
    }
  }

  private void room(int more) {
    if (bytes.length - size < more) {
      bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, size + more));
    }
  }
}
