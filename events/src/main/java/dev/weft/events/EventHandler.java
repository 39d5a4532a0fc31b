package dev.weft.events;

import dev.weft.durable.Event;
import org.jdbi.v3.core.Handle;

/** What a consumer does about an event. */
@FunctionalInterface
public interface EventHandler {
  /**
   * Handles the event in the transaction that also remembers it: the effect in this database is
   * there once, or not at all. Effects elsewhere may happen again and have to bear that; the
   * event's id makes them repeatable.
   *
   * <p>Any exception is a failure: it is tried again, and in the end a dead letter. {@link
   * UnreadableEventException} makes it one at once.
   */
  void handle(Handle tx, Event event) throws Exception;
}
