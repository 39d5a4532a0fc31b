package dev.weft.events;

import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ShutdownSignalException;
import dev.weft.mesh.Telemetry;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
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
  private static final Duration PROMPT = Duration.ofSeconds(1);
  private static final Duration END_MAX = Duration.ofSeconds(15);

  /**
   * How long others wait for a publisher that fell silent, and it for the broker.
   *
   * @param rest of a lane of which the broker did not take an event
   */
  record Pace(Duration lease, Duration renewal, Duration rest, Duration answer) {
    static final Pace DEFAULT =
        new Pace(
            Duration.ofSeconds(15),
            Duration.ofSeconds(2),
            Duration.ofSeconds(1),
            Duration.ofSeconds(10));
  }

  private final String source;
  private final RabbitLink link;
  private final AutoCloseable gauges;
  private final Pace pace;
  private final Relay relay;
  private final Thread thread;
  private final CountDownLatch closing = new CountDownLatch(1);

  /**
   * @param events the service's log, started
   * @param source the service's name
   */
  public RabbitPublisher(RabbitConfig config, EventLog events, String source, Telemetry telemetry) {
    this(config, events, source, telemetry, Pace.DEFAULT);
  }

  RabbitPublisher(
      RabbitConfig config, EventLog events, String source, Telemetry telemetry, Pace pace) {
    this.source = source;
    this.pace = pace;
    link = new RabbitLink(config, source + "-publisher");
    gauges = RabbitMetrics.ofLink(telemetry, link, "publish");
    relay = new Relay(events, source, link, new RabbitMetrics(telemetry), pace);
    events.watch().also(relay::wake);
    thread = Thread.ofVirtual().name("rabbit-publisher").unstarted(this::run);
  }

  /** Publishes from now on, in the background. */
  public void start() {
    thread.start();
  }

  /** Ends it; what is not confirmed by now is published again by whoever comes next. */
  @Override
  public void close() {
    closing.countDown();
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
      while (!closed()) {
        Connection connection = link.open();
        Duration pause = pace.rest();
        try {
          relay.run(connection, this::closed);
        } catch (IOException | ShutdownSignalException e) {
          log.debug("{}: publishing begins again", source, e);
        } catch (TimeoutException e) {
          log.warn(
              "{}: the broker did not answer for {} s{}, the connection is made again",
              source,
              pace.answer().toSeconds(),
              link.blocked() ? " (it is short of memory or disk)" : "");
        } catch (RuntimeException e) {
          if (!closed()) {
            log.warn("{}: the log cannot be read at the moment, it is tried again", source, e);
          }
          pause = pace.renewal();
        }
        // The link waits by itself before it makes a new connection.
        if (connection.isOpen()) {
          boolean _ = closing.await(pause.toMillis(), TimeUnit.MILLISECONDS);
        }
      }
    } catch (InterruptedException e) {
      // Only close interrupts.
    } finally {
      leave();
    }
  }

  private boolean closed() {
    return closing.getCount() == 0;
  }

  private void leave() {
    boolean _ = Thread.interrupted();
    try {
      relay.leave();
    } catch (RuntimeException e) {
      log.debug("{}: the lanes wait for the end of their lease", source, e);
    }
  }
}
