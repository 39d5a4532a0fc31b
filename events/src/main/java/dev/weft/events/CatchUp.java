package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.durable.EventGroups.Start;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * Brings a consumer whose queues have just been made what was said before: from the log of the
 * source, which has everything.
 */
final class CatchUp {
  private static final int PAGE = 200;

  private final Subscription subscription;
  private final EventTransport.Receiver receiver;
  private final GrpcEventTransport log;

  CatchUp(Subscription subscription, EventTransport.Receiver receiver, GrpcEventTransport log) {
    this.subscription = subscription;
    this.receiver = receiver;
    this.log = log;
  }

  /**
   * Hands over all that the log holds at the moment, in the order of each aggregate; returns its
   * last position, or -1 if it was stopped. A consumer that wants only what happens from now on
   * gets nothing.
   *
   * @throws io.grpc.StatusRuntimeException if the log cannot be read at the moment
   */
  long run(BooleanSupplier stopped) throws InterruptedException {
    List<TypePattern> types = subscription.types();
    long last = log.readEvents(subscription.source(), 0, types, 1).lastPosition();
    if (subscription.start() == Start.END) {
      return last;
    }
    try (Lanes lanes = new Lanes(receiver)) {
      long position = 0;
      while (position < last) {
        LogPage page = log.readEvents(subscription.source(), position, types, PAGE);
        position = Math.max(page.position(), position);
        for (Event event : page.events()) {
          if (stopped.getAsBoolean()) {
            return -1;
          }
          if (event.position() <= last) {
            lanes.put(new Item(event));
          }
        }
      }
      while (!lanes.drain(Duration.ofMillis(100))) {
        if (stopped.getAsBoolean()) {
          return -1;
        }
      }
    }
    return last;
  }

  private record Item(Event event) implements Lanes.Item {
    @Override
    public int lane() {
      return event.aggregate().bucket();
    }

    @Override
    public String name() {
      return event.id().toString();
    }

    @Override
    public void handOver(EventTransport.Receiver receiver) throws InterruptedException {
      receiver.receive(event);
    }

    @Override
    public void acknowledge() {
      // The log keeps it: nobody waits for this.
    }
  }
}
