package dev.weft.transcoder;

import java.util.List;

/** Input that is not exactly right. Its text is for the caller and tells nothing of the inside. */
public final class BadInput extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String reason;
  private final transient List<Fault> faults;

  /**
   * One wrong part.
   *
   * @param pointer a JSON Pointer in the JSON names of the contract; empty for the whole
   */
  public record Fault(String pointer, String detail) {}

  private BadInput(String reason, String message, List<Fault> faults) {
    super(message, null, false, false);
    this.reason = reason;
    this.faults = List.copyOf(faults);
  }

  /** UPPER_SNAKE, for programs. */
  public String reason() {
    return reason;
  }

  /** What is wrong where; empty when it is no part of the JSON that is wrong. */
  public List<Fault> faults() {
    return faults;
  }

  static BadInput of(String reason, String message) {
    return new BadInput(reason, message, List.of());
  }

  static BadInput at(String reason, List<Fault> faults) {
    return new BadInput(reason, faults.getFirst().detail(), faults);
  }

  static BadInput at(String reason, String pointer, String detail) {
    return at(reason, List.of(new Fault(pointer, detail)));
  }
}
