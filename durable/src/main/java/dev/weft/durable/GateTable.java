package dev.weft.durable;

import java.time.Duration;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** What all processes know of closed gates. */
interface GateTable {
  /**
   * Notes that a gate is closed, unless it is noted already: then nothing is written.
   *
   * @param until when its first probe is due
   */
  boolean insert(Handle tx, Gate gate, String error, Duration until);

  /** Locks a gate whose next turn is due, if nobody else has it in hand. */
  Optional<Gate> lockDue(Handle tx, String dependency);

  /**
   * Writes a gate as it is now, if it is still the closing that the writer knew.
   *
   * @param error why it is closed; kept when empty
   * @param until when its next turn is due
   */
  boolean update(Handle tx, long knownClosing, Gate gate, String error, Duration until);

  /**
   * Removes a gate that is open, which makes whoever still waits at it due now; says how long it
   * was there.
   */
  Duration remove(Handle tx, String dependency);
}
