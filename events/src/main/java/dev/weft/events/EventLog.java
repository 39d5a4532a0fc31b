package dev.weft.events;

import com.google.protobuf.Message;
import dev.weft.durable.Database;
import dev.weft.durable.Event.Content;
import dev.weft.durable.EventGroups;
import dev.weft.durable.EventStore;
import dev.weft.durable.EventWatch;
import dev.weft.durable.NewEvent;
import dev.weft.durable.Outbox;
import dev.weft.durable.Sequencer;
import dev.weft.event.v1.EventType;
import dev.weft.mesh.Telemetry;
import io.grpc.BindableService;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * What a service runs that says events: says them in the transaction of their effect, gives them
 * their positions, and lets others read them.
 *
 * <pre>{@code
 * events = EventTransports.from(env, "order-svc").log(database,
 *     EventGrants.of(EventGrants.grant("shipping-svc", "shipping", "shop.order.confirmed")),
 *     mesh);
 * server = mesh.server(new OrderService(orders), events.service());
 *
 * long version = store.confirm(tx, orderId); // locks the order's row
 * events.publish(tx, orderId.toString(), version, OrderConfirmed.newBuilder()...build());
 * }</pre>
 *
 * <p>Thread-safe. Whoever makes it starts and closes it.
 */
public final class EventLog implements AutoCloseable {
  private static final String PROTOBUF = "application/protobuf";

  private final EventStore store;
  private final EventGroups groups;
  private final EventWatch watch;
  private final Sequencer sequencer;
  private final Outbox outbox;
  private final EventGrants grants;
  private final EventStream.Pace pace;
  private Optional<RabbitPublisher> publisher = Optional.empty();

  /**
   * One that others read by gRPC and no other way; {@link EventTransports#log} is what goes with
   * the environment.
   *
   * @param source the service's name
   * @param grants who may read what
   */
  public EventLog(Database database, String source, EventGrants grants, Telemetry telemetry) {
    this(database, source, grants, telemetry, EventStream.Pace.DEFAULT);
  }

  EventLog(
      Database database,
      String source,
      EventGrants grants,
      Telemetry telemetry,
      EventStream.Pace pace) {
    this.grants = grants;
    this.pace = pace;
    store = new EventStore(database);
    groups = new EventGroups(database);
    watch = new EventWatch(database);
    sequencer = new Sequencer(database, source, watch);
    outbox = new Outbox(database, source, sequencer);
    EventMetrics.ofLog(telemetry.meter(EventMetrics.SCOPE), outbox, groups);
  }

  /**
   * As {@link #publish(Handle, String, int, String, long, Message)}, for a payload whose contract
   * names type and schema version.
   */
  public UUID publish(Handle tx, String aggregateId, long aggregateVersion, Message payload) {
    EventType type = EventPayloads.type(payload.getDescriptorForType());
    return publish(
        tx, type.getType(), type.getSchemaVersion(), aggregateId, aggregateVersion, payload);
  }

  /**
   * Says an event in the caller's transaction; others learn of it when that commits, and never if
   * it does not. Its trace, correlation and cause are those of this thread: of the call that is
   * being served, or of the event that is being handled.
   *
   * @param type the aggregate's type and a verb in the past tense: {@code shop.order.confirmed}
   * @param schemaVersion of the payload, from 1 on
   * @param aggregateVersion one more than that of the aggregate's event before it, from 1 on; kept
   *     in the aggregate's own row, which is locked by now
   * @param payload ids and what others need, no personal data
   * @return the event's id; who has handled it by now is told by the groups' positions
   */
  public UUID publish(
      Handle tx,
      String type,
      int schemaVersion,
      String aggregateId,
      long aggregateVersion,
      Message payload) {
    return outbox.append(
        tx,
        new NewEvent(
            type,
            schemaVersion,
            aggregateId,
            aggregateVersion,
            content(payload),
            EventTrace.origin()));
  }

  /**
   * Says an event that has a life of its own and is of interest for so long.
   *
   * @param id that it gets, which is its aggregate's, too
   */
  void publish(Handle tx, UUID id, Message payload, Duration expiresAfter) {
    EventType type = EventPayloads.type(payload.getDescriptorForType());
    outbox.append(
        tx,
        id,
        new NewEvent(
            type.getType(),
            type.getSchemaVersion(),
            id.toString(),
            1,
            content(payload),
            EventTrace.origin(),
            Optional.of(expiresAfter)));
  }

  private static Content content(Message payload) {
    return new Content(
        PROTOBUF, payload.getDescriptorForType().getFullName(), payload.toByteArray());
  }

  /** The log itself. */
  public EventStore store() {
    return store;
  }

  /** Who reads it, and how far they are. */
  public EventGroups groups() {
    return groups;
  }

  /** Puts the events into the broker as well, while the log runs. */
  EventLog alsoThrough(RabbitPublisher one) {
    publisher = Optional.of(one);
    return this;
  }

  /** What tells of new events. */
  EventWatch watch() {
    return watch;
  }

  /** The log for other services. */
  public BindableService service() {
    return new EventLogService(store, groups, watch, grants, pace);
  }

  /** Gives positions from now on, in the background. */
  public void start() {
    watch.start();
    sequencer.start();
    publisher.ifPresent(RabbitPublisher::start);
  }

  @Override
  public void close() {
    publisher.ifPresent(RabbitPublisher::close);
    sequencer.close();
    watch.close();
  }
}
