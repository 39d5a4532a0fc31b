package dev.weft.events;

import com.google.protobuf.Message;
import dev.weft.durable.Bell;
import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.Questions;
import dev.weft.durable.Questions.Noted;
import dev.weft.durable.Questions.Receipt;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.Telemetry;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks other services by events and waits for what they reply, for a bounded time: for what is
 * worth keeping over a crash of either side, or of a broker. For all else a call is simpler.
 *
 * <pre>{@code
 * asker = Asker.open(
 *     database, events, bus, Subscription.of("quotes", "carrier-svc", "shop.quote.given"), telemetry);
 *
 * switch (asker.ask(shipmentId, QuoteWanted.newBuilder()...build(), Duration.ofSeconds(3))) {
 *   case Asker.Replied(Event reply) -> take(EventPayloads.parse(reply, QuoteGiven.getDefaultInstance()));
 *   case Asker.TimedOut(UUID request) -> later();  // it may have been done, or be done yet
 *   case Asker.Refused(String why) -> never();     // nothing was asked
 * }
 * }</pre>
 *
 * <p>A request is an event of its own life, said once for each key, whoever asks how often: a
 * process that crashed while it waited asks again with the same key and gets the reply. The reply
 * is the first event of the subscription that names the request as its cause. Any process of the
 * service may take it in; it is kept in the database, for a week, also when it came late.
 *
 * <p>At most 256 calls of a process wait at the same time. Thread-safe; whoever opens it closes it
 * before the bus.
 */
public final class Asker implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Asker.class);
  private static final int WAITING_MAX = 256;

  /** For replies of which this process was not told. */
  private static final Duration LOOK = Duration.ofSeconds(1);

  private final Database database;
  private final EventLog events;
  private final Questions questions;
  private final AskMetrics metrics;
  private final String name;
  private final Duration look;
  private final Semaphore room;
  private final Set<Waiting> waiting = ConcurrentHashMap.newKeySet();
  private AutoCloseable subscribed = () -> {};

  /** A call that waits for the reply to a request. */
  private record Waiting(UUID request, Bell bell) {}

  /** How asking ended. */
  public sealed interface Outcome {}

  /** The reply. */
  public record Replied(Event reply) implements Outcome {}

  /**
   * There was no reply in time. What was asked for may have been done, or may yet be: {@link
   * #reply} tells of a reply that came late, and asking again with the same key asks for nothing
   * new.
   *
   * @param request id of the event that asked
   */
  public record TimedOut(UUID request) implements Outcome {}

  /** Nothing was asked, and nothing will be done. */
  public record Refused(String why) implements Outcome {}

  Asker(
      Database database,
      EventLog events,
      String name,
      Telemetry telemetry,
      int waitingMax,
      Duration look) {
    this.database = database;
    this.events = events;
    this.questions = new Questions(name);
    this.metrics = new AskMetrics(telemetry.meter(EventMetrics.SCOPE), name);
    this.name = name;
    this.look = look;
    this.room = new Semaphore(waitingMax);
    events.watch().alsoOfReplies(this::wake);
  }

  /**
   * One that takes in the replies of a subscription, whose consumer is its name.
   *
   * @param events this service's own, which say the requests; whoever replies needs a grant
   */
  public static Asker open(
      Database database, EventLog events, EventBus bus, Subscription replies, Telemetry telemetry) {
    Asker asker = new Asker(database, events, replies.consumer(), telemetry, WAITING_MAX, LOOK);
    asker.listen(bus, replies);
    return asker;
  }

  void listen(EventBus bus, Subscription replies) {
    subscribed = bus.subscribe(replies, this::take);
  }

  /**
   * Says the request, unless one with this key was, and waits for the reply; not inside a
   * transaction.
   *
   * @param key of the caller's choice, 255 characters at most, such as the id of what it asks for
   * @param request its contract names its type; compared as bytes with what was asked under the key
   * @param within how long to wait, and how long whoever answers may take it for wanted; a call
   *     that asks again waits no longer than the first one said
   * @throws IllegalArgumentException if the key was used for another request
   * @throws InterruptedException the request may have been said
   */
  public Outcome ask(String key, Message request, Duration within) throws InterruptedException {
    if (!room.tryAcquire()) {
      return metrics.count(new Refused("too many requests wait for replies"));
    }
    try {
      return metrics.count(saidAndAwaited(key, request, within));
    } finally {
      room.release();
    }
  }

  /** The reply to the request with this key, also one that came late; empty if there is none. */
  public Optional<Event> reply(String key) {
    return database.read(tx -> questions.reply(tx, key));
  }

  @Override
  public void close() {
    try {
      subscribed.close();
    } catch (Exception e) {
      log.debug("{}: its subscription does not close", name, e);
    }
  }

  private Outcome saidAndAwaited(String key, Message request, Duration within)
      throws InterruptedException {
    long begun = System.nanoTime();
    UUID id = UuidV7.next();
    byte[] content = request.toByteArray();
    AtomicBoolean handedOver = new AtomicBoolean();
    Noted noted;
    try {
      noted =
          database.inTransaction(
              tx -> {
                handedOver.set(false);
                Noted one = questions.note(tx, key, id, content, within);
                if (one.fresh()) {
                  events.publish(tx, id, request, within);
                }
                handedOver.set(true);
                return one;
              });
    } catch (IllegalArgumentException e) {
      throw e;
    } catch (RuntimeException e) {
      if (!handedOver.get()) {
        log.debug("{}: a request was not said", name, e);
        return new Refused("the request could not be said: " + e.getMessage());
      }
      // Its commit failed, or the answer to it was lost: nobody knows, so a reply may come.
      log.debug("{}: request {} may not have been said", name, id, e);
      noted = new Noted(id, true, true, within);
    }
    if (!noted.same()) {
      throw new IllegalArgumentException("key: " + key + " was used for another request");
    }
    Duration left = noted.left().compareTo(within) < 0 ? noted.left() : within;
    return await(noted.id(), begun + left.toNanos());
  }

  private Outcome await(UUID request, long until) throws InterruptedException {
    Waiting self = new Waiting(request, new Bell());
    waiting.add(self);
    try {
      while (true) {
        long mark = self.bell.mark();
        Optional<Event> reply = look(request);
        if (reply.isPresent()) {
          return new Replied(reply.get());
        }
        Duration left = Duration.ofNanos(until - System.nanoTime());
        if (!left.isPositive()) {
          return new TimedOut(request);
        }
        boolean _ = self.bell.awaitAfter(mark, left.compareTo(look) < 0 ? left : look);
      }
    } finally {
      waiting.remove(self);
    }
  }

  /** A database that is away for a moment ends no waiting. */
  private Optional<Event> look(UUID request) {
    try {
      return database.read(tx -> Questions.reply(tx, request));
    } catch (RuntimeException e) {
      log.debug("{}: the reply to {} cannot be looked for", name, request, e);
      return Optional.empty();
    }
  }

  /** Takes a reply in, in the transaction of the inbox. */
  private void take(Handle tx, Event reply) {
    Receipt receipt = questions.take(tx, reply);
    database.afterCommit(
        () -> {
          metrics.reply(receipt);
          if (receipt != Receipt.NOT_AWAITED) {
            reply.origin().causationId().ifPresent(events.watch()::replied);
          }
        });
  }

  private boolean wake(UUID request) {
    boolean waited = false;
    for (Waiting one : waiting) {
      if (one.request.equals(request)) {
        one.bell.ring();
        waited = true;
      }
    }
    return waited;
  }
}
