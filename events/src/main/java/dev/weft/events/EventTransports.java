package dev.weft.events;

import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.Telemetry;
import java.util.Optional;

/**
 * How events travel in this installation: by {@code WEFT_EVENTS_URL}, which is the address of a
 * RabbitMQ ({@code amqp://user:password@host:port/vhost}, or {@code amqps}). Without it, gRPC and
 * nothing else. Also as {@code WEFT_EVENTS_URL_FILE}, a file that holds the address.
 *
 * <p>All services of an installation need the same value. Immutable and thread-safe.
 */
public final class EventTransports {
  private static final String VARIABLE = "WEFT_EVENTS_URL";

  private final Optional<RabbitConfig> broker;
  private final String service;

  private EventTransports(Optional<RabbitConfig> broker, String service) {
    this.broker = broker;
    this.service = service;
  }

  /**
   * As the environment has it.
   *
   * @param service this process's
   * @throws dev.weft.mesh.ConfigException if the address is none; its text does not hold it
   */
  public static EventTransports from(Env env, String service) {
    boolean set =
        env.optional(VARIABLE).isPresent() || env.optional(VARIABLE + "_FILE").isPresent();
    return new EventTransports(
        set
            ? Optional.of(env.secret(VARIABLE, RabbitConfig.FORM, RabbitConfig::parse))
            : Optional.empty(),
        service);
  }

  /** How this process's consumers get their events; whoever opens it closes it. */
  public EventTransport open(Mesh mesh) {
    return open(GrpcEventTransport.over(mesh), mesh.telemetry());
  }

  EventTransport open(GrpcEventTransport log, Telemetry telemetry) {
    return broker
        .<EventTransport>map(config -> new RabbitEventTransport(config, service, log, telemetry))
        .orElse(log);
  }

  /** What a service that says events starts beside its log, if there is a broker. */
  public Optional<RabbitPublisher> publisher(EventLog events, Telemetry telemetry) {
    return broker.map(config -> new RabbitPublisher(config, events, service, telemetry));
  }

  @Override
  public String toString() {
    return broker.map(RabbitConfig::toString).orElse("gRPC");
  }
}
