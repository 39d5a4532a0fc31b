package dev.weft.edge;

import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import dev.weft.options.v1.Retirement;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a contract says of the end of a method's life, or of its service's, as headers: {@code
 * Deprecation} (RFC 9745), {@code Sunset} (RFC 8594), and a {@code Link} to what to do instead and
 * to what to call instead (RFC 5829).
 */
final class EndOfLife {
  private static final String VISIBLE = "[!-~&&[^<>\"\\\\^`{|}]]";
  private static final Pattern PAGE = Pattern.compile("https?://" + VISIBLE + "+");
  private static final Pattern PAGE_OR_PATH =
      Pattern.compile("(https?://" + VISIBLE + "+|/(?!/)" + VISIBLE + "*)");

  private EndOfLife() {}

  /**
   * The headers of every answer of the method; empty while its end is not in sight.
   *
   * @throws InvalidRule if it is not said in the right form
   */
  static Map<String, String> headers(MethodDescriptor method) {
    MethodPolicy own = method.getOptions().getExtension(OptionsProto.method);
    Retirement said =
        own.hasRetirement()
            ? own.getRetirement()
            : method.getService().getOptions().getExtension(OptionsProto.service).getRetirement();
    boolean deprecated =
        method.getOptions().getDeprecated()
            || method.getService().getOptions().getDeprecated()
            || method.getFile().getOptions().getDeprecated();
    Optional<LocalDate> since = day("deprecated_on", said.getDeprecatedOn());
    Optional<LocalDate> until = day("sunset_on", said.getSunsetOn());
    if (since.isPresent() && until.isPresent() && until.get().isBefore(since.get())) {
      throw new InvalidRule("retirement.sunset_on: before deprecated_on");
    }
    Map<String, String> headers = new LinkedHashMap<>();
    if (deprecated || since.isPresent()) {
      // Without a date: it is so now, and nobody said since when.
      long seconds = since.map(day -> day.toEpochDay() * 24 * 3_600).orElse(0L);
      headers.put("Deprecation", "@" + seconds);
    }
    until.ifPresent(
        day -> headers.put("Sunset", HttpDate.of(day.atStartOfDay(ZoneOffset.UTC).toInstant())));
    List<String> links = new ArrayList<>();
    link("link", said.getLink(), PAGE, "an http or https URL")
        .map(page -> page + "; rel=\"" + (until.isEmpty() ? "" : "sunset ") + "deprecation\"")
        .ifPresent(links::add);
    link("successor", said.getSuccessor(), PAGE_OR_PATH, "a path, or an http or https URL")
        .map(place -> place + "; rel=\"successor-version\"")
        .ifPresent(links::add);
    if (!links.isEmpty()) {
      headers.put("Link", String.join(", ", links));
    }
    return Map.copyOf(headers);
  }

  private static Optional<String> link(String field, String text, Pattern form, String expected) {
    if (!text.isEmpty() && !form.matcher(text).matches()) {
      throw new InvalidRule(
          "retirement." + field + ": \"" + text + "\" (expected: " + expected + ")");
    }
    return Optional.of(text).filter(one -> !one.isEmpty()).map(one -> "<" + one + ">");
  }

  private static Optional<LocalDate> day(String field, String text) {
    if (text.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(LocalDate.parse(text));
    } catch (DateTimeParseException e) {
      throw new InvalidRule(
          "retirement." + field + ": \"" + text + "\" (expected: a day such as 2026-12-31)");
    }
  }
}
