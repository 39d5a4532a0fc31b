package dev.weft.mesh;

/** How it stands with the circuit breaker in front of a method, from well to badly. */
public enum CircuitState {
  /** Calls are made. */
  CLOSED,
  /** A few are, to find out whether they go well. */
  HALF_OPEN,
  /** Calls are refused for a while. */
  OPEN
}
