package dev.weft.inventory;

import dev.weft.durable.Database;
import dev.weft.durable.RequestIdSweep;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshServer;
import dev.weft.mesh.RunningProcess;

/** Every object of inventory-svc, made once, in the order it starts; closed in reverse. */
final class Wiring implements RunningProcess {
  private final Mesh mesh;
  private final Database database;
  private final ExpirySweep expirySweep;
  private final RequestIdSweep requestIdSweep;
  private final MeshServer server;

  Wiring(InventoryConfig config) {
    mesh = Mesh.open(config.mesh());
    database = Database.open(config.database());
    StockStore stockStore = new StockStore();
    Reservations reservations =
        new Reservations(database, new ReservationStore(), stockStore, config.reservationLife());
    expirySweep = new ExpirySweep(reservations);
    requestIdSweep = new RequestIdSweep(database);
    server =
        mesh.server(
            new InventoryService(
                new Catalogue(database, new ProductStore()),
                new Stocks(database, stockStore),
                reservations));
    mesh.management().readiness("database", database::healthy);
  }

  @Override
  public void start() {
    database.migrate();
    expirySweep.start();
    requestIdSweep.start();
    server.start(); // last: from here on the registry sends calls
  }

  @Override
  public void close() {
    server.close(); // first: leaves the registry, then lets running calls finish
    expirySweep.close();
    requestIdSweep.close();
    mesh.close();
    database.close();
  }
}
