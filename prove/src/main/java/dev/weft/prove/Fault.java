package dev.weft.prove;

import java.time.Duration;
import java.util.function.Supplier;

/**
 * Something that goes wrong from outside while customers shop.
 *
 * @param inflict begins it
 */
record Fault(String name, Duration lasts, Supplier<Inflicted> inflict) {

  /** One that has begun. */
  interface Inflicted {
    /** Ends it; the system's own means do the rest. */
    void heal();

    /** Asked once all is well again: what it did. One that did nothing proves nothing. */
    Bite bite();

    static Inflicted of(Runnable heal, Supplier<Bite> bite) {
      return new Inflicted() {
        @Override
        public void heal() {
          heal.run();
        }

        @Override
        public Bite bite() {
          return bite.get();
        }
      };
    }
  }

  /**
   * What a fault did, by count.
   *
   * @param what was counted, such as {@code bytes held}
   */
  record Bite(long count, String what) {
    boolean felt() {
      return count > 0;
    }

    @Override
    public String toString() {
      return count + " " + what;
    }
  }

  /** One that cannot be inflicted on this machine, and why. */
  record Omitted(String name, String reason) {}

  /**
   * What became of a fault.
   *
   * @param millis until every process was ready again and an order that was placed then confirmed
   */
  record Outcome(String name, boolean recovered, long millis, Bite bite) {}
}
