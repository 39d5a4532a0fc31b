package dev.weft.mesh;

import dev.weft.consul.GoDuration;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the registry says of one service in our own words ({@code weft-lb} and the like). A text
 * that makes no sense is a WARN, once, and what the same word said last goes on to count, or its
 * default if it said nothing: one wrong letter must not stop calls, nor undo what was said before.
 * All other words are heard as ever.
 *
 * <p>Not thread-safe: whoever listens has one.
 */
final class Settings {
  private static final Logger log = LoggerFactory.getLogger(Settings.class);

  /** What a duration may be at most. */
  private static final Duration LONGEST = Duration.ofHours(1);

  private final String service;

  /** By word, the last text that made sense. */
  private final Map<String, String> good = new HashMap<>();

  /** By word, the text that was warned of. */
  private final Map<String, String> refused = new HashMap<>();

  private Map<String, String> said = Map.of();

  Settings(String service) {
    this.service = service;
  }

  /** From now on this is said, and nothing else. */
  Settings hear(Map<String, String> words) {
    said = Map.copyOf(words);
    return this;
  }

  /**
   * What a word says; empty if it is not said.
   *
   * @param read empty for what makes no sense
   */
  <T> Optional<T> value(String word, Function<String, Optional<T>> read) {
    String text = said.get(word);
    if (text == null) {
      good.remove(word);
      refused.remove(word);
      return Optional.empty();
    }
    Optional<T> value = read.apply(text);
    if (value.isPresent()) {
      good.put(word, text);
      refused.remove(word);
      return value;
    }
    String before = good.get(word);
    if (!text.equals(refused.put(word, text))) {
      log.warn(
          "the registry says {} of {}, which means nothing: {} ({} goes on to count)",
          word,
          service,
          text,
          before == null ? "its default" : before);
    }
    return before == null ? Optional.empty() : read.apply(before);
  }

  /**
   * @param least of what makes sense; an hour is the most
   */
  Optional<Duration> duration(String word, Duration least) {
    return value(word, text -> parsed(text, least));
  }

  /** A duration from {@code least} to an hour; empty if the text is none. */
  static Optional<Duration> parsed(String text, Duration least) {
    return GoDuration.positive(text)
        .filter(d -> d.compareTo(least) >= 0 && d.compareTo(LONGEST) <= 0);
  }

  /** A whole number from one to the other. */
  Optional<Integer> number(String word, int least, int most) {
    return value(
        word,
        text ->
            text.matches("\\d{1,3}")
                ? Optional.of(Integer.parseInt(text)).filter(n -> n >= least && n <= most)
                : Optional.empty());
  }

  Optional<Integer> percent(String word) {
    return number(word, 0, 100);
  }
}
