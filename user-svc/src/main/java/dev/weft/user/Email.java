package dev.weft.user;

import java.net.IDN;
import java.text.Normalizer;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * An e-mail address, and the form by which it is the same as another one.
 *
 * <p>Two addresses are the same when they agree after Unicode compatibility normalisation (NFKC)
 * without regard to case, the domain in its ASCII form (IDNA). Dots and {@code +tags} before the at
 * sign count: what they mean is up to each mail provider.
 *
 * @param address as it was written, without blanks around it
 * @param key the form that is compared
 */
record Email(String address, String key) {
  private static final int LOCAL_MAX = 64;
  private static final int KEY_MAX = 320;

  /** Dot-separated runs of anything but white space, controls and what a mail header splits at. */
  private static final Pattern LOCAL =
      Pattern.compile(
          "[^\\s\\p{C}\\p{Z}\"(),:;<>@\\[\\]\\\\.]+(\\.[^\\s\\p{C}\\p{Z}\"(),:;<>@\\[\\]\\\\.]+)*");

  /** At least two labels of letters, digits and inner hyphens; the last is not a number. */
  private static final Pattern DOMAIN =
      Pattern.compile(
          "([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+(?!\\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");

  /** Reads an address; empty if it is none. */
  static Optional<Email> parse(String text) {
    String address = text.strip();
    String compatible = Normalizer.normalize(address, Normalizer.Form.NFKC);
    int at = compatible.lastIndexOf('@');
    if (at < 1) {
      return Optional.empty();
    }
    String local = folded(compatible.substring(0, at));
    String domain = ascii(compatible.substring(at + 1));
    String key = local + '@' + domain;
    if (local.codePointCount(0, local.length()) > LOCAL_MAX
        || key.length() > KEY_MAX
        || !LOCAL.matcher(local).matches()
        || !DOMAIN.matcher(domain).matches()) {
      return Optional.empty();
    }
    return Optional.of(new Email(address, key));
  }

  /** Upper case first: it unites letters that lower case leaves apart, such as ß and ss. */
  private static String folded(String text) {
    return Normalizer.normalize(
        text.toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT), Normalizer.Form.NFKC);
  }

  private static String ascii(String domain) {
    // Most domains are ASCII already, and IDN's tables take time to load.
    if (domain.chars().allMatch(c -> c < 0x80)) {
      return domain.toLowerCase(Locale.ROOT);
    }
    try {
      return IDN.toASCII(domain, IDN.USE_STD3_ASCII_RULES).toLowerCase(Locale.ROOT);
    } catch (IllegalArgumentException e) {
      return "";
    }
  }

  /** Without the address: it is personal data, and this may end in a log. */
  @Override
  public String toString() {
    return "Email[…]";
  }
}
