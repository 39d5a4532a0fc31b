package dev.weft.payment;

import dev.weft.durable.Database;
import dev.weft.durable.Sweep;
import dev.weft.events.EventAdminService;
import dev.weft.events.EventBus;
import dev.weft.events.EventLog;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshServer;
import dev.weft.mesh.RunningProcess;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TimeLeft;
import io.opentelemetry.api.metrics.LongCounter;
import java.time.Duration;
import java.time.InstantSource;

/** Every object of payment-svc, made once, in the order it starts; closed in reverse. */
final class Wiring implements RunningProcess {
  private static final Duration RESOLVE_EVERY = Duration.ofSeconds(1);

  /** For events and upkeep, which no customer waits for: one short transaction each. */
  private static final int BACKGROUND_CONNECTIONS = 2;

  private final Mesh mesh;
  private final Database database;
  private final EventLog events;
  private final EventBus bus;
  private final CardNetwork network;
  private final Settlement settlement;
  private final Payments payments;
  private final Resolver resolver;
  private final Sweep sweep;
  private final MeshServer server;

  Wiring(PaymentConfig config) {
    mesh = Mesh.open(config.mesh());
    database = Database.open(config.database(), TimeLeft::ofCall);
    Database background = database.besides(BACKGROUND_CONNECTIONS);
    network = new CardNetwork(config.cardNetwork(), CardNetwork.Patience.DEFAULT);
    PaymentStore store = new PaymentStore();
    Ledger ledger = new Ledger();
    events = config.events().log(background, PaymentEvents.GRANTS, mesh);
    bus = config.events().bus(background, mesh);
    settlement = new Settlement(database, store, ledger, network, new PaymentEvents(events, store));
    resolver = new Resolver(background, store, settlement, RESOLVE_EVERY);
    sweep = new Sweep(background);
    payments = new Payments(database, store, ledger, settlement, tombstoneHits(mesh.telemetry()));
    server =
        mesh.server(
            new PaymentService(payments), events.service(), new EventAdminService(database));
    config
        .cardSignature()
        .ifPresent(
            signature ->
                mesh.management()
                    .receiver(
                        CardWebhook.PATH,
                        new CardWebhook(signature, InstantSource.system(), settlement)));
    mesh.management().readiness("database", database::healthy);
    mesh.management().degradation("card-network", network::reachable);
    RefundWatch.add(mesh.management(), mesh.telemetry(), database, store);
  }

  /** As in every service that keeps a fence. */
  private static Runnable tombstoneHits(Telemetry telemetry) {
    LongCounter hits =
        telemetry
            .meter("dev.weft.payment")
            .counterBuilder("weft.fence.tombstone.hits")
            .setUnit("{attempt}")
            .setDescription("Attempts at a step that was undone before; nothing came of them.")
            .build();
    return () -> hits.add(1);
  }

  @Override
  public void start() {
    database.migrate();
    events.start();
    resolver.start();
    sweep.start();
    new CalledOffOrders(payments).subscribe(bus);
    server.start(); // last: from here on the registry sends calls
  }

  @Override
  public void close() {
    server.close(); // first: leaves the registry, then lets running calls finish
    bus.close();
    sweep.close();
    resolver.close();
    settlement.close();
    network.close();
    events.close();
    mesh.close();
    database.close();
  }
}
