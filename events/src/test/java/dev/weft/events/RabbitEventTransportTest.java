package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.ParkedEvents.Reason;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.LocalRabbit;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

@Tag("broker")
class RabbitEventTransportTest extends EventTransportContract {
  @RegisterExtension static final LocalRabbit broker = new LocalRabbit();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private static final String MUTE = "mute";

  private final List<RabbitPublisher> publishers = new ArrayList<>();
  private boolean served;

  @Override
  void serve(EventLog log, Database database) {
    broker.start();
    if (!served) {
      served = true;
      with(
          channel -> {
            for (String consumer : List.of(CONSUMER, "stock-of-orders", REPLIERS)) {
              for (String queue : RabbitTopology.queues(consumer)) {
                var _ = channel.queueDelete(queue);
              }
            }
          });
    }
    publishers.add(publishing(SOURCE, log));
  }

  @Override
  void serveAsker(EventLog log) {
    opened.add(publishing(ASKER, log));
    opened.add(() -> mesh.stop(ASKER));
  }

  private RabbitPublisher publishing(String service, EventLog log) {
    mesh.serve(service, log.service());
    RabbitPublisher publisher =
        new RabbitPublisher(
            RabbitConfig.parse(broker.url()),
            log,
            service,
            telemetry,
            new RabbitPublisher.Pace(
                Duration.ofMillis(4_000),
                Duration.ofMillis(200),
                Duration.ofMillis(200),
                Duration.ofMillis(2_000)));
    publisher.start();
    return publisher;
  }

  @Override
  void awaitPublished() {
    super.awaitPublished();
    await().atMost(WAIT).until(() -> behind() == 0);
  }

  @Override
  void crash() {
    publishers.forEach(RabbitPublisher::close);
    publishers.clear();
    mesh.stop(SOURCE);
  }

  @Override
  EventTransport transport() {
    return transport(Duration.ZERO);
  }

  private EventTransport transport(Duration settling) {
    return transport("payment-svc", settling);
  }

  @Override
  EventTransport transportOf(String reader) {
    return transport(reader, Duration.ZERO);
  }

  private EventTransport transport(String reader, Duration settling) {
    RabbitEventTransport transport =
        new RabbitEventTransport(
            RabbitConfig.parse(broker.url()),
            reader,
            new GrpcEventTransport(
                service -> mesh.channel(reader, service), service -> mesh.channel(reader, service)),
            telemetry,
            Duration.ofMillis(200),
            settling);
    opened.add(transport);
    return transport;
  }

  @Test
  void nothingIsLostAndOrderIsKeptWhenTheBrokerIsKilledWhilePublishing() {
    bus(transport(RabbitEventTransport.SETTLING)).subscribe(all(), this::effect);
    publishRounds(20, 3);
    await().atMost(WAIT).until(() -> !effects().isEmpty());
    broker.kill();
    publishRounds(20, 3);
    broker.start();
    publishRounds(20, 1);
    awaitEffects(140);
    assertThat(effects()).hasSize(20).allSatisfy((_, seen) -> assertThat(seen).isEqualTo(upTo(7)));
  }

  @Test
  void queuesThatTheBrokerForgotHalfOfBecauseItWasKilledAreMadeAgain() {
    publishRounds(8, 1);
    with(channel -> RabbitTopology.declareConsumer(channel.getConnection(), all()));
    // Within half a second of that: it knows the queues and not who led them, and nobody ever does.
    broker.kill();
    broker.start();
    bus().subscribe(all(), this::effect);
    publishRounds(8, 2);
    awaitEffects(24);
    assertThat(effects()).allSatisfy((_, seen) -> assertThat(seen).isEqualTo(upTo(3)));
    await().atMost(WAIT).until(() -> behind() == 0);
  }

