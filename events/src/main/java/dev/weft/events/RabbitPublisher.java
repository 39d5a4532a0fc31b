package dev.weft.events;

import com.rabbitmq.client.ShutdownSignalException;
import dev.weft.durable.Event;
import dev.weft.durable.EventGroups.Share;
import dev.weft.durable.EventGroups.Start;
import dev.weft.durable.UuidV7;
import dev.weft.events.PublishWave.Outcome;
import dev.weft.failpoint.FailPoint;
import dev.weft.mesh.Telemetry;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts the events of a service's log into RabbitMQ: reads them as a group of the log, publishes,
 * and is done with an event when the broker has confirmed that its queues hold it on disk.
 *
 * <p>At least once, and the first time each in the order of its aggregate. While the broker is away
 * or takes nothing the log grows; then it is drained in order. An event that no queue takes though
 * a consumer asked for its type is kept: its lane, a sixteenth of the aggregates, waits, and it is
 * reported, counted and tried again. So is one that some queue does not answer for, while others go
 * on. Processes of a service share the work.
 *
 * <p>Thread-safe. Whoever makes it starts and closes it.
 */
public final class RabbitPublisher implements AutoCloseable {
  /** The group of the log. */
  public static final String GROUP = "rabbitmq";

  private static final Logger log = LoggerFactory.getLogger(RabbitPublisher.class);
  private static final int BATCH = 200;
  private static final Duration REST_MAX = Duration.ofSeconds(30);
  private static final Duration ANSWER_MAX = Duration.ofSeconds(10);
  private static final Duration PROMPT = Duration.ofSeconds(1);
  private static final Duration END_MAX = Duration.ofSeconds(15);
  private static final Duration REPORT_EVERY = Duration.ofMinutes(1);

  /**
   * How long others wait for a publisher that fell silent, and it for the broker.
   *
   * @param rest of a lane of which the broker did not take an event
   */
  record Pace(Duration lease, Duration renewal, Duration rest, Duration answer) {
    static final Pace DEFAULT =
        new Pace(Duration.ofSeconds(15), Duration.ofSeconds(2), Duration.ofSeconds(1), ANSWER_MAX);
  }

  private final EventLog events;
  private final String source;
  private final RabbitLink link;
  private final RabbitMetrics metrics;
  private final AutoCloseable gauges;
  private final Pace pace;
  private final UUID member = UuidV7.next();
  private final RelayLanes lanes = new RelayLanes();
  private final Thread thread;
  private volatile boolean closed;
  private long renewAt;
  private long reportAt;

  /**
   * @param events the service's log, started
   * @param source the service's name
   */
  public RabbitPublisher(RabbitConfig config, EventLog events, String source, Telemetry telemetry) {
    this(config, events, source, telemetry, Pace.DEFAULT);
  }

  RabbitPublisher(
      RabbitConfig config, EventLog events, String source, Telemetry telemetry, Pace pace) {
    this.events = events;
    this.source = source;
    this.pace = pace;
    link = new RabbitLink(config, source + "-publisher");
    metrics = new RabbitMetrics(telemetry);
    gauges = RabbitMetrics.ofLink(telemetry, link, "publish");
    thread = Thread.ofVirtual().name("rabbit-publisher").unstarted(this::run);
  }

  /** Publishes from now on, in the background. */
  public void start() {
    thread.start();
  }

