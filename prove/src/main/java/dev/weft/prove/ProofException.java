package dev.weft.prove;

/** The proof itself could not be carried out; says nothing about what was to be proved. */
final class ProofException extends RuntimeException {
  ProofException(String message) {
    super(message);
  }

  ProofException(String message, Throwable cause) {
    super(message, cause);
  }
}
