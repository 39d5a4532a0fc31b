package dev.weft.inventory;

import dev.weft.durable.Database;
import dev.weft.durable.Sweep;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshServer;
import dev.weft.mesh.RunningProcess;
import dev.weft.mesh.Telemetry;
import io.opentelemetry.api.metrics.LongCounter;
import java.time.Duration;

/** Every object of inventory-svc, made once, in the order it starts; closed in reverse. */
final class Wiring implements RunningProcess {
  /** Readers give a silent stream up after a minute. */
  private static final Duration HEARTBEAT = Duration.ofSeconds(15);

  private final Mesh mesh;
  private final Database database;
  private final StockFeed stockFeed;
  private final ExpirySweep expirySweep;
  private final Sweep sweep;
  private final MeshServer server;

  Wiring(InventoryConfig config) {
    mesh = Mesh.open(config.mesh());
    database = Database.open(config.database());
    StockStore stockStore = new StockStore();
    stockFeed = new StockFeed(database, stockStore, HEARTBEAT);
    Reservations reservations =
        new Reservations(
            database,
            new ReservationStore(),
            stockStore,
            config.reservationLife(),
            tombstoneHits(mesh.telemetry()));
    expirySweep = new ExpirySweep(reservations);
    sweep = new Sweep(database);
    server =
        mesh.server(
            new InventoryService(
                new Catalogue(database, new ProductStore()),
                new Stocks(database, stockStore),
                stockFeed,
                reservations));
    mesh.management().readiness("database", database::healthy);
  }

  /** As in every service that keeps a fence. */
  private static Runnable tombstoneHits(Telemetry telemetry) {
    LongCounter hits =
        telemetry
            .meter("dev.weft.inventory")
            .counterBuilder("weft.fence.tombstone.hits")
            .setUnit("{attempt}")
            .setDescription("Attempts at a step that was undone before; nothing came of them.")
            .build();
    return () -> hits.add(1);
  }

  @Override
  public void start() {
    database.migrate();
    stockFeed.start();
    expirySweep.start();
    sweep.start();
    server.start(); // last: from here on the registry sends calls
  }

  @Override
  public void close() {
    server.close(); // first: leaves the registry, then lets running calls finish
    expirySweep.close();
    sweep.close();
    stockFeed.close();
    mesh.close();
    database.close();
  }
}