  @Test
  void aQueueThatAnswersNothingHoldsUpItsLaneAlone() {
    int lane = new Event.Aggregate("shop.order", "order-0", 1).bucket();
    with(
        channel -> {
          RabbitTopology.declareSource(channel, SOURCE);
          var _ = channel.queueDeclare(MUTE, true, false, false, Map.of("x-queue-type", "quorum"));
          var _ = channel.queueBind(MUTE, RabbitTopology.exchange(SOURCE), ALL + "." + lane);
        });
    broker.kill();
    broker.start();
    try {
      // So many that the broker reads nothing more from their connection.
      publishRounds(1, 100);
      publishRounds(40, 2);
      await().atMost(WAIT).until(() -> log.store().last() == total());
      await().atMost(WAIT).until(() -> lanesBehind().equals(List.of(lane)));
      publishRounds(40, 2);
      await().atMost(WAIT).until(() -> log.store().last() == total());
      await().atMost(WAIT).until(() -> lanesBehind().equals(List.of(lane)));
    } finally {
      with(
          channel -> {
            var _ = channel.queueDelete(MUTE);
          });
    }
    await().atMost(WAIT).until(() -> behind() == 0);
  }

  @Test
  void newQueuesCountAsUnfinishedUntilTheBrokerHasKeptThem() {
    Duration settling = RabbitEventTransport.SETTLING;
    EventBus bus = bus(transport(settling));
    publishRounds(2, 1);
    long begin = System.nanoTime();
    bus.subscribe(all(), this::effect);
    awaitEffects(2);
    assertThat(isComplete()).isFalse();
    publishRounds(2, 1);
    awaitEffects(4);
    // In order, it waits for the rest of the time.
    bus.close();
    assertThat(isComplete()).isTrue();
    assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThanOrEqualTo(settling);
  }

  @Test
  void theLogGrowsWhileTheBrokerHangsAndIsDrainedInOrder() {
    bus().subscribe(all(), this::effect);
    publishRounds(10, 1);
    awaitEffects(10);
    // Handled may be before confirmed.
    await().atMost(WAIT).until(() -> behind() == 0);
    broker.signal("STOP");
    try {
      publishRounds(10, 10);
      await().atMost(WAIT).until(() -> log.store().last() == 110);
      await().during(Duration.ofSeconds(3)).atMost(WAIT).until(() -> behind() == 100);
    } finally {
      broker.signal("CONT");
    }
    awaitEffects(110);
    assertThat(effects()).allSatisfy((_, seen) -> assertThat(seen).isEqualTo(upTo(11)));
    await().atMost(WAIT).until(() -> behind() == 0);
  }

  @Test
  void aBrokerThatIsShortOfMemoryIsWaitedFor() {
    bus().subscribe(all(), this::effect);
    publishRounds(5, 1);
    awaitEffects(5);
    broker.ctl("set_vm_memory_high_watermark", "0.0000001");
    try {
      publishRounds(5, 1);
      await().atMost(WAIT).until(() -> publishers.getFirst().blocked());
      assertThat(behind()).isPositive();
    } finally {
      broker.ctl("set_vm_memory_high_watermark", "0.4");
    }
    awaitEffects(10);
    assertThat(publishers.getFirst().blocked()).isFalse();
  }

  @Test
  void whatAFullQueueRefusesIsSentAgainInItsOrderWhenThereIsRoom() {
    EventBus first = bus();
    first.subscribe(all(), this::effect);
    publishRounds(20, 1);
    awaitEffects(20);
    first.close();
    broker.ctl("set_policy", "small", "^weft\\.", "{\"max-length\":10}", "--apply-to", "queues");
    try {
      publishRounds(20, 20);
      await().atMost(WAIT).until(() -> waiting() >= 40);
      await().during(Duration.ofSeconds(1)).atMost(WAIT).until(() -> behind() > 0);
      bus().subscribe(all(), this::effect);
      awaitEffects(420);
    } finally {
      broker.ctl("clear_policy", "small");
    }
    assertThat(effects()).allSatisfy((_, seen) -> assertThat(seen).isEqualTo(upTo(21)));
    await().atMost(WAIT).until(() -> behind() == 0);
    assertThat(parked()).isEmpty();
  }

