package dev.weft.events;

import dev.weft.durable.Database;
import dev.weft.mesh.Env;
import dev.weft.mesh.Management;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.Telemetry;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;

/**
 * How events travel in this installation: by {@code WEFT_EVENTS_URL}, which is the address of a
 * RabbitMQ ({@code amqp://user:password@host:port/vhost}, or {@code amqps}). Without it, gRPC and
 * nothing else. Also as {@code WEFT_EVENTS_URL_FILE}, a file that holds the address.
 *
 * <p>All services of an installation need the same value. A process has one of these. While the
 * broker is away, or takes nothing, the process is degraded ({@code events-broker}) and ready all
 * the same: what it says is kept in its log.
 *
 * <p>Thread-safe.
 */
public final class EventTransports {
  private static final String VARIABLE = "WEFT_EVENTS_URL";
  private static final String CHECK = "events-broker";

  private final Optional<RabbitConfig> broker;
  private final String service;
  private final List<BooleanSupplier> connections = new CopyOnWriteArrayList<>();

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
    return new EventTransports(
        env.secretIfSet(VARIABLE, RabbitConfig.FORM, RabbitConfig::parse), service);
  }

  /**
   * The log of a service that says events; whoever makes it starts and closes it. If there is a
   * broker, it puts them there, too.
   *
   * @param grants who may read what by gRPC
   */
  public EventLog log(Database database, EventGrants grants, Mesh mesh) {
    return log(
        new EventLog(database, service, grants, mesh.telemetry()),
        mesh.management(),
        mesh.telemetry());
  }

  EventLog log(EventLog events, Management management, Telemetry telemetry) {
    broker.ifPresent(
        config -> {
          RabbitPublisher publisher = new RabbitPublisher(config, events, service, telemetry);
          watch(publisher::healthy, management);
          EventLog _ = events.alsoThrough(publisher);
        });
    return events;
  }

  /**
   * What handles events of other services in this process; whoever makes it closes it.
   *
   * @param database of the consumers' effects
   */
  public EventBus bus(Database database, Mesh mesh) {
    return EventBus.owning(
        open(GrpcEventTransport.over(mesh), mesh.management(), mesh.telemetry()),
        database,
        mesh.telemetry());
  }

  EventTransport open(GrpcEventTransport log, Management management, Telemetry telemetry) {
    if (broker.isEmpty()) {
      return log;
    }
    RabbitEventTransport transport =
        new RabbitEventTransport(broker.get(), service, log, telemetry);
    watch(transport::healthy, management);
    return transport;
  }

  private void watch(BooleanSupplier connection, Management management) {
    connections.add(connection);
    management.degradation(
        CHECK, () -> connections.stream().allMatch(BooleanSupplier::getAsBoolean));
  }

  @Override
  public String toString() {
    return broker.map(RabbitConfig::toString).orElse("gRPC");
  }
}
