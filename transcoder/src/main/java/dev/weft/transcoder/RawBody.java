package dev.weft.transcoder;

/** A body of any kind, as a {@code google.api.HttpBody} has it: it is no JSON and becomes none. */
public final class RawBody {
  private final String contentType;
  private final byte[] data;

  /**
   * Takes a body as it is.
   *
   * @param contentType empty when nothing is said of it
   * @param data not copied
   */
  public RawBody(String contentType, byte[] data) {
    this.contentType = contentType;
    this.data = data;
  }

  /** As it was said, whatever it is; empty when nothing was. */
  public String contentType() {
    return contentType;
  }

  /** Not copied. */
  public byte[] data() {
    return data;
  }
}
