package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.mesh.Telemetry;
import java.time.Duration;
import java.util.List;

/**
 * Brings events through RabbitMQ, where {@link RabbitPublisher} of their source puts them: for each
 * consumer four quorum queues, shared by its processes.
 *
 * <p>The log of the source stays what is true: a consumer that is new, or whose queues were
 * deleted, is brought from there what it missed, and a gap in an aggregate is filled from there. A
 * consumer is ended by deleting its queues, all of them.
 *
 * <p>One connection per process, made again when it is lost. Thread-safe.
 */
public final class RabbitEventTransport implements EventTransport {
  private static final Duration RENEWAL = Duration.ofSeconds(1);

  /** The broker writes what it needs to lead a quorum queue half a second late, or later. */
  static final Duration SETTLING = Duration.ofSeconds(3);

  private final RabbitLink link;
  private final GrpcEventTransport log;
  private final Duration renewal;
  private final Duration settling;
  private final AutoCloseable metrics;

  /**
   * @param process what the broker lists the connection as: the service's name
   * @param log of the sources
   */
  public RabbitEventTransport(
      RabbitConfig config, String process, GrpcEventTransport log, Telemetry telemetry) {
    this(config, process, log, telemetry, RENEWAL, SETTLING);
  }

  RabbitEventTransport(
      RabbitConfig config,
      String process,
      GrpcEventTransport log,
      Telemetry telemetry,
      Duration renewal,
      Duration settling) {
    this.link = new RabbitLink(config, process + "-consumers");
    this.log = log;
    this.renewal = renewal;
    this.settling = settling;
    this.metrics = RabbitMetrics.ofLink(telemetry, link, "consume");
  }

  /** Whether the broker is there. */
  boolean healthy() {
    return link.healthy();
  }

  @Override
  public Feed subscribe(Subscription subscription, Receiver receiver) {
    RabbitFeed feed = new RabbitFeed(subscription, receiver, link, log, renewal, settling);
    feed.start();
    return feed;
  }

  @Override
  public List<Event> readAggregate(
      String source, String aggregateType, String id, long fromVersion) {
    return log.readAggregate(source, aggregateType, id, fromVersion);
  }

  @Override
  public void close() {
    link.close();
    RabbitMetrics.end(metrics);
  }
}
