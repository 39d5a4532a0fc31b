package dev.weft.events;

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.Return;
import dev.weft.durable.Event;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A channel on which events are published one after another, without waiting for the broker's words
 * on them. They come on a thread of the client, for a message that no queue takes a return and then
 * for each an acknowledgement, and are collected until they are asked for.
 *
 * <p>By one thread.
 */
final class PublishChannel implements AutoCloseable {
  private static final byte[] NOTHING = new byte[0];

  private final Channel channel;
  private final String source;
  private final Duration timeout;
  private final Runnable heard;

  // Both guarded by this; the first by the channel's numbers.
  private final NavigableMap<Long, Message> unanswered = new TreeMap<>();
  private List<Message> answered = new ArrayList<>();

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

  /** The broker's last word on an event. */
  record Answer(Event event, Outcome outcome) {}

  /** An event on its way, or the question whether anybody wants its type. */
  private static final class Message {
    final Event event;
    final String exchange;
    final boolean question;
    final long sentAt = System.nanoTime();
    boolean returned;
    boolean refused;

    Message(Event event, String exchange, boolean question) {
      this.event = event;
      this.exchange = exchange;
      this.question = question;
    }

    boolean is(Return message) {
      return !returned
          && message.getExchange().equals(exchange)
          && event.id().toString().equals(message.getProperties().getMessageId());
    }

    boolean leadsToAQuestion() {
      return returned && !question;
    }

    Answer answer() {
      Outcome whole = refused ? Outcome.REFUSED : Outcome.CONFIRMED;
      Outcome asked = returned ? Outcome.UNWANTED : Outcome.RETURNED;
      return new Answer(event, question ? asked : whole);
    }
  }

  /**
   * @param timeout how long a message may take to be written, and to be answered
   * @param heard told when the broker said something, or is gone
   */
  PublishChannel(Connection connection, String source, Duration timeout, Runnable heard)
      throws IOException {
    this.source = source;
    this.timeout = timeout;
    this.heard = heard;
    channel = connection.createChannel();
    RabbitTopology.declareSource(channel, source);
    var _ = channel.confirmSelect();
    var _ = channel.addReturnListener(this::returned);
    var _ =
        channel.addConfirmListener(
            (number, upToIt) -> answered(number, upToIt, true),
            (number, upToIt) -> answered(number, upToIt, false));
    channel.addShutdownListener(_ -> heard.run());
  }

  boolean isOpen() {
    return channel.isOpen();
  }

  /** How many messages the broker has not answered for. */
  synchronized int unanswered() {
    return unanswered.size();
  }

  /**
   * The event that the broker should have answered for by now.
   *
   * @param since when it began to take messages, if it has not done so all the time
   */
  synchronized Optional<Event> overdue(long now, long since) {
    return unanswered.isEmpty()
        ? Optional.empty()
        : Optional.of(unanswered.firstEntry().getValue())
            .filter(oldest -> now - oldest.sentAt > timeout.toNanos())
            .filter(_ -> now - since > timeout.toNanos())
            .map(oldest -> oldest.event);
  }

  /**
   * Sends the events, in their order.
   *
   * @throws IOException if the broker went away: what became of them is unknown
   * @throws TimeoutException if it does not even read them
   */
  void publish(Collection<Event> events)
      throws IOException, TimeoutException, InterruptedException {
    write(
        events.stream()
            .map(event -> new Message(event, RabbitTopology.exchange(source), false))
            .toList());
  }

  /** What the broker has said since this was asked last. */
  List<Answer> answers() throws IOException, TimeoutException, InterruptedException {
    List<Message> all = take();
    // The broker cannot tell whether a queue is missing or nobody wants the event: it is asked.
    write(
        all.stream()
            .filter(Message::leadsToAQuestion)
            .map(one -> new Message(one.event, RabbitTopology.wanted(source), true))
            .toList());
    return all.stream().filter(one -> !one.leadsToAQuestion()).map(Message::answer).toList();
  }

  private synchronized List<Message> take() {
    List<Message> taken = answered;
    answered = new ArrayList<>();
    return taken;
  }

  private void write(List<Message> messages)
      throws IOException, TimeoutException, InterruptedException {
    if (messages.isEmpty()) {
      return;
    }
    // On a thread of its own: a broker that is short of memory may hold up a write for ever.
    FutureTask<Boolean> writing =
        new FutureTask<>(
            () -> {
              for (Message message : messages) {
                write(message);
              }
              return true;
            });
    Thread thread = Thread.ofVirtual().name("publish-" + source).start(writing);
    try {
      boolean _ = writing.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new IOException("the channel to the broker closed", e.getCause());
    } finally {
      // One that hangs holds the channel; this closes its socket.
      thread.interrupt();
    }
  }

  private void write(Message message) throws IOException {
    synchronized (this) {
      unanswered.put(channel.getNextPublishSeqNo(), message);
    }
    Event event = message.event;
    channel.basicPublish(
        message.exchange,
        message.question ? event.type() : RabbitTopology.routingKey(event),
        true,
        RabbitMessages.properties(event),
        message.question ? NOTHING : event.content().bytes());
  }

  /** Of an event that is on its way twice it is the first: the broker returns in order. */
  private synchronized void returned(Return returned) {
    unanswered.values().stream()
        .filter(message -> message.is(returned))
        .findFirst()
        .ifPresent(message -> message.returned = true);
  }

  private void answered(long number, boolean upToIt, boolean taken) {
    synchronized (this) {
      NavigableMap<Long, Message> those =
          upToIt ? unanswered.headMap(number, true) : unanswered.subMap(number, true, number, true);
      those.values().forEach(message -> message.refused = !taken);
      answered.addAll(those.values());
      those.clear();
    }
    heard.run();
  }

  @Override
  public void close() {
    RabbitTopology.close(channel);
  }
}
