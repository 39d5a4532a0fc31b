package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.durable.EventGroups.Start;
import dev.weft.event.v1.Delivery;
import dev.weft.event.v1.EventLogServiceGrpc.EventLogServiceBlockingStub;
import dev.weft.event.v1.SubscribeRequest;
import dev.weft.event.v1.SubscribeResponse;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One subscription by gRPC: a stream that is opened again whenever it ends. */
final class GrpcFeed implements EventTransport.Feed {
  private static final Logger log = LoggerFactory.getLogger(GrpcFeed.class);
  private static final long FIRST_PAUSE_MILLIS = 100;
  private static final long LONGEST_PAUSE_MILLIS = 5_000;
  private static final Duration END_MAX = Duration.ofSeconds(10);

  private final String consumer;
  private final SubscribeRequest request;
  private final EventTransport.Receiver receiver;
  private final EventLogServiceBlockingStub streams;
  private final Acknowledgements acknowledgements;
  // Its own context: the feed outlives whatever call opened it.
  private final Context.CancellableContext context = Context.ROOT.withCancellation();
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread;
  private volatile Lanes lanes;
  private long pauseMillis = FIRST_PAUSE_MILLIS;
  private boolean reported;

  GrpcFeed(
      Subscription subscription,
      EventTransport.Receiver receiver,
      EventLogServiceBlockingStub streams,
      EventLogServiceBlockingStub calls) {
    this.consumer = subscription.consumer();
    this.receiver = receiver;
    this.streams = streams;
    this.request =
        SubscribeRequest.newBuilder()
            .setGroup(consumer)
            .addAllTypes(subscription.types().stream().map(TypePattern::text).toList())
            .setStart(
                subscription.start() == Start.END
                    ? SubscribeRequest.Start.START_END
                    : SubscribeRequest.Start.START_BEGINNING)
            .build();
    this.acknowledgements = new Acknowledgements(consumer, calls);
    this.lanes = new Lanes(receiver);
    this.thread = Thread.ofVirtual().name("events-" + consumer).unstarted(context.wrap(this::run));
  }

  void start() {
    acknowledgements.start();
    thread.start();
  }

  // In this order: what was taken in has to be acknowledged while we still hold the lanes.
  @Override
  public void close() {
    closing.countDown();
    lanes.close();
    acknowledgements.close();
    context.cancel(null);
    thread.interrupt();
    try {
      thread.join(END_MAX);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    try {
      while (closing.getCount() > 0) {
        try {
          read();
        } catch (StatusRuntimeException e) {
          ended(e.getStatus());
        }
        pause();
        lanes.close();
        lanes = new Lanes(receiver);
      }
    } catch (InterruptedException e) {
      // Only close interrupts.
      Thread.currentThread().interrupt();
    } finally {
      lanes.close();
    }
  }

  private void read() throws InterruptedException {
    Iterator<SubscribeResponse> messages = streams.subscribe(request);
    while (messages.hasNext()) {
      SubscribeResponse message = messages.next();
      pauseMillis = FIRST_PAUSE_MILLIS;
      if (reported) {
        reported = false;
        log.info("{}: events arrive again", consumer);
      }
      for (Delivery delivery : message.getDeliveriesList()) {
        lanes.put(new Item(delivery, acknowledgements));
      }
    }
  }

  private void ended(Status status) {
    if (closing.getCount() == 0 || reported) {
      return;
    }
    switch (status.getCode()) {
      case PERMISSION_DENIED, INVALID_ARGUMENT, UNAUTHENTICATED -> {
        reported = true;
        log.error("{}: its events are refused, tried again and again: {}", consumer, status);
      }
      default -> {
        if (pauseMillis > FIRST_PAUSE_MILLIS) {
          reported = true;
          log.warn("{}: events do not arrive ({}), it is tried again", consumer, status.getCode());
        }
      }
    }
  }

  private void pause() throws InterruptedException {
    long millis = ThreadLocalRandom.current().nextLong(pauseMillis) + 1;
    pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
    boolean _ = closing.await(millis, TimeUnit.MILLISECONDS);
  }

  /** A delivery of the stream. */
  private record Item(Delivery delivery, Acknowledgements acknowledgements) implements Lanes.Item {
    @Override
    public int lane() {
      return delivery.getLane();
    }

    @Override
    public String name() {
      return delivery.getEvent().getEventId();
    }

    @Override
    public void handOver(EventTransport.Receiver receiver) throws InterruptedException {
      if (!delivery.hasEvent()) {
        return;
      }
      Event event;
      try {
        event = EventMessages.event(delivery.getEvent());
      } catch (UnreadableEventException e) {
        receiver.unreadable(delivery.getEvent().toByteArray(), String.valueOf(e.getMessage()));
        return;
      }
      receiver.receive(event);
    }

    @Override
    public void acknowledge() {
      acknowledgements.done(delivery.getLane(), delivery.getToken());
    }
  }
}
