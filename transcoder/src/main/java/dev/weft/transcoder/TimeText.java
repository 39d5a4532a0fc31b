package dev.weft.transcoder;

/**
 * Timestamp and Duration as text: RFC 3339, and seconds with an {@code s}. Printed with as many
 * digits of a second as are needed of 0, 3, 6 or 9. Texts that are no such thing are refused with
 * {@link IllegalArgumentException}.
 *
 * @param seconds of the time; nanos have the same sign in a Duration and none in a Timestamp
 */
record TimeText(long seconds, int nanos) {
  private static final long FIRST_SECOND = -62_135_596_800L;
  private static final long LAST_SECOND = 253_402_300_799L;
  private static final long DURATION_SECONDS_MAX = 315_576_000_000L;
  private static final int NANOS = 1_000_000_000;
  private static final int DAY = 86_400;

  /** Days from 0000-03-01, where years that begin in March begin, to 1970-01-01. */
  private static final long DAYS_TO_EPOCH = 719_468;

  /** Days of 400 years, after which the calendar repeats itself. */
  private static final long ERA_DAYS = 146_097;

  /** {@code 2026-11-21T12:00:00.5Z}, or with an offset such as {@code +01:00}. */
  static TimeText timestamp(String text) {
    check(text.length() >= 20);
    int year = digits(text, 0, 4);
    int month = digits(text, 5, 2);
    int day = digits(text, 8, 2);
    int hour = digits(text, 11, 2);
    int minute = digits(text, 14, 2);
    int second = digits(text, 17, 2);
    check(text.charAt(4) == '-' && text.charAt(7) == '-' && text.charAt(10) == 'T');
    check(text.charAt(13) == ':' && text.charAt(16) == ':');
    check(year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month));
    check(hour < 24 && minute < 60 && second < 60);
    int at = 19;
    int nanos = 0;
    if (text.charAt(at) == '.') {
      int end = at + 1;
      while (end < text.length() && isDigit(text.charAt(end))) {
        end++;
      }
      nanos = fraction(text, at + 1, end);
      at = end;
    }
    long seconds =
        daysSinceEpoch(year, month, day) * DAY
            + hour * 3_600L
            + minute * 60L
            + second
            - offset(text, at);
    check(seconds >= FIRST_SECOND && seconds <= LAST_SECOND);
    return new TimeText(seconds, nanos);
  }

  /** {@code 1.5s}, {@code -3s}. */
  static TimeText duration(String text) {
    int end = text.length() - 1;
    check(end > 0 && text.charAt(end) == 's');
    boolean minus = text.charAt(0) == '-';
    int start = minus ? 1 : 0;
    int point = text.indexOf('.');
    int whole = point < 0 ? end : point;
    check(whole > start && whole - start <= 12);
    long seconds = 0;
    for (int i = start; i < whole; i++) {
      check(isDigit(text.charAt(i)));
      seconds = seconds * 10 + (text.charAt(i) - '0');
    }
    int nanos = point < 0 ? 0 : fraction(text, point + 1, end);
    check(seconds <= DURATION_SECONDS_MAX);
    return minus ? new TimeText(-seconds, -nanos) : new TimeText(seconds, nanos);
  }

  static void printTimestamp(long seconds, int nanos, JsonBytes out) {
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanos < 0 || nanos >= NANOS) {
      throw BadMessage.unsayable("a Timestamp that is no time of the years 1 to 9999");
    }
    long days = Math.floorDiv(seconds, (long) DAY) + DAYS_TO_EPOCH;
    int ofDay = (int) Math.floorMod(seconds, (long) DAY);
    long era = Math.floorDiv(days, ERA_DAYS);
    int dayOfEra = (int) (days - era * ERA_DAYS);
    int yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
    int dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    int fromMarch = (5 * dayOfYear + 2) / 153;
    int day = dayOfYear - (153 * fromMarch + 2) / 5 + 1;
    int month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
    int year = (int) (yearOfEra + era * 400) + (month <= 2 ? 1 : 0);
    out.octet('"');
    out.padded(year, 4);
    out.octet('-');
    out.padded(month, 2);
    out.octet('-');
    out.padded(day, 2);
    out.octet('T');
    out.padded(ofDay / 3_600, 2);
    out.octet(':');
    out.padded(ofDay / 60 % 60, 2);
    out.octet(':');
    out.padded(ofDay % 60, 2);
    printFraction(nanos, out);
    out.octet('Z');
    out.octet('"');
  }

  static void printDuration(long seconds, int nanos, JsonBytes out) {
    if (Math.abs(seconds) > DURATION_SECONDS_MAX
        || seconds == Long.MIN_VALUE
        || Math.abs((long) nanos) >= NANOS
        || (seconds > 0 && nanos < 0)
        || (seconds < 0 && nanos > 0)) {
      throw BadMessage.unsayable("a Duration out of its range, or with two signs");
    }
    out.octet('"');
    if (seconds < 0 || nanos < 0) {
      out.octet('-');
    }
    out.number(Math.abs(seconds));
    printFraction(Math.abs(nanos), out);
    out.octet('s');
    out.octet('"');
  }

  private static void printFraction(int nanos, JsonBytes out) {
    if (nanos == 0) {
      return;
    }
    out.octet('.');
    if (nanos % 1_000_000 == 0) {
      out.padded(nanos / 1_000_000, 3);
    } else if (nanos % 1_000 == 0) {
      out.padded(nanos / 1_000, 6);
    } else {
      out.padded(nanos, 9);
    }
  }

  /** Seconds ahead of UTC. */
  private static long offset(String text, int at) {
    check(at < text.length());
    char sign = text.charAt(at);
    if (sign == 'Z') {
      check(text.length() == at + 1);
      return 0;
    }
    check((sign == '+' || sign == '-') && text.length() == at + 6 && text.charAt(at + 3) == ':');
    int hours = digits(text, at + 1, 2);
    int minutes = digits(text, at + 4, 2);
    check(hours < 24 && minutes < 60);
    long seconds = hours * 3_600L + minutes * 60L;
    return sign == '-' ? -seconds : seconds;
  }

  private static int fraction(String text, int start, int end) {
    int count = end - start;
    check(count >= 1 && count <= 9);
    int nanos = digits(text, start, count);
    for (int i = count; i < 9; i++) {
      nanos *= 10;
    }
    return nanos;
  }

  private static int digits(String text, int start, int count) {
    int value = 0;
    for (int i = start; i < start + count; i++) {
      char c = text.charAt(i);
      check(isDigit(c));
      value = value * 10 + (c - '0');
    }
    return value;
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static int daysOf(int year, int month) {
    return switch (month) {
      case 2 -> year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
      case 4, 6, 9, 11 -> 30;
      default -> 31;
    };
  }

  private static long daysSinceEpoch(int year, int month, int day) {
    long y = month <= 2 ? year - 1 : year;
    long era = Math.floorDiv(y, 400L);
    long yearOfEra = y - era * 400;
    long dayOfYear = (153L * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    long dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
    return era * ERA_DAYS + dayOfEra - DAYS_TO_EPOCH;
  }

  private static void check(boolean right) {
    if (!right) {
      throw new IllegalArgumentException("not a time");
    }
  }
}
