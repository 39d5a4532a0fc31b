package dev.weft.order;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Message;
import dev.weft.event.v1.AcknowledgeRequest;
import dev.weft.event.v1.AcknowledgeResponse;
import dev.weft.event.v1.Delivery;
import dev.weft.event.v1.Event;
import dev.weft.event.v1.EventLogServiceGrpc;
import dev.weft.event.v1.EventType;
import dev.weft.event.v1.ReadAggregateRequest;
import dev.weft.event.v1.ReadAggregateResponse;
import dev.weft.event.v1.SubscribeRequest;
import dev.weft.event.v1.SubscribeResponse;
import dev.weft.events.EventPayloads;
import dev.weft.shop.event.v1.UserCreated;
import dev.weft.shop.event.v1.UserDeleted;
import dev.weft.shop.event.v1.UserFacts;
import dev.weft.shop.event.v1.UserUpdated;
import dev.weft.shop.user.v1.User.State;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;

/**
 * What user-svc says, in the order in which the test has it arrive, as often as it likes. Whoever
 * subscribes gets all of it again.
 */
final class FakeUserLog extends EventLogServiceGrpc.EventLogServiceImplBase {
  static final String TRACE = "0af7651916cd43dd8448eb211c80319c";

  // Guarded by this.
  private final List<Event> arrived = new ArrayList<>();
  private final List<StreamObserver<SubscribeResponse>> readers = new ArrayList<>();

  /** That a user's account is now so. */
  static Event event(UUID user, long version, State state) {
    UserFacts facts =
        UserFacts.newBuilder()
            .setUserId(user.toString())
            .setState(state)
            .setVersion(version)
            .build();
    if (state == State.STATE_DELETED) {
      return event(user, version, UserDeleted.newBuilder().setUser(facts).build());
    }
    return version == 1
        ? event(user, version, UserCreated.newBuilder().setUser(facts).build())
        : event(user, version, UserUpdated.newBuilder().setUser(facts).build());
  }

  private static Event event(UUID user, long version, Message payload) {
    EventType type = EventPayloads.type(payload.getDescriptorForType());
    return Event.newBuilder()
        .setEventId(UUID.nameUUIDFromBytes((user + " " + version).getBytes(UTF_8)).toString())
        .setSource("user-svc")
        .setType(type.getType())
        .setSchemaVersion(type.getSchemaVersion())
        .setSubject(user.toString())
        .setAggregateType("shop.user")
        .setAggregateVersion(version)
        .setDataContentType("application/protobuf")
        .setDataSchema(payload.getDescriptorForType().getFullName())
        .setData(payload.toByteString())
        .setCorrelationId(TRACE)
        .setTraceParent("00-" + TRACE + "-b7ad6b7169203331-01")
        .build();
  }

  /** Has events arrive. */
  synchronized void bring(Event... events) {
    arrived.addAll(List.of(events));
    readers.forEach(reader -> reader.onNext(deliveries(List.of(events))));
  }

  @Override
  public synchronized void subscribe(
      SubscribeRequest request, StreamObserver<SubscribeResponse> reader) {
    ((ServerCallStreamObserver<SubscribeResponse>) reader).setOnCancelHandler(() -> leave(reader));
    readers.add(reader);
    reader.onNext(deliveries(arrived));
  }

  private synchronized void leave(StreamObserver<SubscribeResponse> reader) {
    readers.remove(reader);
  }

  @Override
  public void acknowledge(AcknowledgeRequest request, StreamObserver<AcknowledgeResponse> reply) {
    reply.onNext(AcknowledgeResponse.newBuilder().setCounted(request.getTokensCount()).build());
    reply.onCompleted();
  }

  @Override
  public synchronized void readAggregate(
      ReadAggregateRequest request, StreamObserver<ReadAggregateResponse> reply) {
    reply.onNext(
        ReadAggregateResponse.newBuilder()
            .addAllEvents(
                arrived.stream()
                    .distinct()
                    .filter(event -> event.getSubject().equals(request.getAggregateId()))
                    .filter(event -> event.getAggregateVersion() >= request.getFromVersion())
                    .sorted(Comparator.comparingLong(Event::getAggregateVersion))
                    .toList())
            .build());
    reply.onCompleted();
  }

  private static SubscribeResponse deliveries(List<Event> events) {
    SubscribeResponse.Builder message = SubscribeResponse.newBuilder();
    for (Event event : events) {
      message.addDeliveries(
          Delivery.newBuilder()
              .setLane(Math.floorMod(event.getSubject().hashCode(), 16))
              .setToken(event.getEventId())
              .setEvent(event));
    }
    return message.build();
  }
}
