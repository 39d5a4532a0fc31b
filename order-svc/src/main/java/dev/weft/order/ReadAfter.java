package dev.weft.order;

import dev.weft.mesh.Rejection;
import dev.weft.mesh.UuidText;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A state of an order that somebody has seen: what they read next must not be older.
 *
 * @param version of the order; later ones will do
 */
record ReadAfter(UUID orderId, long version) {
  private static final Pattern FORM = Pattern.compile("([^:]{36}):(\"?)([1-9][0-9]{0,17})\\2");

  /** Each is {@code <order_id>:<etag>}, with or without the etag's quotes. */
  static List<ReadAfter> parse(List<String> texts) {
    List<ReadAfter> all = new ArrayList<>();
    for (String text : texts) {
      String field = "read_after[" + all.size() + "]";
      Matcher form = FORM.matcher(text);
      if (!form.matches()) {
        throw Rejection.invalid(field, "must be <order_id>:<etag>");
      }
      all.add(new ReadAfter(UuidText.parse(field, form.group(1)), Long.parseLong(form.group(3))));
    }
    return all;
  }
}
