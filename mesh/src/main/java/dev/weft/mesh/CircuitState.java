package dev.weft.mesh;

/** How it stands with the circuit breaker in front of a method, from well to badly. */
public enum CircuitState {
  /** Calls are made. */
  CLOSED(0),
  /** A few are, to find out whether they go well. */
  HALF_OPEN(2),
  /** Calls are refused for a while. */
  OPEN(1);

  private final int number;

  CircuitState(int number) {
    this.number = number;
  }

  /** As a metric: 0 closed, 1 open, 2 half open. */
  int number() {
    return number;
  }

  /** That of several circuits to one method: the worse of the two. */
  CircuitState worse(CircuitState other) {
    return compareTo(other) < 0 ? other : this;
  }
}
