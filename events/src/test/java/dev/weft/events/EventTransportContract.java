package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.StringValue;
import dev.weft.durable.Event;
import dev.weft.durable.ParkedEvents;
import dev.weft.durable.ParkedEvents.Reason;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What every transport of events promises; one class for each transport extends it. */
abstract class EventTransportContract extends AskContract {
  @Test
  void bringsTheEventsOfEachAggregateInTheirOrderAndOnce() {
    publishRounds(20, 10);
    EventBus bus = bus();
    bus.subscribe(all(), this::effect);
    publishRounds(20, 10);
    awaitEffects(400);
    assertThat(effects()).hasSize(20).allSatisfy((_, seen) -> assertThat(seen).isEqualTo(upTo(20)));
  }

  @Test
  void bringsAllThatAnEventSays() {
    List<Event> seen = new CopyOnWriteArrayList<>();
    bus().subscribe(all(), (_, event) -> seen.add(event));
    publish("a", "shop.order.created");
    await().atMost(WAIT).until(() -> seen.size() == 1);
    Event event = seen.getFirst();
    Event original = log.store().read(0, 1).getFirst();
    assertThat(event.content().bytes()).isEqualTo(original.content().bytes());
    assertThat(event).usingRecursiveComparison().isEqualTo(original);
    assertThat(event.content().schema()).isEqualTo("google.protobuf.StringValue");
  }

  @Test
  void bringsNoOtherTypesThanThoseAskedFor() {
    bus().subscribe(Subscription.of(CONSUMER, SOURCE, "shop.order.confirmed"), this::effect);
    publish("a", "shop.order.created");
    publish("a", "shop.order.confirmed");
    publish("b", "shop.order.created");
    publish("b", "shop.order.confirmed");
    awaitEffects(2);
    assertThat(effects()).isEqualTo(Map.of("a", List.of(2L), "b", List.of(2L)));
  }

  @Test
  void bringsAgainWhatNobodyTookChargeOf() throws Exception {
    CountDownLatch arrived = new CountDownLatch(1);
    // As a process that dies before its transaction commits: nothing is taken charge of.
    EventTransport.Feed dying =
        transport()
            .subscribe(
                all(),
                new Received(
                    _ -> {
                      arrived.countDown();
                      throw new IllegalStateException("dies");
                    }));
    publishRounds(3, 2);
    assertThat(arrived.await(30, TimeUnit.SECONDS)).isTrue();
    dying.close();
    bus().subscribe(all(), this::effect);
    awaitEffects(6);
  }

  @Test
  void anEventThatComesAgainBecauseItsAcknowledgementWasLostHasOneEffect() throws Exception {
    CountDownLatch committed = new CountDownLatch(1);
    Subscriber subscriber = subscriber(consumer, all(), this::effect);
    // As a process that dies after its transaction committed and before it could say so.
    EventTransport.Feed dying =
        transport()
            .subscribe(
                all(),
                new Received(
                    event -> {
                      subscriber.receive(event);
                      committed.countDown();
                      throw new IllegalStateException("dies");
                    }));
    publish("a", "shop.order.created");
    assertThat(committed.await(30, TimeUnit.SECONDS)).isTrue();
    dying.close();
    AtomicInteger again = new AtomicInteger();
    Subscriber survivor = subscriber(consumer, all(), this::effect);
    opened.add(
        transport()
            .subscribe(
                all(),
                new Received(
                    event -> {
                      again.incrementAndGet();
                      survivor.receive(event);
                    })));
    publish("a", "shop.order.confirmed");
    awaitEffects(2);
    assertThat(again).hasValue(2);
    assertThat(effects()).isEqualTo(Map.of("a", List.of(1L, 2L)));
  }

  @Test
  void goesOnWhereTheConsumerHadComeToWhenItStartsAgain() {
    publishRounds(5, 2);
    awaitPublished();
    List<Event> first = new CopyOnWriteArrayList<>();
    EventTransport.Feed feed = transport().subscribe(all(), new Received(first::add));
    await().atMost(WAIT).until(() -> first.size() == 10);
    feed.close();
    publishRounds(5, 1);
    List<Event> second = new CopyOnWriteArrayList<>();
    opened.add(transport().subscribe(all(), new Received(second::add)));
    await().atMost(WAIT).until(() -> second.size() >= 5);
    assertThat(second).hasSize(5).allSatisfy(e -> assertThat(e.aggregate().version()).isEqualTo(3));
  }

  @Test
  void goesOnWhenTheSourceCrashedAndStartsAgain() {
    bus().subscribe(all(), this::effect);
    publishRounds(5, 4);
    awaitEffects(20);
    crash();
    log.close();
    log = eventLog();
    publishRounds(5, 2);
    log.start();
    serve(log, source);
    publishRounds(5, 2);
    awaitEffects(40);
    assertThat(effects()).allSatisfy((_, seen) -> assertThat(seen).isEqualTo(upTo(8)));
  }

