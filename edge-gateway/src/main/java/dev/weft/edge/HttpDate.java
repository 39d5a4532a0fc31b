package dev.weft.edge;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Times as HTTP writes them; that of now is formatted once a second. */
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
      known = new Second(now.getEpochSecond(), of(now));
      last = known;
    }
    return known.text;
  }

  static String of(Instant time) {
    return FORMAT.format(time);
  }
}
