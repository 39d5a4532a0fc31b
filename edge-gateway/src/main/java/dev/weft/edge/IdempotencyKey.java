package dev.weft.edge;

import java.util.List;
import java.util.Optional;

/**
 * Reads the header {@code Idempotency-Key}: a quoted string as its specification has it, or the
 * bare key as most clients send it.
 */
final class IdempotencyKey {
  private static final int LENGTH_MAX = 255;

  private IdempotencyKey() {}

  /** Throws {@link Refused} with 400 unless it is one key of 1 to 255 visible ASCII characters. */
  static Optional<String> parse(List<String> values) {
    if (values.isEmpty()) {
      return Optional.empty();
    }
    if (values.size() > 1) {
      throw invalid("there must be only one");
    }
    String value = values.getFirst().strip();
    String key = value.startsWith("\"") ? unquote(value) : value;
    if (key.isEmpty() || key.length() > LENGTH_MAX) {
      throw invalid("it must have 1 to " + LENGTH_MAX + " characters");
    }
    if (!key.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
      throw invalid("it must be of visible ASCII characters");
    }
    return Optional.of(key);
  }

  private static String unquote(String value) {
    StringBuilder key = new StringBuilder();
    for (int i = 1; i < value.length(); i++) {
      char c = value.charAt(i);
      if (c == '"') {
        if (i == value.length() - 1) {
          return key.toString();
        }
        break;
      }
      if (c == '\\') {
        i++;
        if (i == value.length() || (value.charAt(i) != '"' && value.charAt(i) != '\\')) {
          break;
        }
        c = value.charAt(i);
      }
      key.append(c);
    }
    throw invalid("its quotes are not closed");
  }

  private static Refused invalid(String why) {
    return Refused.badRequest("IDEMPOTENCY_KEY_INVALID", "Idempotency-Key: " + why);
  }
}
