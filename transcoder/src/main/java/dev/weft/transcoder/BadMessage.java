package dev.weft.transcoder;

/** Bytes that are not the message they were said to be, or a message that JSON cannot say. */
public final class BadMessage extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final boolean wire;

  private BadMessage(String message, boolean wire) {
    super(message, null, false, false);
    this.wire = wire;
  }

  /** Whether it is the bytes that are wrong; else it is a value in them that has no JSON. */
  public boolean isOfTheWire() {
    return wire;
  }

  static BadMessage wire(String message) {
    return new BadMessage(message, true);
  }

  static BadMessage unsayable(String message) {
    return new BadMessage(message, false);
  }
}
