package dev.weft.edge;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The target of a request, taken apart and decoded once. What could mean one thing here and another
 * elsewhere is refused, never normalised: broken escapes, invalid UTF-8, control characters, dot
 * segments in any disguise.
 *
 * @param path as sent, without the query
 * @param segments the path's segments as sent
 * @param query in the order of the target, form-decoded
 */
record RequestTarget(String path, List<String> segments, List<Parameter> query) {

  static final int PARAMETERS_MAX = 100;

  private static final boolean[] IN_PATH = visibleBut("\"<>\\^`{|}[]#");
  private static final boolean[] IN_QUERY = visibleBut("\"<>\\#");

  /** A query parameter. Its value is empty when there was no {@code =}. */
  record Parameter(String name, String value) {}

  RequestTarget {
    segments = List.copyOf(segments);
    query = List.copyOf(query);
  }

  /** Throws {@link Refused} with 400 when the target is not one this edge answers. */
  static RequestTarget parse(String target) {
    int mark = target.indexOf('?');
    String path = mark < 0 ? target : target.substring(0, mark);
    if (path.isEmpty() || path.charAt(0) != '/') {
      throw malformed("the request target must begin with a slash");
    }
    checkCharacters(path, IN_PATH, "path");
    List<String> segments = split(path);
    for (String segment : segments) {
      checkDots(segment);
    }
    return new RequestTarget(
        path, segments, mark < 0 ? List.of() : query(target.substring(mark + 1)));
  }

  /** The same at another path, which is as valid. */
  RequestTarget at(String other) {
    return new RequestTarget(other, split(other), query);
  }

  private static List<String> split(String path) {
    List<String> segments = new ArrayList<>();
    int start = 1;
    for (int slash = path.indexOf('/', 1); slash >= 0; slash = path.indexOf('/', start)) {
      segments.add(path.substring(start, slash));
      start = slash + 1;
    }
    segments.add(path.substring(start));
    return segments;
  }

  /** Decodes every escape of one segment. */
  static String decode(String segment) {
    return decode(segment, false, false);
  }

  /** Decodes every escape but those of a slash, which stay as they are written. */
  static String decodeKeepingSlashes(String segment) {
    return decode(segment, true, false);
  }

  /** Decodes a name or value of a query. */
  static String decodeForm(String text) {
    return decode(text, false, true);
  }

  private static List<Parameter> query(String query) {
    checkCharacters(query, IN_QUERY, "query");
    List<Parameter> parameters = new ArrayList<>();
    int start = 0;
    while (start <= query.length()) {
      int end = query.indexOf('&', start);
      if (end < 0) {
        end = query.length();
      }
      if (end > start) {
        if (parameters.size() == PARAMETERS_MAX) {
          throw malformed("more than " + PARAMETERS_MAX + " query parameters");
        }
        String part = query.substring(start, end);
        int equals = part.indexOf('=');
        parameters.add(
            equals < 0
                ? new Parameter(decodeForm(part), "")
                : new Parameter(
                    decodeForm(part.substring(0, equals)), decodeForm(part.substring(equals + 1))));
      }
      start = end + 1;
    }
    return parameters;
  }

  private static void checkCharacters(String text, boolean[] allowed, String where) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= allowed.length || !allowed[c]) {
        throw malformed("the " + where + " holds a character that must be percent-encoded");
      }
    }
  }

  /** By character, whether it is visible ASCII and none of these. */
  private static boolean[] visibleBut(String forbidden) {
    boolean[] allowed = new boolean[0x7f];
    for (char c = ' ' + 1; c < allowed.length; c++) {
      allowed[c] = forbidden.indexOf(c) < 0;
    }
    return allowed;
  }

  /**
   * Refuses what some server on the way could take for a step up: {@code .} and {@code ..}, plain
   * or encoded once or twice, also beside an encoded slash or backslash or before a matrix
   * parameter.
   */
  private static void checkDots(String segment) {
    String once = decode(segment, false, false);
    if (once.indexOf('.') < 0 && once.indexOf('%') < 0) {
      return;
    }
    String twice =
        once.replaceAll("(?i)%2e", ".").replaceAll("(?i)%2f", "/").replaceAll("(?i)%5c", "/");
    for (String part : twice.split("[/\\\\]", -1)) {
      int semicolon = part.indexOf(';');
      String name = semicolon < 0 ? part : part.substring(0, semicolon);
      if (name.equals(".") || name.equals("..")) {
        throw malformed("the path holds a dot segment");
      }
    }
  }

  private static String decode(String text, boolean keepSlashes, boolean form) {
    boolean plain = text.indexOf('%') < 0;
    if (plain) {
      return form ? text.replace('+', ' ') : text;
    }
    byte[] bytes = new byte[text.length()];
    int length = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != '%') {
        bytes[length++] = (byte) (form && c == '+' ? ' ' : c);
        continue;
      }
      int high = i + 2 < text.length() ? Character.digit(text.charAt(i + 1), 16) : -1;
      int low = high < 0 ? -1 : Character.digit(text.charAt(i + 2), 16);
      if (low < 0) {
        throw malformed("a percent-encoding is broken");
      }
      int octet = high << 4 | low;
      if (octet < ' ' || octet == 0x7f) {
        throw malformed("a control character is encoded in the target");
      }
      if (keepSlashes && octet == '/') {
        bytes[length++] = '%';
        bytes[length++] = (byte) text.charAt(i + 1);
        bytes[length++] = (byte) text.charAt(i + 2);
      } else {
        bytes[length++] = (byte) octet;
      }
      i += 2;
    }
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes, 0, length))
          .toString();
    } catch (CharacterCodingException e) {
      throw malformed("a percent-encoding is not UTF-8");
    }
  }

  private static Refused malformed(String detail) {
    return Refused.badRequest("MALFORMED_TARGET", detail);
  }
}
