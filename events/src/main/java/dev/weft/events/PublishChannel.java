package dev.weft.events;

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import dev.weft.durable.Event;
import dev.weft.events.PublishWave.Outcome;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** A channel on which events are published, each until the broker has answered for it. */
final class PublishChannel implements AutoCloseable {
  private static final byte[] NOTHING = new byte[0];

  private final Channel channel;
  private final String source;
  private final Duration timeout;
  private volatile @Nullable PublishWave wave;
  private volatile @Nullable Thread waiting;
  private boolean silent;

  PublishChannel(Connection connection, String source, Duration timeout) throws IOException {
    this.source = source;
    this.timeout = timeout;
    channel = connection.createChannel();
    RabbitTopology.declareSource(channel, source);
    var _ = channel.confirmSelect();
    var _ =
        channel.addReturnListener(
            message -> {
              PublishWave current = wave;
              if (current != null) {
                current.returned(message);
              }
            });
    var _ =
        channel.addConfirmListener(
            (number, upToIt) -> answered(number, upToIt, true),
            (number, upToIt) -> answered(number, upToIt, false));
    channel.addShutdownListener(
        _ -> {
          Thread thread = waiting;
          if (thread != null) {
            thread.interrupt();
          }
        });
  }

  private void answered(long number, boolean upToIt, boolean taken) {
    PublishWave current = wave;
    if (current != null) {
      current.answered(number, upToIt, taken);
    }
  }

  boolean isOpen() {
    return channel.isOpen();
  }

  /** Whether the broker left something unanswered: then the channel is of no more use. */
  boolean silent() {
    return silent;
  }

  /**
   * Publishes the events at the same time; they are of different aggregates.
   *
   * @throws IOException if the broker went away: what became of them is unknown
   */
  Map<Event, Outcome> publish(List<Event> events) throws IOException, InterruptedException {
    Map<String, Outcome> answers = send(events, RabbitTopology.exchange(source), true);
    List<Event> returned =
        events.stream().filter(e -> answers.get(e.id().toString()) == Outcome.RETURNED).toList();
    Map<String, Outcome> wanted =
        returned.isEmpty() || silent
            ? Map.of()
            : send(returned, RabbitTopology.wanted(source), false);
    Map<Event, Outcome> outcomes = new HashMap<>();
    for (Event event : events) {
      Outcome outcome = answers.getOrDefault(event.id().toString(), Outcome.UNANSWERED);
      boolean unwanted = wanted.get(event.id().toString()) == Outcome.RETURNED;
      outcomes.put(event, unwanted ? Outcome.UNWANTED : outcome);
    }
    return outcomes;
  }

  private Map<String, Outcome> send(List<Event> events, String exchange, boolean whole)
      throws IOException, InterruptedException {
    PublishWave sent = new PublishWave(events.size());
    wave = sent;
    // On a thread of its own: a broker that is short of memory may hold up a write for ever.
    FutureTask<Map<String, Outcome>> task =
        new FutureTask<>(
            () -> {
              for (Event event : events) {
                sent.send(
                    channel,
                    event,
                    exchange,
                    whole ? RabbitTopology.routingKey(event) : event.type(),
                    whole ? event.content().bytes() : NOTHING);
              }
              sent.await();
              return sent.outcomes();
            });
    Thread thread = Thread.ofVirtual().name("publish-" + source).unstarted(task);
    waiting = thread;
    thread.start();
    if (!channel.isOpen()) {
      thread.interrupt();
    }
    try {
      return task.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new IOException("the channel to the broker closed", e.getCause());
    } catch (TimeoutException e) {
      silent = true;
      return sent.outcomes();
    } finally {
      thread.interrupt();
      wave = null;
    }
  }

  @Override
  public void close() {
    RabbitTopology.close(channel);
  }
}
