package dev.weft.edge;

import java.util.Set;

/** Who may call an RPC over the edge. */
sealed interface Access {
  /** Anybody. */
  record Public() implements Access {}

  /**
   * A user with a valid token.
   *
   * @param roles of which the user needs one; empty means any user
   */
  record Authenticated(Set<String> roles) implements Access {
    public Authenticated {
      roles = Set.copyOf(roles);
    }
  }
}
