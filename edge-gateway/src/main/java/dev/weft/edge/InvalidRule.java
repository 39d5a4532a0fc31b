package dev.weft.edge;

/**
 * An RPC whose HTTP rule cannot be served. The message says why, for whoever wrote the contract.
 */
final class InvalidRule extends RuntimeException {
  private static final long serialVersionUID = 1L;

  InvalidRule(String message) {
    super(message, null, false, false);
  }
}