  @Test
  void processesOfAConsumerShareItsEventsAndTakeOverFromEachOther() {
    Map<String, Set<String>> byProcess = new ConcurrentHashMap<>();
    EventBus one = process("one", byProcess);
    EventBus two = process("two", byProcess);
    // Both have a share once each has handled something.
    await()
        .atMost(WAIT)
        .until(
            () -> {
              publishRounds(30, 1);
              return byProcess.size() == 2;
            });
    awaitEffects(total());
    one.close();
    publishRounds(30, 3);
    awaitEffects(total());
    assertThat(effects())
        .hasSize(30)
        .allSatisfy((_, seen) -> assertThat(seen).isEqualTo(upTo(total() / 30)));
    two.close();
  }

  @Test
  void consumersDoNotShareTheirEvents() {
    bus().subscribe(all(), this::effect);
    bus().subscribe(Subscription.of("stock-of-orders", SOURCE, ALL).retries(QUICK), this::effect);
    publishRounds(4, 1);
    awaitEffects(8);
  }

  @Test
  void aConsumerThatIsSlowHoldsUpNoOtherAndNothingPilesUpInIt() throws Exception {
    int many = 2_000;
    CountDownLatch go = new CountDownLatch(1);
    AtomicInteger atOnce = new AtomicInteger();
    EventTransport.Feed slow =
        transport()
            .subscribe(
                Subscription.of("stock-of-orders", SOURCE, ALL),
                new Received(
                    _ -> {
                      atOnce.incrementAndGet();
                      go.await();
                    }));
    List<Event> fast = new CopyOnWriteArrayList<>();
    opened.add(transport().subscribe(all(), new Received(fast::add)));
    source.inTransactionVoid(
        tx ->
            IntStream.range(0, many)
                .forEach(
                    i ->
                        log.publish(tx, "shop.order.created", 1, "o" + i, 1, StringValue.of("x"))));
    await().atMost(WAIT).until(() -> fast.size() == many);
    // One for each lane, whatever waits behind.
    assertThat(atOnce).hasValueLessThanOrEqualTo(Event.BUCKETS);
    go.countDown();
    slow.close();
  }

  @Test
  void parksAnEventOfAnUnknownSchemaVersionAndHandlesItOnceItIsKnown() {
    EventBus old = bus();
    old.subscribe(all(), this::effect);
    publish("a", "shop.order.created", 1);
    publish("a", "shop.order.confirmed", 2);
    publish("a", "shop.order.cancelled", 1);
    publish("b", "shop.order.created", 1);
    awaitEffects(2);
    await()
        .atMost(WAIT)
        .until(() -> parked().equals(Map.of(Reason.UNREADABLE, 1L, Reason.BEHIND, 1L)));
    old.close();
    bus().subscribe(all().schemaVersionsUpTo(2), this::effect);
    redriveAll();
    awaitEffects(4);
    assertThat(effects()).isEqualTo(Map.of("a", upTo(3), "b", upTo(1)));
    assertThat(parked()).isEmpty();
  }

  @Test
  void aPoisonousEventIsADeadLetterAndOnlyItsAggregateWaits() {
    AtomicBoolean mended = new AtomicBoolean();
    AtomicInteger attempts = new AtomicInteger();
    bus()
        .subscribe(
            all(),
            (tx, event) -> {
              if (event.aggregate().id().equals("poison") && !mended.get()) {
                attempts.incrementAndGet();
                throw new IllegalStateException("indigestible");
              }
              effect(tx, event);
            });
    publish("poison", "shop.order.created");
    publish("poison", "shop.order.confirmed");
    publishRounds(10, 3);
    awaitEffects(30);
    await().atMost(WAIT).until(() -> parked().equals(Map.of(Reason.DEAD, 1L, Reason.BEHIND, 1L)));
    assertThat(attempts).hasValue(QUICK.attempts());
    ParkedEvents.Parked letter = letters().getFirst();
    assertThat(letter.error()).contains("indigestible");
    assertThat(letter.attempts()).isEqualTo(QUICK.attempts());

    mended.set(true);
    redriveAll();
    awaitEffects(32);
    assertThat(effects().get("poison")).isEqualTo(upTo(2));
    assertThat(parked()).isEmpty();
  }

  @Test
  void repairsAGapByReadingTheAggregate() throws Exception {
    publishRounds(1, 4);
    await().until(() -> log.store().last() == 4);
    List<Event> events = log.store().read(0, 4);
    Duration repairAfter = Duration.ofMillis(50);
    RetryLoop retries = new RetryLoop(all(), repairAfter, consumer, transport());
    Subscriber subscriber =
        new Subscriber(all(), this::effect, shared(consumer), repairAfter, retries::wake);
    retries.start(subscriber);
    opened.add(retries);
    subscriber.receive(events.getLast());
    awaitEffects(4);
    assertThat(effects().values()).containsExactly(upTo(4));
  }

  private EventBus process(String name, Map<String, Set<String>> byProcess) {
    EventBus bus = bus();
    bus.subscribe(
        all(),
        (tx, event) -> {
          byProcess
              .computeIfAbsent(name, _ -> ConcurrentHashMap.newKeySet())
              .add(event.aggregate().id());
          effect(tx, event);
        });
    return bus;
  }
}
