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
    if (changed != 1) {
      throw new IllegalStateException(subject + ": " + changed + " rows changed (expected: 1)");
    }
  }
}
