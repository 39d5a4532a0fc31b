package dev.weft.events;

import com.google.protobuf.ByteString;
import dev.weft.admin.v1.DeadLetter;
import dev.weft.admin.v1.DiscardDeadLettersRequest;
import dev.weft.admin.v1.DiscardDeadLettersResponse;
import dev.weft.admin.v1.EventAdminServiceGrpc;
import dev.weft.admin.v1.EventGroup;
import dev.weft.admin.v1.GetDeadLetterRequest;
import dev.weft.admin.v1.GetDeadLetterResponse;
import dev.weft.admin.v1.ListDeadLettersRequest;
import dev.weft.admin.v1.ListDeadLettersResponse;
import dev.weft.admin.v1.ListEventGroupsRequest;
import dev.weft.admin.v1.ListEventGroupsResponse;
import dev.weft.admin.v1.RedriveDeadLettersRequest;
import dev.weft.admin.v1.RedriveDeadLettersResponse;
import dev.weft.admin.v1.ReplayEventsRequest;
import dev.weft.admin.v1.ReplayEventsResponse;
import dev.weft.admin.v1.TailEventsRequest;
import dev.weft.admin.v1.TailEventsResponse;
import dev.weft.durable.Database;
import dev.weft.durable.EventGroups;
import dev.weft.durable.EventGroups.Progress;
import dev.weft.durable.EventStore;
import dev.weft.durable.Inbox;
import dev.weft.durable.PageToken;
import dev.weft.durable.ParkedEvents;
import dev.weft.durable.ParkedEvents.Parked;
import dev.weft.durable.ParkedEvents.Reason;
import dev.weft.mesh.PageSize;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Timestamps;
import dev.weft.mesh.UuidText;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an operator sees and moves of a service's events: its own log, and what its consumers could
 * not take in.
 *
 * <p>What was redriven or discarded is looked at within seconds by whichever process handles the
 * consumer's events.
 */
public final class EventAdminService extends EventAdminServiceGrpc.EventAdminServiceImplBase {
  private static final Logger log = LoggerFactory.getLogger(EventAdminService.class);
  private static final PageSize LETTERS = new PageSize(50, 200);

  private final Database database;
  private final EventStore store;
  private final EventGroups groups;

  public EventAdminService(Database database) {
    this.database = database;
    this.store = new EventStore(database);
    this.groups = new EventGroups(database);
  }

  @Override
  public void tailEvents(TailEventsRequest request, StreamObserver<TailEventsResponse> replies) {
    long after = request.getAfterPosition();
    LogPage page =
        LogPage.read(
            store,
            after < 0 ? Math.max(0, store.last() + after) : after,
            request.getTypesCount() == 0
                ? TypePattern.of("#")
                : LogPage.patterns(request.getTypesList()),
            EventLogService.PAGE.of(request.getPageSize()));
    TailEventsResponse.Builder reply =
        TailEventsResponse.newBuilder()
            .setPosition(page.position())
            .setLastPosition(page.lastPosition());
    page.events().forEach(event -> reply.addEvents(EventMessages.message(event)));
    answer(replies, reply.build());
  }

  @Override
  public void listEventGroups(
      ListEventGroupsRequest request, StreamObserver<ListEventGroupsResponse> replies) {
    ListEventGroupsResponse.Builder reply = ListEventGroupsResponse.newBuilder();
    for (Progress progress : groups.progress()) {
      reply.addGroups(
          EventGroup.newBuilder()
              .setGroup(progress.group())
              .setPosition(progress.position())
              .setBehind(progress.behind())
              .setMembers(progress.members()));
    }
    answer(replies, reply.build());
  }

  @Override
  public void replayEvents(
      ReplayEventsRequest request, StreamObserver<ReplayEventsResponse> replies) {
    long after = request.getAfterPosition();
    long last = store.last();
    if (after < 0 || after > last) {
      throw Rejection.invalid("after_position", "must be from 0 to the last position");
    }
    if (groups.progress().stream().noneMatch(one -> one.group().equals(request.getGroup()))) {
      throw Rejection.notFound("EVENT_GROUP_NOT_FOUND", "no such group reads this log");
    }
    if (!request.getDryRun()) {
      groups.move(request.getGroup(), after);
      log.info("group {} reads again from after position {}", request.getGroup(), after);
    }
    answer(replies, ReplayEventsResponse.newBuilder().setEvents(last - after).build());
  }

  @Override
  public void listDeadLetters(
      ListDeadLettersRequest request, StreamObserver<ListDeadLettersResponse> replies) {
    int size = LETTERS.of(request.getPageSize());
    String[] arguments = {"dead-letters", request.getConsumer(), request.getType()};
    Optional<ParkedEvents.Key> after = lastKey(request.getPageToken(), arguments);
    List<Parked> found =
        database.read(
            tx ->
                ParkedEvents.dead(
                    tx, set(request.getConsumer()), set(request.getType()), after, size + 1));
    List<Parked> shown = found.size() > size ? found.subList(0, size) : found;
    ListDeadLettersResponse.Builder reply = ListDeadLettersResponse.newBuilder();
    for (Parked parked : shown) {
      DeadLetter.Builder letter = letter(parked);
      letter.getEventBuilder().setData(ByteString.EMPTY);
      reply.addDeadLetters(letter);
    }
    if (found.size() > size) {
      reply.setNextPageToken(PageToken.after(sortKey(shown.getLast().key()), arguments));
    }
    answer(replies, reply.build());
  }

