package dev.weft.edge;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** The time as HTTP writes it, formatted once a second. */
final class HttpDate {
  private static final DateTimeFormatter FORMAT =
      DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH)
          .withZone(ZoneOffset.UTC);

  private record Second(long second, String text) {}

  private static volatile Second last = new Second(0, "");

  private HttpDate() {}

  static String now() {
    Second known = last;
    Instant now = Instant.now();
    if (known.second != now.getEpochSecond()) {
      known = new Second(now.getEpochSecond(), FORMAT.format(now));
      last = known;
    }
    return known.text;
  }
}
