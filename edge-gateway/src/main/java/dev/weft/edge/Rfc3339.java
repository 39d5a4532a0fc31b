package dev.weft.edge;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoField;

/**
 * Times as RFC 3339 writes them, in UTC and to the millisecond. All of now but the milliseconds is
 * formatted once a second.
 */
final class Rfc3339 {
  private static final DateTimeFormatter SECONDS =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.").withZone(ZoneOffset.UTC);

  private record Second(long second, String text) {
    static Second of(Instant time) {
      return new Second(time.getEpochSecond(), SECONDS.format(time));
    }
  }

  private static volatile Second last = Second.of(Instant.EPOCH);

  private Rfc3339() {}

  static String now() {
    Instant now = Instant.now();
    Second known = last;
    if (known.second != now.getEpochSecond()) {
      known = Second.of(now);
      last = known;
    }
    return text(known, now);
  }

  static String of(Instant time) {
    return text(Second.of(time), time);
  }

  private static String text(Second second, Instant time) {
    int millis = time.get(ChronoField.MILLI_OF_SECOND);
    return second.text
        + (char) ('0' + millis / 100)
        + (char) ('0' + millis / 10 % 10)
        + (char) ('0' + millis % 10)
        + 'Z';
  }
}
