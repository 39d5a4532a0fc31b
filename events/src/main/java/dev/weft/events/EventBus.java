package dev.weft.events;

import dev.weft.durable.Database;
import dev.weft.mesh.Telemetry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles events of other services, and of this one: each once per consumer, in the transaction of
 * its effect, in the order of each aggregate.
 *
 * <pre>{@code
 * bus = EventTransports.from(env, "shipping-svc").bus(database, mesh);
 * bus.subscribe(
 *     Subscription.of("shipping", "order-svc", "shop.order.*").retries(...),
 *     (tx, event) -> shipments.plan(
 *         tx, EventPayloads.parse(event, OrderConfirmed.getDefaultInstance())));
 * }</pre>
 *
 * <p>A handler that fails is tried again later, from the consumer's own tables: other aggregates do
 * not wait, later events of the same one do. After its last attempt the event is a dead letter,
 * which {@link EventAdminService} shows, redrives and discards.
 *
 * <p>Thread-safe. Whoever makes it closes it.
 */
public final class EventBus implements AutoCloseable {
  /** Handlers of a process that run at the same time: each holds a connection of the pool. */
  static final int SLOTS = 4;

  private static final Duration REPAIR_AFTER = Duration.ofSeconds(1);
  private static final Logger log = LoggerFactory.getLogger(EventBus.class);

  private final Database database;
  private final EventTransport transport;
  private final Duration repairAfter;
  private final AutoCloseable alsoClosed;
  private final List<Middleware> middleware = new CopyOnWriteArrayList<>();
  private final Map<String, Subscribed> subscriptions = new ConcurrentHashMap<>();
  private final Subscriber.Shared shared;

  /**
   * One whose events come a certain way; {@link EventTransports#bus} is what goes with the
   * environment.
   *
   * @param database of the consumers' effects
   * @param transport closed by whoever opened it
   */
  public EventBus(Database database, EventTransport transport, Telemetry telemetry) {
    this(database, transport, telemetry, SLOTS, REPAIR_AFTER, () -> {});
  }

  /** One that closes the transport at its end. */
  static EventBus owning(EventTransport transport, Database database, Telemetry telemetry) {
    return new EventBus(database, transport, telemetry, SLOTS, REPAIR_AFTER, transport);
  }

  EventBus(
      Database database,
      EventTransport transport,
      Telemetry telemetry,
      int slots,
      Duration repairAfter,
      AutoCloseable alsoClosed) {
    this.alsoClosed = alsoClosed;
    this.database = database;
    this.transport = transport;
    this.repairAfter = repairAfter;
    this.shared =
        new Subscriber.Shared(
            database,
            new PriorityGate(slots),
            middleware,
            new EventTrace(telemetry.tracer(EventMetrics.SCOPE)),
            new EventMetrics(telemetry.meter(EventMetrics.SCOPE), InstantSource.system()),
            InstantSource.system());
  }

  /** Lets a middleware see every event from now on, after those that are there. */
  public EventBus use(Middleware one) {
    middleware.add(one);
    return this;
  }

  /**
   * Handles the events of a subscription until that is closed, in the background.
   *
   * @throws IllegalArgumentException if the consumer is subscribed here already
   */
  public Subscribed subscribe(Subscription subscription, EventHandler handler) {
    Subscribed subscribed = new Subscribed(subscription, handler);
    if (subscriptions.putIfAbsent(subscription.consumer(), subscribed) != null) {
      throw new IllegalArgumentException(
          "consumer: " + subscription.consumer() + " is subscribed already");
    }
    subscribed.start();
    return subscribed;
  }

  @Override
  public void close() {
    List.copyOf(subscriptions.values()).forEach(Subscribed::close);
    try {
      alsoClosed.close();
    } catch (Exception e) {
      log.debug("the way by which events came does not close", e);
    }
  }

  /** A subscription that is being handled; closing it unsubscribes this one and no other. */
  public final class Subscribed implements AutoCloseable {
    private final Subscription subscription;
    private final RetryLoop retries;
    private final Subscriber subscriber;
    private EventTransport.Feed feed = () -> {};
    private AutoCloseable gauge = () -> {};

    private Subscribed(Subscription subscription, EventHandler handler) {
      this.subscription = subscription;
      retries = new RetryLoop(subscription, repairAfter, database, transport);
      subscriber = new Subscriber(subscription, handler, shared, repairAfter, retries::wake);
    }

    private synchronized void start() {
      gauge = shared.metrics().parked(database, subscription.consumer());
      retries.start(subscriber);
      feed = transport.subscribe(subscription, subscriber);
    }

    /** Ends it, after the handlers that run now; what is left is for other processes, or later. */
    @Override
    public synchronized void close() {
      if (subscriptions.remove(subscription.consumer(), this)) {
        feed.close();
        retries.close();
        try {
          gauge.close();
        } catch (Exception e) {
          log.debug("{}: its gauge stays", subscription.consumer(), e);
        }
      }
    }
  }
}
