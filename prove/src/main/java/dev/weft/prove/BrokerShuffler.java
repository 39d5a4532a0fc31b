package dev.weft.prove;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.GetResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Stands between a broker's exchanges and the queues of consumers: each event goes on three times,
 * shuffled with those around it. What it has taken it gives back to the broker unless all of its
 * copies were confirmed, so that nothing gets lost here.
 *
 * <p>Used by one thread. Closing it leads all queues back to their exchanges.
 */
final class BrokerShuffler implements AutoCloseable {
  /** What comes within it is shuffled. */
  private static final Duration WINDOW = Duration.ofMillis(700);

  private static final Duration ENDS = Duration.ofSeconds(30);
  private static final long CONFIRMS_MILLIS = 10_000;
  private static final String TAP = "proof.tap.";
  private static final String OWN = "proof.";

  private final List<Flow> flows;
  private final Random random;
  private final Connection connection;
  private final Channel channel;
  private final ScheduledExecutorService windows =
      Executors.newSingleThreadScheduledExecutor(Thread.ofVirtual().name("shuffler").factory());
  private long deliveries; // by whoever has the channel: first the windows' thread, then close

  /**
   * @param flows whose queues there are
   */
  BrokerShuffler(Broker broker, List<Flow> flows, long seed) {
    this.flows = List.copyOf(flows);
    random = new Random(seed);
    connection = broker.connect();
    try {
      channel = connection.createChannel();
      AMQP.Confirm.SelectOk _ = channel.confirmSelect();
      for (Flow flow : flows) {
        String own = OWN + flow.exchange();
        AMQP.Exchange.DeclareOk _ =
            channel.exchangeDeclare(own, BuiltinExchangeType.TOPIC, false, true, Map.of());
        AMQP.Queue.DeclareOk _ =
            channel.queueDeclare(TAP + flow.source, false, true, true, Map.of());
        // First what is new, so that an event goes both ways at worst.
        each(flow, (queue, key) -> channel.queueBind(queue, own, key));
        each(flow, (_, key) -> channel.queueBind(TAP + flow.source, flow.exchange(), key));
      }
      for (Flow flow : flows) {
        each(flow, (queue, key) -> channel.queueUnbind(queue, flow.exchange(), key));
      }
    } catch (IOException e) {
      connection.abort();
      throw new UncheckedIOException(e);
    }
    var _ =
        windows.scheduleWithFixedDelay(
            this::deliver, WINDOW.toMillis(), WINDOW.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** How many there were, each counted as often as it was made; asked when it is closed. */
  long deliveries() {
    return deliveries;
  }

  @Override
  public void close() {
    windows.shutdown();
    try {
      if (!windows.awaitTermination(ENDS.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new ProofException("the broker takes no shuffled events");
      }
      for (Flow flow : flows) {
        each(flow, (queue, key) -> channel.queueBind(queue, flow.exchange(), key));
      }
      for (Flow flow : flows) {
        each(flow, (_, key) -> channel.queueUnbind(TAP + flow.source, flow.exchange(), key));
      }
      deliver();
      for (Flow flow : flows) {
        // Its own exchange is gone with the last one.
        each(flow, (queue, key) -> channel.queueUnbind(queue, OWN + flow.exchange(), key));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      connection.abort();
    }
  }

  private void deliver() {
    try {
      for (String source : flows.stream().map(flow -> flow.source).distinct().toList()) {
        deliver(source);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException | TimeoutException e) {
      throw new IllegalStateException("the broker takes no shuffled events", e);
    }
  }

  private void deliver(String source) throws IOException, InterruptedException, TimeoutException {
    List<GetResponse> taken = new ArrayList<>();
    GetResponse one = channel.basicGet(TAP + source, false);
    while (one != null) {
      taken.add(one);
      one = channel.basicGet(TAP + source, false);
    }
    if (taken.isEmpty()) {
      return;
    }
    List<GetResponse> again = new ArrayList<>();
    for (int i = 0; i < Shuffle.TIMES; i++) {
      again.addAll(taken);
    }
    Collections.shuffle(again, random);
    for (GetResponse event : again) {
      channel.basicPublish(
          OWN + "weft." + source,
          event.getEnvelope().getRoutingKey(),
          event.getProps(),
          event.getBody());
    }
    channel.waitForConfirmsOrDie(CONFIRMS_MILLIS);
    channel.basicAck(taken.getLast().getEnvelope().getDeliveryTag(), true);
    deliveries += again.size();
  }

  private interface Binding {
    void of(String queue, String key) throws IOException;
  }

  private static void each(Flow flow, Binding binding) throws IOException {
    for (int i = 0; i < flow.queues().size(); i++) {
      for (String key : flow.keys(i)) {
        binding.of(flow.queues().get(i), key);
      }
    }
  }
}
