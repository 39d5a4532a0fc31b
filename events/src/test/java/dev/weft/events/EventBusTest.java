package dev.weft.events;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.StringValue;
import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.ParkedEvents.Reason;
import dev.weft.durable.UuidV7;
import dev.weft.testkit.InProcessMesh;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class EventBusTest extends EventFixture {
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private final List<Event> seen = new CopyOnWriteArrayList<>();

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
    return new GrpcEventTransport(
        service -> mesh.channel("payment-svc", service),
        service -> mesh.channel("payment-svc", service));
  }

  @Test
  void handlersSeeWhatTheMiddlewareMadeOfAnEvent() {
    EventBus bus = bus();
    bus.use(event -> upgraded(event, "one")).use(event -> upgraded(event, "two"));
    bus.subscribe(all().schemaVersionsUpTo(3), (_, event) -> seen.add(event));
    publish("a", "shop.order.created");
    awaitSeen(1);
    assertThat(seen.getFirst().schemaVersion()).isEqualTo(3);
    assertThat(seen.getFirst().content().schema()).isEqualTo("google.protobuf.StringValue+one+two");
  }

  @Test
  void aMiddlewareThatThrowsIsPassedOver() {
    EventBus bus = bus();
    bus.use(
        _ -> {
          throw new IllegalStateException("broken");
        });
    bus.use(event -> upgraded(event, "two"));
    bus.use(_ -> another());
    bus.subscribe(all().schemaVersionsUpTo(2), (_, event) -> seen.add(event));
    publish("a", "shop.order.created");
    awaitSeen(1);
    assertThat(seen.getFirst().content().schema()).isEqualTo("google.protobuf.StringValue+two");
    assertThat(seen.getFirst().aggregate().id()).isEqualTo("a");
  }

  @Test
  void eventsThatWaitAtTheSameTimeShareATransactionAndEachHasOneEffect() throws Exception {
    Several handler = new Several(Set.of());
    bringWhileOneIsHandled(handler, "b", "c", "d");

    assertThat(handler.together).containsExactly(List.of("b", "c", "d"));
    assertThat(effects()).hasSize(4).allSatisfy((_, seen) -> assertThat(seen).containsExactly(1L));
  }

  @Test
  void oneThatFailsDoesNotTakeThoseAlongThatSharedItsTransaction() throws Exception {
    Several handler = new Several(Set.of("c"));
    bringWhileOneIsHandled(handler, "b", "c", "d");

    assertThat(handler.together).containsExactly(List.of("b", "c", "d"));
    assertThat(effects()).containsOnlyKeys("a", "b", "d");
    assertThat(parked()).isEqualTo(Map.of(Reason.RETRY, 1L));
  }

  @Test
  void oneThatComesAgainAmongOthersHasNoSecondEffect() throws Exception {
    Several handler = new Several(Set.of());
    bringWhileOneIsHandled(handler, "b", "c", "a");

    assertThat(effects()).hasSize(3).allSatisfy((_, seen) -> assertThat(seen).containsExactly(1L));
    assertThat(parked()).isEmpty();
  }

  /** Events of these aggregates arrive while the handler is at one of "a". */
  private void bringWhileOneIsHandled(Several handler, String... names) throws Exception {
    Set.of(names).forEach(name -> publish(name, "shop.order.created"));
    if (!Set.of(names).contains("a")) {
      publish("a", "shop.order.created");
    }
    await().until(() -> log.store().last() == total());
    Map<String, Event> events =
        log.store().read(0, total()).stream()
            .collect(Collectors.toMap(event -> event.aggregate().id(), event -> event));
    Subscriber subscriber = subscriber(consumer, all().together(16), handler);
    List<Thread> bringers = new ArrayList<>();
    for (String name : Stream.concat(Stream.of("a"), Stream.of(names)).toList()) {
      Thread bringer =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      subscriber.receive(requireNonNull(events.get(name)));
                    } catch (InterruptedException e) {
                      Thread.currentThread().interrupt();
                    }
                  });
      bringers.add(bringer);
      if (name.equals("a") && bringers.size() == 1) {
        assertThat(handler.begun.await(30, TimeUnit.SECONDS)).isTrue();
      } else {
        await().until(() -> bringer.getState() == Thread.State.WAITING);
      }
    }
    handler.goOn.countDown();
    for (Thread one : bringers) {
      assertThat(one.join(Duration.ofSeconds(30))).isTrue();
    }
  }

  /** Notes which events it gets together; waits with the first one. */
  private final class Several implements EventHandler {
    final CountDownLatch begun = new CountDownLatch(1);
    final CountDownLatch goOn = new CountDownLatch(1);
    final List<List<String>> together = new CopyOnWriteArrayList<>();
    private final Set<String> failing;

    Several(Set<String> failing) {
      this.failing = failing;
    }

    @Override
    public void handle(Handle tx, Event event) throws InterruptedException {
      begun.countDown();
      goOn.await();
      effect(tx, event);
      if (failing.contains(event.aggregate().id())) {
        throw new IllegalStateException("fails");
      }
    }

    @Override
    public void handleAll(Handle tx, List<Event> events) throws Exception {
      together.add(events.stream().map(event -> event.aggregate().id()).toList());
      EventHandler.super.handleAll(tx, events);
    }
  }

  @Test
  void handlesOnlyWhatTheFilterWantsAndStillInOrder() {
    bus()
        .subscribe(
            all().where(event -> event.type().endsWith("confirmed")),
            (tx, event) -> {
              seen.add(event);
              effect(tx, event);
            });
    publish("a", "shop.order.created");
    publish("a", "shop.order.changed");
    publish("a", "shop.order.confirmed");
    awaitEffects(1);
    assertThat(effects()).isEqualTo(Map.of("a", List.of(3L)));
    assertThat(parked()).isEmpty();
  }

  @Test
  void aFailureThatPassesLeavesOneEffectAndNoDeadLetter() {
    AtomicInteger attempts = new AtomicInteger();
    bus()
        .subscribe(
            all(),
            (tx, event) -> {
              effect(tx, event);
              if (attempts.incrementAndGet() < QUICK.attempts()) {
                throw new IOException("for a moment");
              }
            });
    publish("a", "shop.order.created");
    awaitEffects(1);
    assertThat(attempts).hasValue(QUICK.attempts());
    assertThat(parked()).isEmpty();
    assertThat(letters()).isEmpty();
  }

  @Test
  void anAttemptThatTakesTooLongIsGivenUpAndLeavesNothing() {
    AtomicInteger attempts = new AtomicInteger();
    bus()
        .subscribe(
            all().within(Duration.ofMillis(500)),
            (tx, event) -> {
              effect(tx, event);
              if (attempts.incrementAndGet() == 1) {
                new CountDownLatch(1).await();
              }
            });
    publish("a", "shop.order.created");
    publish("b", "shop.order.created");
    awaitEffects(2);
    assertThat(attempts).hasValue(3);
    assertThat(effects()).isEqualTo(Map.of("a", List.of(1L), "b", List.of(1L)));
  }

  @Test
  void whatAHandlerDoesNotUnderstandIsADeadLetterAtOnce() {
    AtomicInteger attempts = new AtomicInteger();
    bus()
        .subscribe(
            all(),
            (_, _) -> {
              attempts.incrementAndGet();
              throw new UnreadableEventException("no such currency");
            });
    publish("a", "shop.order.created");
    await().atMost(WAIT).until(() -> parked().equals(Map.of(Reason.UNREADABLE, 1L)));
    assertThat(attempts).hasValue(1);
    assertThat(letters().getFirst().error()).contains("no such currency");
  }

  @Test
  void aMessageThatIsNoEventIsKept() throws Exception {
    Subscriber subscriber = subscriber(consumer, all(), this::effect);
    byte[] message = "garbage".getBytes(StandardCharsets.UTF_8);
    subscriber.unreadable(message, "not protobuf");
    subscriber.unreadable(message, "not protobuf");
    assertThat(letters())
        .singleElement()
        .satisfies(
            letter -> {
              assertThat(letter.event().content().bytes()).isEqualTo(message);
              assertThat(letter.error()).isEqualTo("not protobuf");
            });
  }

  @Test
  void unsubscribingEndsThatSubscriptionAndNoOther() {
    EventBus bus = bus();
    EventBus.Subscribed first = bus.subscribe(all(), (_, event) -> seen.add(event));
    bus.subscribe(Subscription.of("stock-of-orders", SOURCE, ALL), this::effect);
    publish("a", "shop.order.created");
    awaitSeen(1);
    first.close();
    publish("a", "shop.order.confirmed");
    awaitEffects(2);
    assertThat(seen).hasSize(1);
    // It may come back, and goes on where it was.
    bus.subscribe(all(), (_, event) -> seen.add(event));
    awaitSeen(2);
  }

  @Test
  void refusesAConsumerThatIsSubscribedAlready() {
    EventBus bus = bus();
    bus.subscribe(all(), this::effect);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> bus.subscribe(all(), this::effect))
        .withMessageContaining(CONSUMER);
  }

  @Test
  void anEventThatAHandlerSaysNamesItsCause() {
    // The consumer's effects and events are in the database of the log.
    try (EventBus own = new EventBus(source, transport(), telemetry)) {
      own.subscribe(
          Subscription.of(CONSUMER, SOURCE, "shop.order.created"),
          (tx, event) ->
              log.publish(
                  tx, "shop.order.confirmed", 1, event.aggregate().id(), 2, StringValue.of("x")));
      publish("a", "shop.order.created");
      await().atMost(WAIT).until(() -> log.store().last() == 2);
    }
    List<Event> events = log.store().read(0, 2);
    Event cause = events.getFirst();
    Event effect = events.getLast();
    assertThat(cause.origin().causationId()).isEmpty();
    assertThat(cause.origin().correlationId()).isNotEmpty();
    assertThat(effect.origin().causationId()).contains(cause.id());
    assertThat(effect.origin().correlationId()).isEqualTo(cause.origin().correlationId());
    assertThat(effect.origin().traceparent()).isPresent();
  }

  private void awaitSeen(int count) {
    await().atMost(WAIT).until(() -> seen.size() >= count);
    assertThat(seen).hasSize(count);
  }

  private static Event upgraded(Event event, String by) {
    return new Event(
        event.position(),
        event.id(),
        event.source(),
        event.type(),
        event.schemaVersion() + 1,
        event.aggregate(),
        new Event.Content(
            event.content().type(), event.content().schema() + "+" + by, event.content().bytes()),
        event.origin(),
        event.recordedAt());
  }

  /** Another event in place of the one that came. */
  private static Event another() {
    return new Event(
        1,
        UuidV7.next(),
        SOURCE,
        "shop.order.created",
        1,
        new Event.Aggregate("shop.order", "another", 1),
        new Event.Content("", "", new byte[0]),
        new Event.Origin("", Optional.empty(), Optional.empty()),
        Instant.EPOCH);
  }
}