  @Test
  void anEventThatNoQueueTakesIsKeptUntilOneDoes() {
    EventBus first = bus();
    first.subscribe(all(), this::effect);
    publishRounds(4, 1);
    awaitEffects(4);
    first.close();
    deleteQueues();
    publishRounds(4, 2);
    await().atMost(WAIT).until(() -> behind() > 0);
    await().during(Duration.ofSeconds(1)).atMost(WAIT).until(() -> behind() > 0);
    bus().subscribe(all(), this::effect);
    awaitEffects(12);
    await().atMost(WAIT).until(() -> behind() == 0);
  }

  @Test
  void anEventThatNobodyEverAskedForHoldsUpNothing() {
    publishRounds(4, 2);
    await().atMost(WAIT).until(() -> log.store().last() == 8 && behind() == 0);
  }

  @Test
  void queuesThatAreDeletedAreDeclaredAgainAndWhatWasInThemComesFromTheLog() {
    bus().subscribe(all(), this::effect);
    publishRounds(8, 1);
    awaitEffects(8);
    deleteQueues();
    publishRounds(8, 2);
    awaitEffects(24);
    assertThat(effects()).allSatisfy((_, seen) -> assertThat(seen).isEqualTo(upTo(3)));
  }

  @Test
  void eachEventThreeTimesInAnyOrderHasOneEffectInItsOrder() {
    bus().subscribe(all(), this::effect);
    publishRounds(6, 5);
    awaitEffects(30);
    // Further ones that come the other way round, from whoever, before the publisher's own.
    List<Event> events = new ArrayList<>();
    IntStream.range(0, 3).forEach(_ -> events.addAll(log.store().read(0, 100)));
    Collections.shuffle(events, new Random(7));
    with(
        channel -> {
          for (Event event : events) {
            channel.basicPublish(
                RabbitTopology.exchange(SOURCE),
                RabbitTopology.routingKey(event),
                RabbitMessages.properties(event),
                event.content().bytes());
          }
        });
    publishRounds(6, 1);
    awaitEffects(36);
    awaitDrained();
    awaitEffects(36);
    assertThat(effects()).allSatisfy((_, seen) -> assertThat(seen).isEqualTo(upTo(6)));
  }

  @Test
  void aMessageThatIsNoEventIsKeptAndHoldsUpNothing() {
    bus().subscribe(all(), this::effect);
    publishRounds(2, 1);
    awaitEffects(2);
    Event event = log.store().read(0, 1).getFirst();
    Map<String, Object> headers = new HashMap<>(RabbitMessages.properties(event).getHeaders());
    headers.put("cloudEvents:subject", "what no table takes: \0");
    for (BasicProperties properties :
        List.of(
            new BasicProperties.Builder().contentType("text/plain").build(),
            new BasicProperties.Builder().headers(headers).build())) {
      with(
          channel ->
              channel.basicPublish(
                  RabbitTopology.exchange(SOURCE),
                  "shop.order.created.0",
                  properties,
                  properties.toString().getBytes(StandardCharsets.UTF_8)));
    }
    await().atMost(WAIT).until(() -> parked().equals(Map.of(Reason.UNREADABLE, 2L)));
    publishRounds(2, 1);
    awaitEffects(4);
  }

