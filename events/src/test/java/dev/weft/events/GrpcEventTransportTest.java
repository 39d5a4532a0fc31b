package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Database;
import dev.weft.event.v1.AcknowledgeRequest;
import dev.weft.event.v1.EventLogServiceGrpc;
import dev.weft.event.v1.ReadAggregateRequest;
import dev.weft.event.v1.ReadEventsRequest;
import dev.weft.event.v1.ReadEventsResponse;
import dev.weft.event.v1.SubscribeRequest;
import dev.weft.event.v1.SubscribeResponse;
import dev.weft.testkit.InProcessMesh;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class GrpcEventTransportTest extends EventTransportContract {
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  @Override
  void serve(EventLog log, Database database) {
    mesh.serve(SOURCE, log.service());
  }

  @Override
  void crash() {
    mesh.stop(SOURCE);
  }

  @Override
  EventTransport transport() {
    return transportOf("payment-svc");
  }

  @Override
  EventTransport transportOf(String reader) {
    return new GrpcEventTransport(
        service -> mesh.channel(reader, service), service -> mesh.channel(reader, service));
  }

  @Override
  void serveAsker(EventLog log) {
    mesh.serve(ASKER, log.service());
    opened.add(() -> mesh.stop(ASKER));
  }

  @Test
  void refusesWhatIsNotGranted() {
    assertRefused(
        () ->
            subscribe(
                "payment-svc",
                SubscribeRequest.newBuilder().setGroup(CONSUMER).addTypes("shop.#").build()));
    assertRefused(
        () ->
            subscribe(
                "payment-svc",
                SubscribeRequest.newBuilder().setGroup("another").addTypes(ALL).build()));
    assertRefused(
        () ->
            subscribe(
                "inventory-svc",
                SubscribeRequest.newBuilder().setGroup(CONSUMER).addTypes(ALL).build()));
    assertRefused(
        () ->
            log("inventory-svc")
                .acknowledge(AcknowledgeRequest.newBuilder().setGroup(CONSUMER).build()));
    assertRefused(
        () ->
            log("payment-svc")
                .readAggregate(
                    ReadAggregateRequest.newBuilder()
                        .setAggregateType("shop.user")
                        .setAggregateId("a")
                        .build()));
    assertRefused(
        () ->
            log("inventory-svc").readEvents(ReadEventsRequest.newBuilder().addTypes("#").build()));
  }

  @Test
  void refusesWhatIsWrongInItself() {
    assertInvalid(
        () -> subscribe("payment-svc", SubscribeRequest.newBuilder().setGroup(CONSUMER).build()));
    assertInvalid(
        () ->
            subscribe(
                "payment-svc",
                SubscribeRequest.newBuilder().setGroup(CONSUMER).addTypes("Shop order").build()));
    assertInvalid(
        () ->
            subscribe(
                "payment-svc",
                SubscribeRequest.newBuilder().setGroup("A group").addTypes(ALL).build()));
    assertInvalid(
        () ->
            log("payment-svc")
                .acknowledge(
                    AcknowledgeRequest.newBuilder().setGroup(CONSUMER).addTokens("7").build()));
  }

  @Test
  void readsEventsPageByPageWithoutAGroup() {
    publishRounds(2, 3);
    await().until(() -> log.store().last() == 6);
    ReadEventsResponse first =
        log("payment-svc")
            .readEvents(ReadEventsRequest.newBuilder().addTypes(ALL).setPageSize(4).build());
    assertThat(first.getEventsCount()).isEqualTo(4);
    assertThat(first.getLastPosition()).isEqualTo(6);
    ReadEventsResponse second =
        log("payment-svc")
            .readEvents(
                ReadEventsRequest.newBuilder()
                    .addTypes(ALL)
                    .setAfterPosition(first.getPosition())
                    .build());
    assertThat(second.getEventsList())
        .extracting(dev.weft.event.v1.Event::getPosition)
        .containsExactly(5L, 6L);
  }

  @Test
  void saysThatItIsThereWhenThereIsNothingToSay() {
    Iterator<SubscribeResponse> messages =
        subscribe(
            "payment-svc", SubscribeRequest.newBuilder().setGroup(CONSUMER).addTypes(ALL).build());
    assertThat(messages.next().getDeliveriesCount()).isZero();
    assertThat(messages.next().getDeliveriesCount()).isZero();
  }

  @Test
  void aGroupThatWantsFewOfTheEventsIsNotBehindForLong() {
    opened.add(
        transport()
            .subscribe(
                Subscription.of(CONSUMER, SOURCE, "shop.order.refunded"), new Received(_ -> {})));
    publishRounds(20, 2);
    await().atMost(WAIT).until(() -> log.groups().progress().getFirst().position() == 40);
  }

  private static EventLogServiceGrpc.EventLogServiceBlockingStub log(String service) {
    return EventLogServiceGrpc.newBlockingStub(mesh.channel(service, SOURCE));
  }

  private static Iterator<SubscribeResponse> subscribe(String service, SubscribeRequest request) {
    Iterator<SubscribeResponse> messages =
        log(service).withDeadlineAfter(10, TimeUnit.SECONDS).subscribe(request);
    assertThat(messages.hasNext()).isTrue();
    return messages;
  }

  private static void assertRefused(ThrowingCallable call) {
    assertThatThrownBy(call).hasMessageContaining("PERMISSION_DENIED");
  }

  private static void assertInvalid(ThrowingCallable call) {
    assertThatThrownBy(call).hasMessageContaining("INVALID_ARGUMENT");
  }
}
