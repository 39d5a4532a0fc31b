package dev.weft.events;

import java.util.List;
import java.util.regex.Pattern;

/**
 * Which event types are meant: words between dots, {@code *} for any one word, {@code #} at the end
 * for any number of them, none included. As RabbitMQ's topics.
 *
 * @param text as {@code shop.order.*}
 */
public record TypePattern(String text) {
  private static final String ONE = "*";
  private static final String ANY = "#";
  private static final Pattern FORM =
      Pattern.compile("([a-z][a-z0-9_]*|\\*)(\\.([a-z][a-z0-9_]*|\\*))*(\\.#)?|#");
  private static final int LENGTH_MAX = 200;

  public TypePattern {
    if (text.length() > LENGTH_MAX || !FORM.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "event type pattern: " + text + " (expected: as shop.order.*, shop.# or #)");
    }
  }

  /** All of the patterns. */
  public static List<TypePattern> of(String... patterns) {
    return List.of(patterns).stream().map(TypePattern::new).toList();
  }

  /** Whether a type is meant. */
  public boolean matches(String type) {
    return covers(words(type));
  }

  /** Whether everything that the other one means is meant. */
  public boolean covers(TypePattern other) {
    return covers(words(other.text));
  }

  /** Whether every event of such an aggregate is meant. */
  boolean coversAggregate(String aggregateType) {
    return covers(words(aggregateType + "." + ONE));
  }

  private boolean covers(List<String> others) {
    List<String> mine = words(text);
    for (int i = 0; i < mine.size(); i++) {
      if (mine.get(i).equals(ANY)) {
        return true;
      }
      boolean fits =
          i < others.size()
              && !others.get(i).equals(ANY)
              && (mine.get(i).equals(ONE) || mine.get(i).equals(others.get(i)));
      if (!fits) {
        return false;
      }
    }
    return mine.size() == others.size();
  }

  private static List<String> words(String text) {
    return List.of(text.split("\\.", -1));
  }

  @Override
  public String toString() {
    return text;
  }
}
