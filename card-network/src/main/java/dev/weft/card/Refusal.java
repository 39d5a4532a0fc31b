package dev.weft.card;

/** A request that had no effect, with what the network says about it. */
final class Refusal extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int status;
  private final String code;

  private Refusal(int status, String code, String message) {
    super(message, null, false, false);
    this.status = status;
    this.code = code;
  }

  /** The request is wrong in itself. */
  static Refusal invalid(String message) {
    return new Refusal(400, "invalid_request", message);
  }

  static Refusal notFound(String message) {
    return new Refusal(404, "not_found", message);
  }

  /** The charge is in a state that does not allow it. */
  static Refusal conflict(String code, String message) {
    return new Refusal(409, code, message);
  }

  static Refusal keyReused() {
    return new Refusal(
        422, "idempotency_key_reused", "the Idempotency-Key was used with another request");
  }

  static Refusal method(String allowed) {
    return new Refusal(405, "method_not_allowed", "use " + allowed);
  }

  static Refusal tooLarge(int bytesMax) {
    return new Refusal(413, "request_too_large", "the body may hold " + bytesMax + " bytes");
  }

  /** Nothing was done; later it may be. */
  static Refusal unavailable(String code, String message) {
    return new Refusal(503, code, message);
  }

  int status() {
    return status;
  }

  String code() {
    return code;
  }

  String text() {
    return String.valueOf(getMessage());
  }
}
