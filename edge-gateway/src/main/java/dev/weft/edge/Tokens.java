package dev.weft.edge;

import dev.weft.mesh.Caller;
import dev.weft.mesh.TokenVerifier;
import java.util.Optional;

/** Decides on bearer tokens. */
interface Tokens {
  /**
   * The user whose token this is. May wait a moment for keys, so it is not called on an event loop.
   *
   * @throws dev.weft.mesh.Rejection if it is not a good one
   */
  Caller.User verify(String token);

  /**
   * What {@link #verify} says of a token that it has seen before; empty for others. Never waits.
   *
   * @throws dev.weft.mesh.Rejection if it is no good one any more
   */
  Optional<Caller.User> remembered(String token);

  /** Whether there are keys and revocations to decide by. True ever after. */
  boolean ready();

  /** Those of the issuer that the mesh knows. */
  static Tokens of(TokenVerifier verifier) {
    return new Tokens() {
      @Override
      public Caller.User verify(String token) {
        return verifier.verify(token);
      }

      @Override
      public Optional<Caller.User> remembered(String token) {
        return verifier.remembered(token);
      }

      @Override
      public boolean ready() {
        return verifier.ready();
      }
    };
  }

  /** The token in a header of this value, if it holds one. */
  static Optional<String> bearer(String authorization) {
    return authorization.regionMatches(true, 0, "Bearer ", 0, 7)
        ? Optional.of(authorization.substring(7).strip()).filter(token -> !token.isEmpty())
        : Optional.empty();
  }
}
