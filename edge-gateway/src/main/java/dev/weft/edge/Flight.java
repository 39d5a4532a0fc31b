package dev.weft.edge;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One call for all who ask the same at the same time. Thread-safe. */
final class Flight {
  private final long change;
  private @Nullable List<Consumer<Landing>> passengers = new ArrayList<>();

  /** How it ended. */
  sealed interface Landing {}

  /** With an answer for all. */
  record Answered(Kept kept) implements Landing {}

  /** With an answer for who made the call, and nobody else. */
  record Private() implements Landing {}

  /**
   * With none.
   *
   * @param problem what went wrong, if it can be said
   */
  record Failed(Optional<Problem> problem) implements Landing {}

  /**
   * @param change the last one when it began
   */
  Flight(long change) {
    this.change = change;
  }

  long change() {
    return change;
  }

  /**
   * Waits for its end; false if it has ended.
   *
   * @param passenger is told, on any thread
   */
  synchronized boolean board(Consumer<Landing> passenger) {
    return passengers != null && passengers.add(passenger);
  }

  /** Waits no longer. */
  synchronized void leave(Consumer<Landing> passenger) {
    if (passengers != null) {
      passengers.remove(passenger);
    }
  }

  /** It has ended: tells all who wait. Only the first time counts. */
  void land(Landing landing) {
    List<Consumer<Landing>> all;
    synchronized (this) {
      all = passengers == null ? List.of() : passengers;
      passengers = null;
    }
    all.forEach(passenger -> passenger.accept(landing));
  }
}
