package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.admin.v1.DeadLetter;
import dev.weft.admin.v1.DiscardDeadLettersRequest;
import dev.weft.admin.v1.EventAdminServiceGrpc;
import dev.weft.admin.v1.EventAdminServiceGrpc.EventAdminServiceBlockingStub;
import dev.weft.admin.v1.EventGroup;
import dev.weft.admin.v1.GetDeadLetterRequest;
import dev.weft.admin.v1.ListDeadLettersRequest;
import dev.weft.admin.v1.ListDeadLettersResponse;
import dev.weft.admin.v1.ListEventGroupsRequest;
import dev.weft.admin.v1.RedriveDeadLettersRequest;
import dev.weft.admin.v1.ReplayEventsRequest;
import dev.weft.admin.v1.TailEventsRequest;
import dev.weft.admin.v1.TailEventsResponse;
import dev.weft.durable.Database;
import dev.weft.durable.ParkedEvents.Reason;
import dev.weft.testkit.InProcessMesh;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class EventAdminServiceTest extends EventFixture {
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private final AtomicBoolean mended = new AtomicBoolean();

  @Override
  void serve(EventLog log, Database database) {
    mesh.serve(SOURCE, log.service(), new EventAdminService(source));
    mesh.serve("payment-svc", new EventAdminService(consumer));
  }

  @Override
  void crash() {
    mesh.stop(SOURCE);
    mesh.stop("payment-svc");
  }

  @Override
  EventTransport transport() {
    return new GrpcEventTransport(
        service -> mesh.channel("payment-svc", service),
        service -> mesh.channel("payment-svc", service));
  }

  @Test
  void showsTheLogFromItsEndOrFromAPosition() {
    publishRounds(3, 4);
    await().until(() -> log.store().last() == 12);
    TailEventsResponse last =
        ofSource().tailEvents(TailEventsRequest.newBuilder().setAfterPosition(-2).build());
    assertThat(last.getEventsList())
        .extracting(dev.weft.event.v1.Event::getPosition)
        .containsExactly(11L, 12L);
    TailEventsResponse first =
        ofSource().tailEvents(TailEventsRequest.newBuilder().addTypes(ALL).setPageSize(5).build());
    assertThat(first.getEventsCount()).isEqualTo(5);
    assertThat(first.getPosition()).isEqualTo(5);
    assertThat(first.getLastPosition()).isEqualTo(12);
    TailEventsResponse others =
        ofSource().tailEvents(TailEventsRequest.newBuilder().addTypes("shop.user.#").build());
    assertThat(others.getEventsList()).isEmpty();
  }

  @Test
  void letsAGroupReadAgainAndEachEffectStaysTheOnly() {
    bus().subscribe(all(), this::effect);
    publishRounds(4, 2);
    awaitEffects(8);
    await().atMost(WAIT).until(() -> group().getPosition() == 8);
    assertThat(group().getMembers()).isEqualTo(1);
    assertThat(replay(3, true)).isEqualTo(5);
    assertThat(group().getPosition()).isEqualTo(8);
    assertThat(replay(3, false)).isEqualTo(5);
    // It reads them again, and nothing happens twice.
    await().atMost(WAIT).until(() -> group().getPosition() == 8);
    awaitEffects(8);
    assertThatThrownBy(
            () ->
                ofSource()
                    .replayEvents(ReplayEventsRequest.newBuilder().setGroup("nobody").build()))
        .hasMessageContaining("NOT_FOUND");
    assertThatThrownBy(() -> replay(9, false)).hasMessageContaining("INVALID_ARGUMENT");
  }

  @Test
  void showsDeadLettersPageByPageAndOneWithItsPayload() {
    poison("a", "b", "c");
    ListDeadLettersResponse first =
        ofConsumer().listDeadLetters(ListDeadLettersRequest.newBuilder().setPageSize(2).build());
    ListDeadLettersResponse second =
        ofConsumer()
            .listDeadLetters(
                ListDeadLettersRequest.newBuilder()
                    .setPageSize(2)
                    .setPageToken(first.getNextPageToken())
                    .build());
    assertThat(first.getDeadLettersCount()).isEqualTo(2);
    assertThat(second.getDeadLettersCount()).isEqualTo(1);
    assertThat(second.getNextPageToken()).isEmpty();
    DeadLetter listed = second.getDeadLetters(0);
    assertThat(listed.getEvent().getData().isEmpty()).isTrue();
    assertThat(listed.getReason()).isEqualTo(DeadLetter.Reason.REASON_FAILED);
    assertThat(listed.getAttempts()).isEqualTo(QUICK.attempts());
    assertThat(listed.getError()).contains("indigestible");
    DeadLetter peeked =
        ofConsumer()
            .getDeadLetter(
                GetDeadLetterRequest.newBuilder()
                    .setConsumer(CONSUMER)
                    .setEventId(listed.getEvent().getEventId())
                    .build())
            .getDeadLetter();
    assertThat(peeked.getEvent().getData().isEmpty()).isFalse();
    ListDeadLettersResponse others =
        ofConsumer()
            .listDeadLetters(ListDeadLettersRequest.newBuilder().setType("shop.order.x").build());
    assertThat(others.getDeadLettersList()).isEmpty();
    assertThatThrownBy(
            () ->
                ofConsumer()
                    .getDeadLetter(
                        GetDeadLetterRequest.newBuilder()
                            .setConsumer("nobody")
                            .setEventId(listed.getEvent().getEventId())
                            .build()))
        .hasMessageContaining("NOT_FOUND");
  }

  @Test
  void redrivesAllAndWhatWasBehindThemFollows() {
    poison("a", "b");
    publish("a", "shop.order.confirmed");
    await().atMost(WAIT).until(() -> parked().equals(Map.of(Reason.DEAD, 2L, Reason.BEHIND, 1L)));
    RedriveDeadLettersRequest all =
        RedriveDeadLettersRequest.newBuilder().setConsumer(CONSUMER).build();
    assertThat(
            ofConsumer()
                .redriveDeadLetters(all.toBuilder().setDryRun(true).build())
                .getEventIdsCount())
        .isEqualTo(2);
    assertThat(parked()).isEqualTo(Map.of(Reason.DEAD, 2L, Reason.BEHIND, 1L));
    mended.set(true);
    assertThat(ofConsumer().redriveDeadLetters(all).getEventIdsCount()).isEqualTo(2);
    awaitEffects(3);
    assertThat(effects()).isEqualTo(Map.of("a", upTo(2), "b", upTo(1)));
    assertThat(ofConsumer().redriveDeadLetters(all).getEventIdsCount()).isZero();
  }

  @Test
  void discardsOneForGoodAndWhatWasBehindItFollows() {
    poison("a", "b");
    publish("a", "shop.order.confirmed");
    await().atMost(WAIT).until(() -> parked().equals(Map.of(Reason.DEAD, 2L, Reason.BEHIND, 1L)));
    String id =
        letters().stream()
            .filter(letter -> letter.event().aggregate().id().equals("a"))
            .map(letter -> letter.event().id().toString())
            .findFirst()
            .orElseThrow();
    mended.set(true);
    DiscardDeadLettersRequest one =
        DiscardDeadLettersRequest.newBuilder().setConsumer(CONSUMER).addEventIds(id).build();
    ofConsumer().discardDeadLetters(one.toBuilder().setDryRun(true).build());
    assertThat(letters()).hasSize(2);
    assertThat(ofConsumer().discardDeadLetters(one).getEventIdsList()).containsExactly(id);
    awaitEffects(1);
    assertThat(effects()).isEqualTo(Map.of("a", List.of(2L)));
    assertThatThrownBy(
            () ->
                ofConsumer()
                    .discardDeadLetters(
                        DiscardDeadLettersRequest.newBuilder().setConsumer(CONSUMER).build()))
        .hasMessageContaining("INVALID_ARGUMENT");
  }

  @Test
  void isForTheOperatorAlone() {
    EventAdminServiceBlockingStub service =
        EventAdminServiceGrpc.newBlockingStub(mesh.channel("payment-svc", SOURCE));
    assertThatThrownBy(() -> service.tailEvents(TailEventsRequest.getDefaultInstance()))
        .hasMessageContaining("PERMISSION_DENIED");
    EventAdminServiceBlockingStub admin =
        EventAdminServiceGrpc.newBlockingStub(mesh.channelAs(SOURCE, "ann", "admin"));
    assertThatThrownBy(() -> admin.tailEvents(TailEventsRequest.getDefaultInstance()))
        .hasMessageContaining("UNAUTHENTICATED");
  }

  /** Leaves a dead letter of each. */
  private void poison(String... aggregates) {
    bus()
        .subscribe(
            all(),
            (tx, event) -> {
              if (!mended.get()) {
                throw new IllegalStateException("indigestible");
              }
              effect(tx, event);
            });
    for (String aggregate : aggregates) {
      publish(aggregate, "shop.order.created");
    }
    await().atMost(WAIT).until(() -> letters().size() == aggregates.length);
  }

  private static EventAdminServiceBlockingStub ofSource() {
    return EventAdminServiceGrpc.newBlockingStub(mesh.channel("operator", SOURCE));
  }

  private static EventAdminServiceBlockingStub ofConsumer() {
    return EventAdminServiceGrpc.newBlockingStub(mesh.channel("operator", "payment-svc"));
  }

  private static EventGroup group() {
    return ofSource().listEventGroups(ListEventGroupsRequest.getDefaultInstance()).getGroups(0);
  }

  private static long replay(long after, boolean dryRun) {
    return ofSource()
        .replayEvents(
            ReplayEventsRequest.newBuilder()
                .setGroup(CONSUMER)
                .setAfterPosition(after)
                .setDryRun(dryRun)
                .build())
        .getEvents();
  }
}
