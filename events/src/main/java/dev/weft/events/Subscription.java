package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.durable.EventGroups.Start;
import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;

/**
 * What a consumer wants to handle, and how.
 *
 * <p>Where the types include all of an aggregate's ({@code shop.order.*}), its events are handled
 * without gaps: one that is ahead of its turn waits, and missing ones are asked for. Otherwise
 * nobody can tell a gap from what is not for the consumer; then events are handled once each, in
 * the order in which they arrive.
 *
 * @param consumer its name for ever: the group that shares the events among all its processes, and
 *     the memory of what was handled
 * @param source the service whose events they are
 * @param filter by content: an event it refuses counts as handled
 * @param priority of events that wait for a free slot of this process, those with more come first
 * @param timeout of one attempt, its transaction included
 * @param schemaVersionMax the newest version the handler understands; events of a newer one are
 *     parked
 * @param together so many events at most, each of another aggregate, are handled in one transaction
 *     when they wait at the same time: {@link EventHandler#handleAll}
 */
public record Subscription(
    String consumer,
    String source,
    List<TypePattern> types,
    Start start,
    Predicate<Event> filter,
    int priority,
    Duration timeout,
    RetryPolicy retries,
    int schemaVersionMax,
    int together) {

  public Subscription {
    types = List.copyOf(types);
    if (types.isEmpty()) {
      throw new IllegalArgumentException("types: none (expected: at least one)");
    }
    if (!timeout.isPositive()) {
      throw new IllegalArgumentException("timeout: " + timeout + " (expected: > 0)");
    }
    if (together < 1) {
      throw new IllegalArgumentException("together: " + together + " (expected: > 0)");
    }
  }

  /**
   * All events of these types from the first one on: every one of them, at priority 0, 5 s for an
   * attempt, {@link RetryPolicy#DEFAULT}, schema version 1, each by itself.
   */
  public static Subscription of(String consumer, String source, String... types) {
    return new Subscription(
        consumer,
        source,
        TypePattern.of(types),
        Start.BEGINNING,
        _ -> true,
        0,
        Duration.ofSeconds(5),
        RetryPolicy.DEFAULT,
        1,
        1);
  }

  /** For a consumer that is new: only what happens from now on. Gaps are not noticed. */
  public Subscription fromNowOn() {
    return new Subscription(
        consumer,
        source,
        types,
        Start.END,
        filter,
        priority,
        timeout,
        retries,
        schemaVersionMax,
        together);
  }

  public Subscription where(Predicate<Event> wanted) {
    return new Subscription(
        consumer,
        source,
        types,
        start,
        wanted,
        priority,
        timeout,
        retries,
        schemaVersionMax,
        together);
  }

  public Subscription priority(int higherComesFirst) {
    return new Subscription(
        consumer,
        source,
        types,
        start,
        filter,
        higherComesFirst,
        timeout,
        retries,
        schemaVersionMax,
        together);
  }

  public Subscription within(Duration attempt) {
    return new Subscription(
        consumer,
        source,
        types,
        start,
        filter,
        priority,
        attempt,
        retries,
        schemaVersionMax,
        together);
  }

  public Subscription retries(RetryPolicy policy) {
    return new Subscription(
        consumer,
        source,
        types,
        start,
        filter,
        priority,
        timeout,
        policy,
        schemaVersionMax,
        together);
  }

  public Subscription schemaVersionsUpTo(int version) {
    return new Subscription(
        consumer, source, types, start, filter, priority, timeout, retries, version, together);
  }

  /**
   * For a handler whose transaction takes in several events at little more cost than one, and that
   * says none: what it said would have no cause.
   */
  public Subscription together(int most) {
    return new Subscription(
        consumer, source, types, start, filter, priority, timeout, retries, schemaVersionMax, most);
  }

  /** Whether the consumer gets every event of such an aggregate, from its first one on. */
  boolean everyVersionOf(String aggregateType) {
    return start == Start.BEGINNING
        && types.stream().anyMatch(type -> type.coversAggregate(aggregateType));
  }

  boolean wants(String type) {
    return types.stream().anyMatch(pattern -> pattern.matches(type));
  }
}
