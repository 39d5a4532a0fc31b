package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.event.v1.EventLogServiceGrpc;
import dev.weft.event.v1.ReadAggregateRequest;
import dev.weft.event.v1.ReadEventsRequest;
import dev.weft.event.v1.ReadEventsResponse;
import dev.weft.mesh.Mesh;
import io.grpc.Channel;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * Reads events from the log of the service that says them, by {@code weft.event.v1}: nothing but
 * the services themselves is needed.
 *
 * <p>A feed holds one stream, which is opened again where the group had come to when it ends, after
 * a pause of up to 100 ms doubling to 5 s. It reads no further than 256 events ahead of what is
 * handled. Thread-safe.
 */
public final class GrpcEventTransport implements EventTransport {
  private static final Duration REPAIR = Duration.ofSeconds(2);

  private final Function<String, Channel> calls;
  private final Function<String, Channel> streams;

  /**
   * @param calls the way to a service by its name
   * @param streams as that, for streams
   */
  public GrpcEventTransport(Function<String, Channel> calls, Function<String, Channel> streams) {
    this.calls = calls;
    this.streams = streams;
  }

  /** Over the mesh. */
  public static GrpcEventTransport over(Mesh mesh) {
    return new GrpcEventTransport(mesh::channel, mesh::streamChannel);
  }

  @Override
  public Feed subscribe(Subscription subscription, Receiver receiver) {
    GrpcFeed feed =
        new GrpcFeed(
            subscription,
            receiver,
            EventLogServiceGrpc.newBlockingStub(streams.apply(subscription.source())),
            EventLogServiceGrpc.newBlockingStub(calls.apply(subscription.source())));
    feed.start();
    return feed;
  }

  @Override
  public List<Event> readAggregate(
      String source, String aggregateType, String id, long fromVersion) {
    return EventLogServiceGrpc.newBlockingStub(calls.apply(source))
        .withDeadlineAfter(REPAIR.toMillis(), TimeUnit.MILLISECONDS)
        .readAggregate(
            ReadAggregateRequest.newBuilder()
                .setAggregateType(aggregateType)
                .setAggregateId(id)
                .setFromVersion(fromVersion)
                .build())
        .getEventsList()
        .stream()
        .map(EventMessages::event)
        .toList();
  }

  /** Events of these types after a position, some or none, and where to go on. */
  LogPage readEvents(String source, long after, List<TypePattern> types, int atMost) {
    ReadEventsResponse reply =
        EventLogServiceGrpc.newBlockingStub(calls.apply(source))
            .withDeadlineAfter(REPAIR.toMillis(), TimeUnit.MILLISECONDS)
            .readEvents(
                ReadEventsRequest.newBuilder()
                    .setAfterPosition(after)
                    .addAllTypes(types.stream().map(TypePattern::text).toList())
                    .setPageSize(atMost)
                    .build());
    return new LogPage(
        reply.getEventsList().stream().map(EventMessages::event).toList(),
        reply.getPosition(),
        reply.getLastPosition());
  }

  @Override
  public void close() {
    // The channels belong to the mesh.
  }
}
