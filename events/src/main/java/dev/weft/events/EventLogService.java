package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.durable.EventGroups;
import dev.weft.durable.EventGroups.Share;
import dev.weft.durable.EventGroups.Start;
import dev.weft.durable.EventStore;
import dev.weft.durable.EventWatch;
import dev.weft.event.v1.AcknowledgeRequest;
import dev.weft.event.v1.AcknowledgeResponse;
import dev.weft.event.v1.EventLogServiceGrpc;
import dev.weft.event.v1.ReadAggregateRequest;
import dev.weft.event.v1.ReadAggregateResponse;
import dev.weft.event.v1.ReadEventsRequest;
import dev.weft.event.v1.ReadEventsResponse;
import dev.weft.event.v1.SubscribeRequest;
import dev.weft.event.v1.SubscribeResponse;
import dev.weft.failpoint.FailPoint;
import dev.weft.mesh.Caller;
import dev.weft.mesh.PageSize;
import dev.weft.mesh.Rejection;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The face of a service's log towards other services. */
final class EventLogService extends EventLogServiceGrpc.EventLogServiceImplBase {
  static final PageSize PAGE = new PageSize(100, 1_000);

  private static final Pattern GROUP = Pattern.compile("[a-z][a-z0-9-]{0,62}");
  private static final int TYPES_MAX = 20;
  private static final int TOKENS_MAX = 100;

  private final EventStore store;
  private final EventGroups groups;
  private final EventWatch watch;
  private final EventGrants grants;
  private final EventStream.Pace pace;

  EventLogService(
      EventStore store,
      EventGroups groups,
      EventWatch watch,
      EventGrants grants,
      EventStream.Pace pace) {
    this.store = store;
    this.groups = groups;
    this.watch = watch;
    this.grants = grants;
    this.pace = pace;
  }

  @Override
  public void subscribe(SubscribeRequest request, StreamObserver<SubscribeResponse> replies) {
    String group = group(request.getGroup());
    List<TypePattern> types = types(request.getTypesList());
    grants.requireFor(caller(), group, types);
    groups.make(
        group,
        switch (request.getStart()) {
          case START_UNSPECIFIED, START_BEGINNING -> Start.BEGINNING;
          case START_END -> Start.END;
          case UNRECOGNIZED -> throw Rejection.invalid("start", "must be BEGINNING or END");
        });
    new EventStream(
            store,
            groups,
            watch,
            pace,
            group,
            types,
            (ServerCallStreamObserver<SubscribeResponse>) replies)
        .start();
  }

  @Override
  public void acknowledge(AcknowledgeRequest request, StreamObserver<AcknowledgeResponse> replies) {
    String group = group(request.getGroup());
    grants.requireGroup(caller(), group);
    if (request.getTokensCount() > TOKENS_MAX) {
      throw Rejection.invalid("tokens", "must be " + TOKENS_MAX + " at most");
    }
    Map<UUID, List<Share>> done =
        request.getTokensList().stream()
            .map(AckToken::parse)
            .collect(
                Collectors.groupingBy(
                    AckToken::member, Collectors.mapping(AckToken::share, Collectors.toList())));
    FailPoint.hit("event.acknowledge.", group, "");
    int counted =
        done.entrySet().stream()
            .mapToInt(member -> groups.acknowledge(group, member.getKey(), member.getValue()))
            .sum();
    replies.onNext(AcknowledgeResponse.newBuilder().setCounted(counted).build());
    replies.onCompleted();
  }

  @Override
  public void readAggregate(
      ReadAggregateRequest request, StreamObserver<ReadAggregateResponse> replies) {
    grants.require(caller(), types(List.of(request.getAggregateType() + ".*")));
    List<Event> events =
        store.readAggregate(
            request.getAggregateType(),
            request.getAggregateId(),
            request.getFromVersion(),
            PAGE.of(request.getPageSize()));
    ReadAggregateResponse.Builder reply = ReadAggregateResponse.newBuilder();
    events.forEach(event -> reply.addEvents(EventMessages.message(event)));
    replies.onNext(reply.build());
    replies.onCompleted();
  }

  @Override
  public void readEvents(ReadEventsRequest request, StreamObserver<ReadEventsResponse> replies) {
    List<TypePattern> types = types(request.getTypesList());
    grants.require(caller(), types);
    LogPage page =
        LogPage.read(store, request.getAfterPosition(), types, PAGE.of(request.getPageSize()));
    ReadEventsResponse.Builder reply =
        ReadEventsResponse.newBuilder()
            .setPosition(page.position())
            .setLastPosition(page.lastPosition());
    page.events().forEach(event -> reply.addEvents(EventMessages.message(event)));
    replies.onNext(reply.build());
    replies.onCompleted();
  }

  private static String caller() {
    return Caller.current().requireService();
  }

  private static String group(String name) {
    if (!GROUP.matcher(name).matches()) {
      throw Rejection.invalid(
          "group", "must be 1 to 63 of a-z, 0-9 and -, and begin with a letter");
    }
    return name;
  }

  private static List<TypePattern> types(List<String> patterns) {
    if (patterns.isEmpty() || patterns.size() > TYPES_MAX) {
      throw Rejection.invalid("types", "must be 1 to " + TYPES_MAX);
    }
    return LogPage.patterns(patterns);
  }
}
