package dev.weft.edge;

import dev.weft.mesh.Caller;

/** Decides on bearer tokens. */
@FunctionalInterface
interface Tokens {
  /**
   * The user whose token this is. May wait a moment for keys, so it is not called on an event loop.
   *
   * @throws dev.weft.mesh.Rejection if it is not a good one
   */
  Caller.User verify(String token);
}
