package dev.weft.mesh;

import java.util.regex.Pattern;

/**
 * Takes secrets of known shape out of log lines: tokens, and passwords inside URLs. A second line
 * of defence for texts that others wrote, such as a driver's exception; our own code never logs
 * them.
 */
final class Secrets {
  private static final Pattern TOKEN =
      Pattern.compile("eyJ[A-Za-z0-9_-]{8,}(\\.[A-Za-z0-9_-]*){1,4}");
  private static final Pattern URL_PASSWORD =
      Pattern.compile("(://[^:/@\\s]{1,256}:)[^@\\s]{1,256}@");

  private Secrets() {}

  static String masked(String text) {
    String masked = text;
    if (masked.contains("eyJ")) {
      masked = TOKEN.matcher(masked).replaceAll("***");
    }
    if (masked.contains("://")) {
      masked = URL_PASSWORD.matcher(masked).replaceAll("$1***@");
    }
    return masked;
  }
}
