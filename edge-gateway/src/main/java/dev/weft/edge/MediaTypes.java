package dev.weft.edge;

import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** What bodies say they are (RFC 9110, 8.3.1). */
final class MediaTypes {
  private static final String TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127}";
  private static final Pattern TYPE = Pattern.compile(TOKEN + "/" + TOKEN + "( *;[ !-~]{0,500})?");

  private MediaTypes() {}

  /** Whether headers say that a body is of this type and, if they say it, in UTF-8. */
  static boolean isText(List<String> contentTypes, String type) {
    if (contentTypes.size() != 1) {
      return false;
    }
    String[] parts = contentTypes.getFirst().toLowerCase(Locale.ROOT).split(";", -1);
    if (!parts[0].strip().equals(type)) {
      return false;
    }
    for (int i = 1; i < parts.length; i++) {
      String parameter = parts[i].strip().replace("\"", "");
      if (parameter.startsWith("charset=") && !parameter.equals("charset=utf-8")) {
        return false;
      }
    }
    return true;
  }

  static boolean isOne(String text) {
    return TYPE.matcher(text).matches();
  }

  /** What a service says of a body; of bytes that nobody knows, if it is nothing of the kind. */
  static String said(String text) {
    return isOne(text) ? text : "application/octet-stream";
  }
}
