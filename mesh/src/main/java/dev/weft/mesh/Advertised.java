package dev.weft.mesh;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where others reach a process.
 *
 * @param host a name or an address; IPv6 without brackets
 * @param port 0 if it is the one that the process listens on
 */
record Advertised(String host, int port) {
  private static final Pattern FORM =
      Pattern.compile(
          "(?:\\[(?<six>[0-9A-Fa-f:.%]+)]|(?<host>[^:\\[\\]]+))(?::(?<port>[0-9]{1,5}))?");
  private static final Pattern BARE_IPV6 =
      Pattern.compile("[0-9A-Fa-f.%]*:[0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*");
  private static final int PORT_MAX = 65_535;

  /** Reads {@code HOST}, {@code HOST:PORT}, {@code [IPV6]:PORT} or an IPv6 address. */
  static Advertised of(String text) {
    if (BARE_IPV6.matcher(text).matches()) {
      return new Advertised(text, 0);
    }
    Matcher form = FORM.matcher(text);
    if (!form.matches()) {
      throw new IllegalArgumentException("HOST or HOST:PORT");
    }
    String six = form.group("six");
    String digits = form.group("port");
    int port = digits == null ? 0 : Integer.parseInt(digits);
    if (digits != null && (port < 1 || port > PORT_MAX)) {
      throw new IllegalArgumentException("HOST or HOST:PORT, a port from 1 to " + PORT_MAX);
    }
    return new Advertised(six == null ? form.group("host") : six, port);
  }

  int portOr(int bound) {
    return port == 0 ? bound : port;
  }

  @Override
  public String toString() {
    String shown = host.contains(":") && port > 0 ? "[" + host + "]" : host;
    return port == 0 ? shown : shown + ":" + port;
  }
}
