package dev.weft.mesh;

/**
 * Writes strings as JSON that is safe on a terminal and in a log file: besides what JSON demands,
 * every control character and line separator is escaped, so that one value can neither start a new
 * line nor send an escape sequence.
 */
final class JsonText {
  private static final char[] HEX = "0123456789abcdef".toCharArray();

  private JsonText() {}

  /** Appends {@code value} with quotes around it. */
  static void quote(StringBuilder out, CharSequence value) {
    out.append('"');
    escape(out, value);
    out.append('"');
  }

  /** Appends {@code "name":"value"}. */
  static void field(StringBuilder out, String name, CharSequence value) {
    out.append('"');
    escape(out, name);
    out.append("\":\"");
    escape(out, value);
    out.append('"');
  }

  private static void escape(StringBuilder out, CharSequence value) {
    int plain = 0;
    while (plain < value.length() && isPlain(value.charAt(plain))) {
      plain++;
    }
    // Nearly always that is all of it.
    out.append(value, 0, plain);
    for (int i = plain; i < value.length(); i++) {
      char c = value.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (unprintable(c) || loneSurrogate(value, i)) {
            out.append("\\u")
                .append(HEX[c >> 12])
                .append(HEX[(c >> 8) & 15])
                .append(HEX[(c >> 4) & 15])
                .append(HEX[c & 15]);
          } else {
            out.append(c);
          }
        }
      }
    }
  }

  private static boolean isPlain(char c) {
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
  }

  /**
   * Controls of both ASCII and Latin-1, line separators, and what reverses the direction of text.
   */
  static boolean unprintable(char c) {
    return c < ' '
        || (c >= 0x7f && c <= 0x9f)
        || (c >= 0x2028 && c <= 0x202e)
        || (c >= 0x2066 && c <= 0x2069);
  }

  private static boolean loneSurrogate(CharSequence value, int i) {
    char c = value.charAt(i);
    if (Character.isHighSurrogate(c)) {
      return i + 1 == value.length() || !Character.isLowSurrogate(value.charAt(i + 1));
    }
    return Character.isLowSurrogate(c)
        && (i == 0 || !Character.isHighSurrogate(value.charAt(i - 1)));
  }
}
