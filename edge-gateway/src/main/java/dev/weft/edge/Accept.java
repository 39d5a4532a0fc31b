package dev.weft.edge;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Pattern;

/** What media types a client takes, by its {@code Accept} header (RFC 9110, 12.5.1). */
final class Accept {
  private static final int RANGES_MAX = 32;
  private static final Pattern QUALITY = Pattern.compile("0(\\.[0-9]{0,3})?|1(\\.0{0,3})?");

  private final List<Range> ranges;

  private record Range(String type, String subtype, double quality) {
    /** 0 when it does not match, more the more particular it is. */
    int fit(String wantedType, String wantedSubtype) {
      if (type.equals(wantedType)) {
        return subtype.equals(wantedSubtype) ? 3 : subtype.equals("*") ? 2 : 0;
      }
      return type.equals("*") ? 1 : 0;
    }
  }

  private record Score(double quality, int fit) {}

  private Accept(List<Range> ranges) {
    this.ranges = ranges;
  }

  /** Throws {@link Refused} with 400 for what is no list of media ranges. No header takes all. */
  static Accept parse(List<String> values) {
    List<Range> ranges = new ArrayList<>();
    for (String value : values) {
      for (String element : value.split(",", -1)) {
        if (!element.isBlank()) {
          ranges.add(range(element));
        }
        if (ranges.size() > RANGES_MAX) {
          throw Refused.badRequest("MALFORMED_HEADER", "Accept names too many media types");
        }
      }
    }
    return new Accept(ranges.isEmpty() ? List.of(new Range("*", "*", 1)) : ranges);
  }

  /** Whether the client takes this type. */
  boolean takes(String mediaType) {
    return score(mediaType).quality > 0;
  }

  /** Which of these the client likes best; the first of those it likes equally. */
  Optional<String> best(List<String> mediaTypes) {
    String best = null;
    Score most = new Score(0, 0);
    for (String mediaType : mediaTypes) {
      Score score = score(mediaType);
      if (score.quality > most.quality
          || (score.quality > 0 && score.quality == most.quality && score.fit > most.fit)) {
        best = mediaType;
        most = score;
      }
    }
    return Optional.ofNullable(best);
  }

  private Score score(String mediaType) {
    int slash = mediaType.indexOf('/');
    String type = mediaType.substring(0, slash);
    String subtype = mediaType.substring(slash + 1);
    Score score = new Score(0, 0);
    for (Range range : ranges) {
      int fit = range.fit(type, subtype);
      if (fit > score.fit) {
        score = new Score(range.quality, fit);
      }
    }
    return score;
  }

  private static Range range(String element) {
    String[] parts = element.split(";", -1);
    String[] type = parts[0].strip().toLowerCase(Locale.ROOT).split("/", -1);
    if (type.length != 2 || type[0].isEmpty() || type[1].isEmpty()) {
      throw malformed();
    }
    double quality = 1;
    for (int i = 1; i < parts.length; i++) {
      String parameter = parts[i].strip().toLowerCase(Locale.ROOT);
      if (parameter.startsWith("q=")) {
        quality = quality(parameter.substring(2)).orElseThrow(Accept::malformed);
      }
    }
    return new Range(type[0], type[1], quality);
  }

  /** A weight (RFC 9110, 12.4.2), if it is one. */
  static OptionalDouble quality(String text) {
    return QUALITY.matcher(text).matches()
        ? OptionalDouble.of(Double.parseDouble(text))
        : OptionalDouble.empty();
  }

  private static Refused malformed() {
    return Refused.badRequest("MALFORMED_HEADER", "Accept is not a list of media types");
  }
}
