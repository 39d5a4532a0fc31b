package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.durable.EventStore;
import dev.weft.mesh.Rejection;
import java.util.List;

/**
 * Some of a log.
 *
 * @param events those that were asked for among the ones looked at
 * @param position where to go on
 */
record LogPage(List<Event> events, long position, long lastPosition) {

  /** Looks at so many events after a position. */
  static LogPage read(EventStore store, long after, List<TypePattern> types, int atMost) {
    if (after < 0) {
      throw Rejection.invalid("after_position", "must not be negative");
    }
    long last = store.last();
    List<Event> all = store.read(after, atMost);
    return new LogPage(
        all.stream()
            .filter(event -> types.stream().anyMatch(type -> type.matches(event.type())))
            .toList(),
        all.isEmpty() ? after : all.getLast().position(),
        last);
  }

  static List<TypePattern> patterns(List<String> patterns) {
    try {
      return patterns.stream().map(TypePattern::new).toList();
    } catch (IllegalArgumentException e) {
      throw Rejection.invalid("types", "must be patterns of event types, as shop.order.*");
    }
  }
}
