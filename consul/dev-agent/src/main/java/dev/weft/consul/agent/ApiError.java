package dev.weft.consul.agent;

/** A request that ends with a status other than 200 and one line of text, as Consul answers it. */
final class ApiError extends RuntimeException {
  private final int status;

  ApiError(int status, String text) {
    super(text, null, false, false);
    this.status = status;
  }

  int status() {
    return status;
  }

  String text() {
    return String.valueOf(getMessage());
  }
}
