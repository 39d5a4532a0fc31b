package dev.weft.inventory;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/** Something the shop sells. */
record Product(
    UUID id,
    Description description,
    long available,
    long version,
    Instant createTime,
    Instant updateTime) {

  /**
   * What the shop says of it.
   *
   * @param category path of lower-case words, such as {@code books/fiction}; may be empty
   */
  record Description(String sku, String title, String text, String category, Price price) {
    /** The same with the fields of the change replaced. */
    Description with(Change change) {
      return new Description(
          sku,
          change.title().orElse(title),
          change.text().orElse(text),
          change.category().orElse(category),
          change.price().orElse(price));
    }
  }

  /**
   * New values of some fields.
   *
   * @param sku not a new value: what the caller takes the article number to be
   */
  record Change(
      Optional<String> sku,
      Optional<String> title,
      Optional<String> text,
      Optional<String> category,
      Optional<Price> price) {}

  /** Changes with every write (RFC 9110, a strong validator with its quotes). */
  String etag() {
    return "\"" + version + "\"";
  }
}
