package dev.weft.events;

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Return;
import dev.weft.durable.Event;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * Some events that are published at the same time, no two of the same aggregate: so one that the
 * broker does not take is not overtaken by a later one.
 *
 * <p>The broker's words come on a thread of the client: for a message that no queue takes a return,
 * and then for each an acknowledgement.
 */
final class PublishWave {
  /** What the broker said of an event. */
  enum Outcome {
    CONFIRMED,
    /** No queue takes it, and nobody ever asked for its type. */
    UNWANTED,
    /** No queue takes it, though somebody asked for its type. */
    RETURNED,
    /** A queue could not take it. */
    REFUSED,
    /** A queue did not answer in time. */
    UNANSWERED
  }

  private final Map<Long, Event> sent = new HashMap<>();
  private final Map<String, Outcome> outcomes = new HashMap<>();
  private final CountDownLatch answers;

  PublishWave(int size) {
    answers = new CountDownLatch(size);
  }

  /** The next events that can be published together: the first ones of their aggregates. */
  static List<Event> next(List<Event> waiting) {
    Map<String, Event> first = new HashMap<>();
    List<Event> wave = new ArrayList<>();
    for (Event event : waiting) {
      String aggregate = event.aggregate().type() + "/" + event.aggregate().id();
      if (first.putIfAbsent(aggregate, event) == null) {
        wave.add(event);
      }
    }
    return wave;
  }

  /** Publishes one. */
  void send(Channel channel, Event event, String exchange, String key, byte[] body)
      throws IOException {
    synchronized (this) {
      sent.put(channel.getNextPublishSeqNo(), event);
    }
    channel.basicPublish(exchange, key, true, RabbitMessages.properties(event), body);
  }

  synchronized void returned(Return message) {
    outcomes.put(String.valueOf(message.getProperties().getMessageId()), Outcome.RETURNED);
  }

  synchronized void answered(long number, boolean upToIt, boolean taken) {
    List<Long> numbers =
        upToIt ? sent.keySet().stream().filter(n -> n <= number).toList() : List.of(number);
    for (long n : numbers) {
      Event event = sent.remove(n);
      if (event != null) {
        Outcome outcome = taken ? Outcome.CONFIRMED : Outcome.REFUSED;
        outcomes.putIfAbsent(event.id().toString(), outcome);
        answers.countDown();
      }
    }
  }

  /** Waits until the broker has answered for all. */
  void await() throws InterruptedException {
    answers.await();
  }

  /** What it has answered by now, by event. */
  synchronized Map<String, Outcome> outcomes() {
    Map<String, Outcome> answered = new HashMap<>(outcomes);
    // Returned, and not acknowledged yet: what comes first decides nothing.
    sent.values().forEach(event -> answered.remove(event.id().toString()));
    return answered;
  }
}