  @Override
  public void getDeadLetter(
      GetDeadLetterRequest request, StreamObserver<GetDeadLetterResponse> replies) {
    UUID id = UuidText.parse("event_id", request.getEventId());
    Parked parked =
        database
            .read(tx -> new ParkedEvents(request.getConsumer()).find(tx, id))
            .filter(one -> one.reason().dead())
            .orElseThrow(() -> Rejection.notFound("DEAD_LETTER_NOT_FOUND", "no such dead letter"));
    answer(replies, GetDeadLetterResponse.newBuilder().setDeadLetter(letter(parked)).build());
  }

  @Override
  public void redriveDeadLetters(
      RedriveDeadLettersRequest request, StreamObserver<RedriveDeadLettersResponse> replies) {
    String consumer = consumer(request.getConsumer());
    List<UUID> wanted = ids(request.getEventIdsList());
    List<UUID> moved =
        database.inTransaction(
            tx ->
                dead(tx, consumer, wanted).stream()
                    .map(letter -> letter.event().id())
                    .filter(id -> request.getDryRun() || new ParkedEvents(consumer).redrive(tx, id))
                    .toList());
    if (!request.getDryRun()) {
      log.info("{} dead letters of {} are tried again", moved.size(), consumer);
    }
    answer(replies, RedriveDeadLettersResponse.newBuilder().addAllEventIds(strings(moved)).build());
  }

  @Override
  public void discardDeadLetters(
      DiscardDeadLettersRequest request, StreamObserver<DiscardDeadLettersResponse> replies) {
    String consumer = consumer(request.getConsumer());
    List<UUID> wanted = ids(request.getEventIdsList());
    if (wanted.isEmpty()) {
      throw Rejection.invalid("event_ids", "must name at least one");
    }
    List<UUID> gone =
        database.inTransaction(
            tx -> {
              List<Parked> letters = dead(tx, consumer, wanted);
              if (!request.getDryRun()) {
                Inbox inbox = new Inbox(consumer, Inbox.Order.SOME_VERSIONS);
                letters.forEach(letter -> inbox.discard(tx, letter.event()));
              }
              return letters.stream().map(letter -> letter.event().id()).toList();
            });
    if (!request.getDryRun()) {
      log.info("dead letters of {} were given up: {}", consumer, gone);
    }
    answer(replies, DiscardDeadLettersResponse.newBuilder().addAllEventIds(strings(gone)).build());
  }

  private static List<Parked> dead(Handle tx, String consumer, List<UUID> wanted) {
    if (wanted.isEmpty()) {
      return ParkedEvents.dead(
          tx, Optional.of(consumer), Optional.empty(), Optional.empty(), LETTERS.max());
    }
    ParkedEvents parked = new ParkedEvents(consumer);
    return wanted.stream()
        .flatMap(id -> parked.find(tx, id).stream())
        .filter(letter -> letter.reason().dead())
        .toList();
  }

  private static DeadLetter.Builder letter(Parked parked) {
    return DeadLetter.newBuilder()
        .setConsumer(parked.consumer())
        .setEvent(EventMessages.message(parked.event()))
        .setReason(
            parked.reason() == Reason.UNREADABLE
                ? DeadLetter.Reason.REASON_UNREADABLE
                : DeadLetter.Reason.REASON_FAILED)
        .setAttempts(parked.attempts())
        .setError(parked.error())
        .setParkTime(Timestamps.of(parked.parkedAt()));
  }

  private static String consumer(String name) {
    if (name.isEmpty()) {
      throw Rejection.invalid("consumer", "must be named");
    }
    return name;
  }

  private static List<UUID> ids(List<String> ids) {
    if (ids.size() > LETTERS.max()) {
      throw Rejection.invalid("event_ids", "must be " + LETTERS.max() + " at most");
    }
    return ids.stream().map(id -> UuidText.parse("event_ids", id)).distinct().toList();
  }

  private static List<String> strings(List<UUID> ids) {
    return ids.stream().map(UUID::toString).toList();
  }

  private static String sortKey(ParkedEvents.Key key) {
    return key.eventId() + "/" + key.consumer();
  }

  private static Optional<ParkedEvents.Key> lastKey(String token, String... arguments) {
    try {
      return PageToken.lastKey(token, arguments)
          .map(key -> key.split("/", 2))
          .map(parts -> new ParkedEvents.Key(UUID.fromString(parts[0]), parts[1]));
    } catch (IllegalArgumentException e) {
      throw Rejection.invalid("page_token", "does not belong to this list");
    }
  }

  private static Optional<String> set(String text) {
    return text.isEmpty() ? Optional.empty() : Optional.of(text);
  }

  private static <T> void answer(StreamObserver<T> replies, T message) {
    replies.onNext(message);
    replies.onCompleted();
  }
}
