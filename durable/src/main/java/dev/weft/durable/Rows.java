package dev.weft.durable;

/** Checks how many rows a statement changed. */
public final class Rows {
  private Rows() {}

  /**
   * Insists on exactly one changed row; the transaction rolls back on the throw.
   *
   * @throws IllegalStateException with the subject and the count
   */
  public static void one(int changed, String subject) {
    exactly(1, changed, subject);
  }

  /** As {@link #one}, of so many. */
  static void exactly(int expected, int changed, String subject) {
    if (changed != expected) {
      throw new IllegalStateException(
          subject + ": " + changed + " rows changed (expected: " + expected + ")");
    }
  }
}
