package dev.weft.edge;

import java.util.regex.Pattern;

/** What bodies say they are (RFC 9110, 8.3.1). */
final class MediaTypes {
  private static final String TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127}";
  private static final Pattern TYPE = Pattern.compile(TOKEN + "/" + TOKEN + "( *;[ !-~]{0,500})?");

  private MediaTypes() {}

  static boolean isOne(String text) {
    return TYPE.matcher(text).matches();
  }

  /** What a service says of a body; of bytes that nobody knows, if it is nothing of the kind. */
  static String said(String text) {
    return isOne(text) ? text : "application/octet-stream";
  }
}
