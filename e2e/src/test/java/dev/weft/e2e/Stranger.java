package dev.weft.e2e;

import dev.weft.event.v1.AcknowledgeRequest;
import dev.weft.event.v1.Delivery;
import dev.weft.event.v1.Event;
import dev.weft.event.v1.EventLogServiceGrpc;
import dev.weft.event.v1.EventSubscription;
import dev.weft.event.v1.SubscribeRequest;
import dev.weft.event.v1.SubscribeResponse;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A service that reads events with generated stubs and nothing else of ours, as one in any language
 * would: subscribes, handles, acknowledges, and subscribes again when the stream ends.
 */
final class Stranger implements AutoCloseable {
  private static final int PAUSE_MILLIS = 200;

  private final Weft weft;
  private final String name;
  private final EventSubscription subscription;
  private final Consumer<Event> handler;
  private final boolean acknowledges;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Context.CancellableContext context = Context.ROOT.withCancellation();
  private final Thread thread;

  /**
   * @param acknowledges whether it lives long enough to say what it has handled
   */
  Stranger(
      Weft weft,
      String name,
      EventSubscription subscription,
      Consumer<Event> handler,
      boolean acknowledges) {
    this.weft = weft;
    this.name = name;
    this.subscription = subscription;
    this.handler = handler;
    this.acknowledges = acknowledges;
    thread = Thread.ofVirtual().name(name).start(context.wrap(this::run));
  }

  private void run() {
    try {
      do {
        try (var port = ServicePort.open(weft, subscription.getSource())) {
          read(port);
        } catch (StatusRuntimeException e) {
          // The source is away, or does not know the key yet.
        }
      } while (!closed.await(PAUSE_MILLIS, TimeUnit.MILLISECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void read(ServicePort port) {
    Iterator<SubscribeResponse> responses =
        EventLogServiceGrpc.newBlockingStub(port.asService(name))
            .subscribe(
                SubscribeRequest.newBuilder()
                    .setGroup(subscription.getGroup())
                    .addAllTypes(subscription.getTypesList())
                    .build());
    while (closed.getCount() > 0 && responses.hasNext()) {
      List<Delivery> deliveries = responses.next().getDeliveriesList();
      for (Delivery delivery : deliveries) {
        if (delivery.hasEvent()) {
          handler.accept(delivery.getEvent());
        }
      }
      if (acknowledges && !deliveries.isEmpty()) {
        acknowledge(port, deliveries.stream().map(Delivery::getToken).toList());
      }
    }
  }

  private void acknowledge(ServicePort port, List<String> tokens) {
    // A hundred at most; the last one of a lane stands for all before it.
    for (int from = 0; from < tokens.size(); from += 100) {
      EventLogServiceGrpc.newBlockingStub(port.asService(name))
          .withDeadlineAfter(10, TimeUnit.SECONDS)
          .acknowledge(
              AcknowledgeRequest.newBuilder()
                  .setGroup(subscription.getGroup())
                  .addAllTokens(tokens.subList(from, Math.min(from + 100, tokens.size())))
                  .build());
    }
  }

  @Override
  public void close() {
    closed.countDown();
    context.cancel(null);
    Threads.end(thread);
  }
}
