package dev.weft.mesh;

/**
 * How many rows a page of a list holds (AIP-158).
 *
 * @param usual what a caller gets that does not say
 * @param max what a caller gets that asks for more
 */
public record PageSize(int usual, int max) {
  public PageSize {
    if (usual < 1 || max < usual) {
      throw new IllegalArgumentException(
          "page size: usually " + usual + ", at most " + max + " (expected: 0 < usual <= max)");
    }
  }

  /**
   * What a caller gets.
   *
   * @param asked the request's {@code page_size}; 0 means that it does not say
   * @throws Rejection that names the field, if it is negative
   */
  public int of(int asked) {
    if (asked < 0) {
      throw Rejection.invalid("page_size", "must not be negative");
    }
    return asked == 0 ? usual : Math.min(asked, max);
  }
}
