package dev.weft.events;

import com.rabbitmq.client.Connection;
import dev.weft.durable.Event;
import dev.weft.durable.EventGroups.Share;
import dev.weft.durable.EventGroups.Start;
import dev.weft.durable.UuidV7;
import dev.weft.events.PublishChannel.Answer;
import dev.weft.events.PublishChannel.Outcome;
import dev.weft.events.RabbitPublisher.Pace;
import dev.weft.failpoint.FailPoint;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads a log as its group {@link RabbitPublisher#GROUP} and publishes what it reads, up to {@value
 * #WINDOW} events ahead of the broker's answers; tells the log how far those have come.
 *
 * <p>The lane of what the broker did not take, or leaves unanswered, goes by a channel of its own
 * from then on, one event at a time, until the broker has taken one.
 *
 * <p>By one thread, but for {@link #wake}.
 */
final class Relay {
  private static final Logger log = LoggerFactory.getLogger(Relay.class);
  private static final int WINDOW = 1_000;
  private static final int BATCH = 500;

  /** Between two words to the log on how far the broker is. */
  private static final Duration TOGETHER = Duration.ofMillis(50);

  private static final Duration REPORT_EVERY = Duration.ofMinutes(1);

  private final EventLog events;
  private final String source;
  private final RabbitLink link;
  private final RabbitMetrics metrics;
  private final Pace pace;
  private final UUID member = UuidV7.next();
  private final RelayLanes lanes = new RelayLanes();
  // Of news from the log, and of the broker's answers.
  private final Semaphore awake = new Semaphore(0);
  private long renewAt;
  private long markAt;
  private long reportAt = System.nanoTime();
  private long takesSince;
  // Since the log was told last.
  private boolean confirmed;

  Relay(EventLog events, String source, RabbitLink link, RabbitMetrics metrics, Pace pace) {
    this.events = events;
    this.source = source;
    this.link = link;
    this.metrics = metrics;
    this.pace = pace;
  }

  /** There may be something to do. */
  void wake() {
    awake.release();
  }

  /**
   * Publishes over the connection until that is lost.
   *
   * @throws TimeoutException if the broker does not answer; the connection is given up
   */
  void run(Connection connection, BooleanSupplier stopped)
      throws IOException, TimeoutException, InterruptedException {
    events.groups().make(RabbitPublisher.GROUP, Start.BEGINNING);
    long now = System.nanoTime();
    renewAt = now;
    markAt = now;
    takesSince = now;
    try (PublishChannel main = new PublishChannel(connection, source, pace.answer(), this::wake);
        Probes probes = new Probes(connection, source, pace.answer(), this::wake)) {
      while (!stopped.getAsBoolean() && main.isOpen() && probes.isOpen()) {
        step(main, probes);
      }
    } finally {
      lanes.startOver();
    }
  }

  /** Says how far it came, and leaves the lanes to others. */
  void leave() {
    mark();
    events.groups().leave(RabbitPublisher.GROUP, member);
  }

  private void step(PublishChannel main, Probes probes)
      throws IOException, TimeoutException, InterruptedException {
    awake.drainPermits();
    try {
      renew();
      take(main.answers());
      take(probes.answers());
      giveUp(main, probes);
      probes.keep(lanes.careful());
      if (System.nanoTime() - markAt >= 0) {
        mark();
      }
      if (link.blocked() || !send(main, probes)) {
        boolean _ = awake.tryAcquire(toDo(), TimeUnit.NANOSECONDS);
      }
    } catch (TimeoutException e) {
      lanes.doubt(System.nanoTime());
      // Before the channels are closed: the broker would not answer to that either.
      link.drop();
      throw e;
    }
  }

  private void renew() {
    long now = System.nanoTime();
    if (now - renewAt >= 0) {
      renewAt = now + pace.renewal().toNanos();
      lanes.hold(events.groups().renew(RabbitPublisher.GROUP, member, pace.lease()));
      events.watch().saw(events.store().last());
    }
  }

  private void take(List<Answer> answers) {
    for (Answer answer : answers) {
      metrics.published(answer.outcome(), 1);
      switch (answer.outcome()) {
        case CONFIRMED, UNWANTED -> {
          lanes.taken(answer.event());
          confirmed = true;
        }
        case RETURNED, REFUSED, UNANSWERED -> {
          report(answer.event(), answer.outcome());
          lanes.refused(answer.event(), System.nanoTime() + pace.rest().toNanos());
        }
      }
    }
  }

  /** Waits no longer for answers that should be here by now. */
  private void giveUp(PublishChannel main, Probes probes) throws TimeoutException {
    long now = System.nanoTime();
    if (link.blocked()) {
      // It takes nothing, and says so.
      takesSince = now;
    }
    Optional<Event> hanging = main.overdue(now, takesSince);
    if (hanging.isPresent()) {
      unanswered(hanging.get(), main.unanswered());
      throw new TimeoutException("some events were left unanswered");
    }
    probes
        .overdue(now, takesSince)
        .forEach(
            (lane, event) -> {
              unanswered(event, 1);
              lanes.probeAgain(lane);
              probes.end(lane);
            });
  }

  private void unanswered(Event event, int count) {
    metrics.published(Outcome.UNANSWERED, count);
    report(event, Outcome.UNANSWERED);
  }

  /** Tells the log how far the broker is. */
  private void mark() {
    List<Share> done = lanes.unmarked();
    if (!done.isEmpty()) {
      if (confirmed) {
        FailPoint.hit("event.publish.", source, ".confirmed");
        confirmed = false;
      }
      int _ = events.groups().acknowledge(RabbitPublisher.GROUP, member, done);
      lanes.marked(done);
      markAt = System.nanoTime() + TOGETHER.toNanos();
    }
  }

  private boolean send(PublishChannel main, Probes probes)
      throws IOException, TimeoutException, InterruptedException {
    boolean probed = probe(probes);
    return sendMore(main) || probed;
  }

  /** Sends the next event of each careful lane whose turn it is; says whether there was any. */
  private boolean probe(Probes probes) throws IOException, TimeoutException, InterruptedException {
    Map<Integer, Long> due = lanes.probes(System.nanoTime());
    for (Map.Entry<Integer, Long> one : due.entrySet()) {
      int lane = one.getKey();
      List<Event> next = events.store().read(one.getValue(), List.of(lane), 1);
      lanes.probe(lane, next);
      probes.publish(lane, next);
    }
    return !due.isEmpty();
  }

  /** Publishes what is next in the lanes that are furthest behind; says whether there was any. */
  private boolean sendMore(PublishChannel main)
      throws IOException, TimeoutException, InterruptedException {
    long last = events.watch().last();
    RelayLanes.Front front = lanes.front().orElse(null);
    if (front == null || front.position() >= last || main.unanswered() >= WINDOW) {
      return false;
    }
    List<Event> read = events.store().read(front.position(), front.lanes(), BATCH);
    long end =
        read.size() == BATCH
            ? read.getLast().position()
            : Math.max(last, read.isEmpty() ? 0 : read.getLast().position());
    main.publish(lanes.send(front, read, end));
    return true;
  }

  /** How long until something has to be done though nobody wakes us, in nanoseconds. */
  private long toDo() {
    long now = System.nanoTime();
    long left = renewAt - now;
    if (!lanes.unmarked().isEmpty()) {
      left = Math.min(left, markAt - now);
    }
    if (!link.blocked() && lanes.nextProbe().isPresent()) {
      left = Math.min(left, lanes.nextProbe().getAsLong() - now);
    }
    return Math.max(0, left);
  }

  private void report(Event event, Outcome outcome) {
    long now = System.nanoTime();
    if (now - reportAt >= 0) {
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
