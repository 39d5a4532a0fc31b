package dev.weft.events;

import dev.weft.durable.Event;

/**
 * Looks at every event of a process before its handlers do, and may hand on another one: its
 * content upgraded, its payload decrypted. One that throws is passed over, for that event.
 */
@FunctionalInterface
public interface Middleware {
  /** The event to go on with; id and aggregate stay as they were. */
  Event apply(Event event);
}
