package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.durable.EventGroups;
import dev.weft.durable.EventGroups.Share;
import dev.weft.durable.EventStore;
import dev.weft.durable.EventWatch;
import dev.weft.durable.UuidV7;
import dev.weft.event.v1.Delivery;
import dev.weft.event.v1.SubscribeResponse;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One member of a group: holds its share of the lanes and sends what is new in them, no faster than
 * the client reads. Runs on a thread of its own, because the thread of the call has to be free to
 * hear that the client is gone or can take more.
 */
final class EventStream {
  private static final Logger log = LoggerFactory.getLogger(EventStream.class);
  private static final int BATCH = 100;

  /**
   * How long a member is waited for, and how often it says that it is there.
   *
   * @param heartbeat a stream on which nothing was sent for so long gets an empty message
   */
  record Pace(Duration lease, Duration renewal, Duration heartbeat) {
    static final Pace DEFAULT =
        new Pace(Duration.ofSeconds(6), Duration.ofSeconds(2), Duration.ofSeconds(15));
  }

  private final EventStore store;
  private final EventGroups groups;
  private final EventWatch watch;
  private final Pace pace;
  private final String group;
  private final List<TypePattern> types;
  private final ServerCallStreamObserver<SubscribeResponse> replies;
  private final UUID member = UuidV7.next();
  private final LaneCursors lanes = new LaneCursors();
  private final Thread thread;
  private long sentAt = System.nanoTime();

  EventStream(
      EventStore store,
      EventGroups groups,
      EventWatch watch,
      Pace pace,
      String group,
      List<TypePattern> types,
      ServerCallStreamObserver<SubscribeResponse> replies) {
    this.store = store;
    this.groups = groups;
    this.watch = watch;
    this.pace = pace;
    this.group = group;
    this.types = types;
    this.replies = replies;
    this.thread =
        Thread.ofVirtual().name("events-to-" + group).unstarted(Context.current().wrap(this::run));
  }

  /** Begins; to be called from the call's own method, which then returns. */
  void start() {
    replies.setOnReadyHandler(() -> LockSupport.unpark(thread));
    replies.setOnCancelHandler(thread::interrupt);
    thread.start();
  }

  private void run() {
    try {
      serve();
    } catch (InterruptedException e) {
      // The client is gone, or the server drains and has ended the call.
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      if (!replies.isCancelled()) {
        replies.onError(e);
      }
    } finally {
      leave();
    }
  }

  private void serve() throws InterruptedException {
    long renewAt = System.nanoTime();
    while (!replies.isCancelled()) {
      if (System.nanoTime() - renewAt >= 0) {
        renewAt = System.nanoTime() + pace.renewal().toNanos();
        lanes.hold(groups.renew(group, member, pace.lease()));
        watch.saw(store.last());
        tellRest();
      }
      long mark = watch.mark();
      Duration left = Duration.ofNanos(Math.max(0, renewAt - System.nanoTime()));
      if (!replies.isReady()) {
        LockSupport.parkNanos(this, left.toNanos());
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
      } else if (!sendMore()) {
        watch.awaitAfter(mark, left);
      }
    }
  }

  /** Sends what is next in the lanes that are furthest behind; says whether there was anything. */
  private boolean sendMore() {
    if (lanes.empty()) {
      return false;
    }
    long last = watch.last();
    LaneCursors.Front front = lanes.front();
    if (front.position() >= last) {
      return false;
    }
    List<Event> events = store.read(front.position(), front.lanes(), BATCH);
    lanes.advance(
        front,
        events.size() == BATCH
            ? events.getLast().position()
            : Math.max(last, events.isEmpty() ? 0 : events.getLast().position()));
    SubscribeResponse.Builder message = SubscribeResponse.newBuilder();
    for (Event event : events) {
      if (types.stream().anyMatch(type -> type.matches(event.type()))) {
        Share share = lanes.tell(event.aggregate().bucket(), event.position());
        message.addDeliveries(delivery(share).setEvent(EventMessages.message(event)));
      }
    }
    if (message.getDeliveriesCount() > 0) {
      send(message.build());
    }
    return true;
  }

  /** Lets the client acknowledge what had nothing for it, and hear that the stream lives. */
  private void tellRest() {
    SubscribeResponse.Builder message = SubscribeResponse.newBuilder();
    lanes.tellRest().forEach(share -> message.addDeliveries(delivery(share)));
    boolean silent = System.nanoTime() - sentAt >= pace.heartbeat().toNanos();
    if (message.getDeliveriesCount() > 0 || silent) {
      send(message.build());
    }
  }

  private Delivery.Builder delivery(Share share) {
    return Delivery.newBuilder()
        .setLane(share.bucket())
        .setToken(new AckToken(member, share).toString());
  }

  private void send(SubscribeResponse message) {
    sentAt = System.nanoTime();
    replies.onNext(message);
  }

  private void leave() {
    // Set if we were interrupted, and it would end the last statement.
    boolean interrupted = Thread.interrupted();
    try {
      groups.leave(group, member);
    } catch (RuntimeException e) {
      log.debug("the lanes of a member of {} wait for the end of their lease", group, e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
