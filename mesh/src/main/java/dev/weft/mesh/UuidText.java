package dev.weft.mesh;

import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * Ids as requests hold them: a UUID in its full form of 36 characters, in either case. {@link
 * UUID#fromString} takes shorter ones too, and so would give one thing several names. Pure.
 */
public final class UuidText {
  private static final Pattern FORM =
      Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");

  private UuidText() {}

  /**
   * The id that the text stands for.
   *
   * @param field where it stands in the request
   * @throws Rejection that names the field, if it is no UUID
   */
  public static UUID parse(String field, String text) {
    if (!FORM.matcher(text).matches()) {
      throw Rejection.invalid(field, "must be a UUID");
    }
    return UUID.fromString(text);
  }

  /** Empty for the empty string, which means that the field was not set. */
  public static Optional<UUID> parseIfSet(String field, String text) {
    return text.isEmpty() ? Optional.empty() : Optional.of(parse(field, text));
  }
}