  @Test
  void anEventThatWasBroughtTooOftenIsADeadLetterOfTheConsumer() throws Exception {
    EventBus first = bus();
    first.subscribe(all(), this::effect);
    publish("a", "shop.order.created");
    awaitEffects(1);
    first.close();
    publish("a", "shop.order.confirmed");
    AtomicInteger brought = new AtomicInteger();
    CountDownLatch tooOften = new CountDownLatch(RabbitTopology.DELIVERIES_MAX);
    Event event = log.store().read(0, 1).getFirst();
    String queue =
        RabbitTopology.queue(CONSUMER, event.aggregate().bucket() % RabbitTopology.QUEUES);
    with(
        channel -> {
          // As a process that dies of it each time.
          String _ =
              channel.basicConsume(
                  queue,
                  false,
                  new DefaultConsumer(channel) {
                    @Override
                    public void handleDelivery(
                        String tag, Envelope envelope, BasicProperties properties, byte[] body)
                        throws IOException {
                      brought.incrementAndGet();
                      tooOften.countDown();
                      channel.basicNack(envelope.getDeliveryTag(), false, true);
                    }
                  });
          tooOften.await();
          await()
              .atMost(WAIT)
              .until(() -> channel.messageCount(RabbitTopology.dead(CONSUMER)) == 1);
        });
    bus().subscribe(all(), this::effect);
    await().atMost(WAIT).until(() -> parked().equals(Map.of(Reason.DEAD, 1L)));
    assertThat(letters().getFirst().event().type()).isEqualTo("shop.order.confirmed");
    redriveAll();
    awaitEffects(2);
  }

  @Test
  void whatASlowConsumerDoesNotTakeStaysInTheBroker() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    CountDownLatch arrived = new CountDownLatch(1);
    EventTransport.Feed slow =
        transport()
            .subscribe(
                all(),
                new Received(
                    _ -> {
                      arrived.countDown();
                      go.await();
                    }));
    awaitComplete();
    publishRounds(100, 3);
    arrived.await();
    await()
        .atMost(WAIT)
        .until(() -> waiting() >= 300 - RabbitTopology.QUEUES * RabbitQueue.PREFETCH);
    go.countDown();
    slow.close();
  }

  @Test
  void declaringWhatIsThereChangesNothing() {
    bus().subscribe(all(), this::effect);
    bus().subscribe(all(), this::effect);
    publishRounds(2, 2);
    awaitEffects(4);
    with(
        channel -> {
          RabbitTopology.declareSource(channel, SOURCE);
          var _ =
              channel.exchangeDeclare(
                  RabbitTopology.exchange(SOURCE), BuiltinExchangeType.TOPIC, true);
        });
  }

  private long behind() {
    return log.groups().progress().stream()
        .filter(one -> one.group().equals(RabbitPublisher.GROUP))
        .mapToLong(one -> one.behind())
        .findFirst()
        .orElse(Long.MAX_VALUE);
  }

  private List<Integer> lanesBehind() {
    return source.read(
        tx ->
            tx.createQuery(
                    """
                    SELECT bucket FROM event_group_bucket, event_counter
                     WHERE group_name = ? AND position < last
                    """)
                .bind(0, RabbitPublisher.GROUP)
                .mapTo(Integer.class)
                .list());
  }

  private static boolean isComplete() {
    boolean[] complete = new boolean[1];
    with(channel -> complete[0] = RabbitTopology.isComplete(channel.getConnection(), CONSUMER));
    return complete[0];
  }

  private interface Use {
    void on(Channel channel) throws Exception;
  }

  /** Does something in the broker, on a channel of its own. */
  private static void with(Use use) {
    ConnectionFactory factory = new ConnectionFactory();
    try {
      factory.setUri(broker.url());
      try (Connection connection = factory.newConnection();
          Channel channel = connection.createChannel()) {
        use.on(channel);
      }
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static void deleteQueues() {
    with(
        channel -> {
          for (int i = 0; i < RabbitTopology.QUEUES; i++) {
            var _ = channel.queueDelete(RabbitTopology.queue(CONSUMER, i));
          }
        });
  }

  private static void awaitComplete() {
    await().atMost(WAIT).until(RabbitEventTransportTest::isComplete);
  }

  private static long waiting() {
    long[] sum = new long[1];
    with(
        channel -> {
          for (int i = 0; i < RabbitTopology.QUEUES; i++) {
            sum[0] += channel.messageCount(RabbitTopology.queue(CONSUMER, i));
          }
        });
    return sum[0];
  }

  private static void awaitDrained() {
    await().atMost(WAIT).until(() -> waiting() == 0);
  }
}
