package dev.weft.events;

import dev.weft.durable.Event;
import java.util.List;
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

  /**
   * Handles several in one transaction, where the subscription allows it; as if one after the
   * other. What it locks that other events lock, too, it locks in an order that is always the same.
   *
   * <p>Any exception means that each is handled by itself.
   *
   * @param events each of another aggregate
   */
  default void handleAll(Handle tx, List<Event> events) throws Exception {
    for (Event event : events) {
      handle(tx, event);
    }
  }
}