  /** Ends it; what is not confirmed by now is published again by whoever comes next. */
  @Override
  public void close() {
    closed = true;
    try {
      thread.interrupt();
      if (thread.getState() != Thread.State.NEW && !thread.join(PROMPT)) {
        // A broker that hangs answers no good-bye.
        link.drop();
        boolean _ = thread.join(END_MAX);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    link.close();
    RabbitMetrics.end(gauges);
  }

  /** Whether the broker is there and takes events. */
  boolean healthy() {
    return link.healthy();
  }

  /** Whether the broker has said that it takes nothing. */
  boolean blocked() {
    return link.blocked();
  }

  private void run() {
    try {
      while (!closed) {
        try (PublishChannel channel = new PublishChannel(link.open(), source, pace.answer())) {
          events.groups().make(GROUP, Start.BEGINNING);
          renewAt = System.nanoTime();
          while (!closed && channel.isOpen()) {
            step(channel);
          }
        } catch (IOException | ShutdownSignalException e) {
          log.debug("{}: publishing begins again", source, e);
        } catch (TimeoutException e) {
          log.warn(
              "{}: the broker did not answer for {} s{}, the connection is made again",
              source,
              pace.answer().toSeconds(),
              link.blocked() ? " (it is short of memory or disk)" : "");
        } catch (RuntimeException e) {
          log.warn("{}: the log cannot be read at the moment, it is tried again", source, e);
          boolean _ = events.watch().awaitAfter(events.watch().mark(), pace.renewal());
        }
      }
    } catch (InterruptedException e) {
      // Only close interrupts.
    } finally {
      leave();
    }
  }

  private void leave() {
    boolean _ = Thread.interrupted();
    try {
      events.groups().leave(GROUP, member);
    } catch (RuntimeException e) {
      log.debug("{}: the lanes wait for the end of their lease", source, e);
    }
  }

  private void step(PublishChannel channel)
      throws IOException, TimeoutException, InterruptedException {
    long now = System.nanoTime();
    if (now - renewAt >= 0) {
      renewAt = now + pace.renewal().toNanos();
      lanes.hold(events.groups().renew(GROUP, member, pace.lease()));
      events.watch().saw(events.store().last());
    }
    long mark = events.watch().mark();
    if (link.blocked() || !relay(channel, now)) {
      Duration left = Duration.ofNanos(Math.max(0, renewAt - now));
      Duration atMost = lanes.resting() && pace.rest().compareTo(left) < 0 ? pace.rest() : left;
      boolean _ = events.watch().awaitAfter(mark, atMost);
    }
  }

  /** Publishes what is next in the lanes that are furthest behind; says whether there was any. */
  private boolean relay(PublishChannel channel, long now)
      throws IOException, TimeoutException, InterruptedException {
    long last = events.watch().last();
    RelayLanes.Front front = lanes.front(now).orElse(null);
    if (front == null || front.position() >= last) {
      return false;
    }
    List<Event> batch = events.store().read(front.position(), front.lanes(), BATCH);
    long end =
        batch.size() == BATCH
            ? batch.getLast().position()
            : Math.max(last, batch.isEmpty() ? 0 : batch.getLast().position());
    Map<Integer, Kept> kept = publish(channel, batch);
    List<Share> done = new ArrayList<>();
    for (int lane : front.lanes()) {
      Kept first = kept.get(lane);
      lanes.done(lane, first == null ? end : first.position() - 1).ifPresent(done::add);
      if (first != null) {
        first.said().ifPresent(outcome -> rest(lane, outcome));
      }
    }
    if (!done.isEmpty()) {
      if (!batch.isEmpty()) {
        FailPoint.hit("event.publish.", source, ".confirmed");
      }
      int _ = events.groups().acknowledge(GROUP, member, done);
    }
    if (channel.silent()) {
      // The broker would not answer to the end of the channel either.
      link.drop();
      throw new TimeoutException("some events were left unanswered");
    }
    return true;
  }

  /**
   * The first event of a lane that is not done.
   *
   * @param said what the broker said of it; nothing if it was not published at all
   */
  private record Kept(long position, Optional<Outcome> said) {
    static Kept first(Kept one, Kept other) {
      return one.position <= other.position ? one : other;
    }
  }

  /** Publishes in waves; returns where each lane stops in which the broker did not take all. */
  private Map<Integer, Kept> publish(PublishChannel channel, List<Event> batch)
      throws IOException, InterruptedException {
    Map<Integer, Kept> kept = new HashMap<>();
    List<Event> waiting = batch;
    while (!waiting.isEmpty() && !channel.silent()) {
      List<Event> wave = PublishWave.next(waiting);
      Map<Event, Outcome> outcomes = channel.publish(wave);
      for (Event event : wave) {
        Outcome outcome = outcomes.getOrDefault(event, Outcome.UNANSWERED);
        metrics.published(outcome, 1);
        if (outcome != Outcome.CONFIRMED && outcome != Outcome.UNWANTED) {
          report(event, outcome);
          keep(kept, event, Optional.of(outcome));
        }
      }
      waiting =
          waiting.stream()
              .filter(event -> !outcomes.containsKey(event))
              .filter(event -> !kept.containsKey(event.aggregate().bucket()))
              .toList();
    }
    waiting.forEach(event -> keep(kept, event, Optional.empty()));
    return kept;
  }

  private static void keep(Map<Integer, Kept> kept, Event event, Optional<Outcome> said) {
    Kept _ = kept.merge(event.aggregate().bucket(), new Kept(event.position(), said), Kept::first);
  }

  private void rest(int lane, Outcome outcome) {
    if (outcome == Outcome.UNANSWERED && !link.blocked()) {
      // It costs the others the time of the answer, so it is tried less and less often. Not at
      // once: more often than a queue it is the broker that hung, and that is over by now.
      lanes.restLonger(lane, pace.rest(), REST_MAX);
    } else {
      lanes.rest(lane, pace.rest());
    }
  }

  private void report(Event event, Outcome outcome) {
    long now = System.nanoTime();
    if (reportAt == 0 || now - reportAt >= 0) {
      reportAt = now + REPORT_EVERY.toNanos();
      log.error(
          "{}: the broker did not take event {} ({}): {}; it is kept and tried again",
          source,
          event.id(),
          event.type(),
          switch (outcome) {
            case RETURNED -> "no queue for it, though a consumer wants it";
            case UNANSWERED -> "a queue of it does not answer";
            case CONFIRMED, UNWANTED, REFUSED -> "a queue could not take it";
          });
    }
  }
}
