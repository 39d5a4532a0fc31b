package dev.weft.inventory;

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
import dev.weft.redis.Redis;
import io.opentelemetry.api.metrics.LongCounter;
import java.time.Duration;
import java.util.Optional;

/** Every object of inventory-svc, made once, in the order it starts; closed in reverse. */
final class Wiring implements RunningProcess {
  /** Readers give a silent stream up after a minute. */
  private static final Duration HEARTBEAT = Duration.ofSeconds(15);

  /** For events and upkeep, which no customer waits for: one short transaction each. */
  private static final int BACKGROUND_CONNECTIONS = 2;

  private final Mesh mesh;
  private final Database database;
  private final EventLog events;
  private final EventBus bus;
  private final Optional<Redis> redis;
  private final ProductCache products;
  private final StockFeed stockFeed;
  private final Reservations reservations;
  private final ExpirySweep expirySweep;
  private final Sweep sweep;
  private final MeshServer server;

  Wiring(InventoryConfig config) {
    mesh = Mesh.open(config.mesh());
    database = Database.open(config.database(), TimeLeft::ofCall);
    Database background = database.besides(BACKGROUND_CONNECTIONS);
    events = config.events().log(background, ReservationEvents.GRANTS, mesh);
    bus = config.events().bus(background, mesh);
    redis = config.redis().map(to -> Redis.open(to, InventoryServer.NAME, mesh.telemetry()));
    ProductStore productStore = new ProductStore();
    products = cache(productStore);
    StockStore stockStore = new StockStore(products.changing(database));
    stockFeed = new StockFeed(database, stockStore, HEARTBEAT);
    reservations =
        new Reservations(
            database,
            new ReservationStore(),
            stockStore,
            new ReservationEvents(events),
            config.reservationLife(),
            tombstoneHits(mesh.telemetry()));
    expirySweep = new ExpirySweep(reservations);
    sweep = new Sweep(background);
    server =
        mesh.server(
            new InventoryService(
                new Catalogue(database, productStore, products.changing(database)),
                products,
                new Stocks(database, stockStore),
                stockFeed,
                reservations),
            events.service(),
            new EventAdminService(database));
    mesh.management().readiness("database", database::healthy);
    redis.ifPresent(open -> mesh.management().degradation("redis", open::healthy));
  }

  private ProductCache cache(ProductStore store) {
    CacheMetrics metrics = new CacheMetrics(mesh.telemetry());
    return new ProductCache(
        id -> database.read(tx -> store.find(tx, id)).map(InventoryMessages::product),
        new LocalTier(CacheTimes.LOCAL, metrics),
        redis.<CacheTier>map(open -> new RedisTier(open, CacheTimes.SHARED, metrics)),
        // A reference to the method would load the client where there is no Redis, here and below.
        redis.map(open -> open.broadcast()),
        metrics);
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
    events.start();
    stockFeed.start();
    expirySweep.start();
    sweep.start();
    new CalledOffOrders(reservations).subscribe(bus);
    server.start(); // last: from here on the registry sends calls
  }

  @Override
  public void close() {
    server.close(); // first: leaves the registry, then lets running calls finish
    bus.close();
    expirySweep.close();
    sweep.close();
    stockFeed.close();
    events.close();
    products.close();
    redis.ifPresent(open -> open.close());
    mesh.close();
    database.close();
  }
}
