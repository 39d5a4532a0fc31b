package dev.weft.events;

import com.rabbitmq.client.Connection;
import dev.weft.durable.Event;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;

/**
 * The ways of lanes that are in doubt: a channel for each, on which a queue that does not answer
 * can keep nobody else waiting.
 *
 * <p>By one thread.
 */
final class Probes implements AutoCloseable {
  private final Connection connection;
  private final String source;
  private final Duration timeout;
  private final Runnable heard;
  private final Map<Integer, PublishChannel> channels = new HashMap<>();

  /** As for {@link PublishChannel}. */
  Probes(Connection connection, String source, Duration timeout, Runnable heard) {
    this.connection = connection;
    this.source = source;
    this.timeout = timeout;
    this.heard = heard;
  }

  boolean isOpen() {
    return channels.values().stream().allMatch(PublishChannel::isOpen);
  }

  /** Sends an event of the lane, if there is one. */
  void publish(int lane, List<Event> next)
      throws IOException, TimeoutException, InterruptedException {
    if (!next.isEmpty()) {
      PublishChannel channel = channels.get(lane);
      if (channel == null) {
        channel = new PublishChannel(connection, source, timeout, heard);
        channels.put(lane, channel);
      }
      channel.publish(next);
    }
  }

  /** What the broker has said since this was asked last. */
  List<PublishChannel.Answer> answers() throws IOException, TimeoutException, InterruptedException {
    List<PublishChannel.Answer> answers = new ArrayList<>();
    for (PublishChannel channel : channels.values()) {
      answers.addAll(channel.answers());
    }
    return answers;
  }

  /** The events that the broker should have answered for by now, by lane. */
  Map<Integer, Event> overdue(long now, long since) {
    Map<Integer, Event> overdue = new HashMap<>();
    channels.forEach(
        (lane, channel) ->
            channel.overdue(now, since).ifPresent(event -> overdue.put(lane, event)));
    return overdue;
  }

  /** Keeps the channels of these lanes alone. */
  void keep(List<Integer> lanes) {
    List<Integer> ended = channels.keySet().stream().filter(lane -> !lanes.contains(lane)).toList();
    ended.forEach(this::end);
  }

  /** Ends the lane's channel: the broker forgets with it what a queue did not answer for. */
  void end(int lane) {
    PublishChannel channel = channels.remove(lane);
    if (channel != null) {
      // It is answered when the broker's side of the channel no longer waits for the queue.
      Thread.ofVirtual().name("end-channel-" + source).start(channel::close);
    }
  }

  @Override
  public void close() {
    keep(List.of());
  }
}
