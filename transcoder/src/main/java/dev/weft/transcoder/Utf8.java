package dev.weft.transcoder;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** What is UTF-8 and what is not: no overlong form, no surrogate, nothing past U+10FFFF. */
final class Utf8 {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long HIGHS = 0x8080_8080_8080_8080L;

  private Utf8() {}

  static boolean isValid(byte[] text) {
    int end = text.length;
    int i = 0;
    while (i < end) {
      while (i <= end - 8 && ((long) LONG.get(text, i) & HIGHS) == 0) {
        i += 8;
      }
      while (i < end && text[i] >= 0) {
        i++;
        if ((i & 7) == 0) {
          break;
        }
      }
      if (i < end && text[i] < 0) {
        i = next(text, i, end);
        if (i < 0) {
          return false;
        }
      }
    }
    return true;
  }

  /** Where the character of several bytes ends that begins here; -1 when none does. */
  static int next(byte[] text, int start, int end) {
    int first = text[start] & 0xff;
    if (first < 0xc2 || first > 0xf4) {
      return -1;
    }
    int more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (start + more >= end) {
      return -1;
    }
    int second = text[start + 1] & 0xff;
    int least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    int most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) {
      return -1;
    }
    for (int i = 2; i <= more; i++) {
      if ((text[start + i] & 0xc0) != 0x80) {
        return -1;
      }
    }
    return start + more + 1;
  }
}
