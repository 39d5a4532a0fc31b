package dev.weft.events;

import dev.weft.durable.Event;
import java.util.List;

/**
 * How events get from the services that say them to those that handle them: at least once, and the
 * events of an aggregate one after another.
 *
 * <p>What every transport promises is in the test suite that all of them pass.
 */
public sealed interface EventTransport extends AutoCloseable
    permits GrpcEventTransport, RabbitEventTransport {
  /**
   * Brings the events of a subscription to the receiver until the feed is closed. Processes that
   * subscribe for the same consumer share them. Whatever fails in between is tried again.
   */
  Feed subscribe(Subscription subscription, Receiver receiver);

  /**
   * Events of one aggregate from a version on, some or all; empty if there are none.
   *
   * @param source the service whose events they are
   * @throws RuntimeException if they cannot be read at the moment
   */
  List<Event> readAggregate(String source, String aggregateType, String id, long fromVersion);

  /** Lets go of what it holds, after its feeds were closed. */
  @Override
  void close();

  /** Where events arrive. Called for many aggregates at the same time. */
  interface Receiver {
    /**
     * Takes charge of the event. It returns when the event was handled or parked, and need not be
     * brought again.
     *
     * @throws RuntimeException if it could not; then it has to be brought again, before any later
     *     event of its aggregate
     */
    void receive(Event event) throws InterruptedException;

    /** As {@link #receive}, for a message that is no event. */
    void unreadable(byte[] message, String why) throws InterruptedException;

    /**
     * As {@link #receive}, for an event that the transport gave up bringing: it is kept for an
     * operator.
     */
    void givenUp(Event event, String why) throws InterruptedException;
  }

  /** A subscription that is being served. */
  interface Feed extends AutoCloseable {
    /** Ends it; what the receiver has taken charge of is acknowledged before. */
    @Override
    void close();
  }
}
