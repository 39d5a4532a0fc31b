package dev.weft.order;

import dev.weft.durable.Bell;
import dev.weft.durable.Database;
import dev.weft.durable.SagaRunner;
import dev.weft.durable.SagaSettings;
import dev.weft.durable.Sweep;
import dev.weft.events.EventAdminService;
import dev.weft.events.EventBus;
import dev.weft.events.EventLog;
import dev.weft.events.GrpcEventTransport;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshServer;
import dev.weft.mesh.RunningProcess;
import dev.weft.mesh.TimeLeft;
import io.grpc.Channel;
import java.time.Duration;
import java.util.List;

/** Every object of order-svc, made once, in the order it starts; closed in reverse. */
final class Wiring implements RunningProcess {
  private static final Duration LOOK_EVERY = Duration.ofSeconds(1);

  /** An event takes one for milliseconds. */
  private static final int VIEW_CONNECTIONS = 3;

  private final Mesh mesh;
  private final Database database;
  private final EventLog events;
  private final OrderProjection projection;
  private final OrderViewBuilder viewBuilder;
  private final EventBus ownEvents;
  private final Returns returns;
  private final OrderFeed feed;
  private final KnownUsers knownUsers;
  private final EventBus othersEvents;
  private final SagaRunner sagas;
  private final Auditor auditor;
  private final Sweep sweep;
  private final MeshServer server;

  Wiring(OrderConfig config) {
    mesh = Mesh.open(config.mesh());
    database = Database.open(config.database(), TimeLeft::ofCall);
    // So that a rush of sagas or events leaves connections to those who order, and what the read
    // model takes to follow, to those who read it.
    Database sagaDatabase = database.besides(config.database().poolSize());
    Database viewDatabase = database.besides(VIEW_CONNECTIONS);
    Channel inventoryChannel = mesh.channel(InventoryClient.SERVICE);
    Channel paymentChannel = mesh.channel(PaymentClient.SERVICE);
    UserClient users = new UserClient(mesh.channel(UserClient.SERVICE));
    InventoryClient inventory = new InventoryClient(inventoryChannel);
    PaymentClient payments = new PaymentClient(paymentChannel);
    events = config.events().log(database, OrderEvents.GRANTS, mesh);
    OrderStore store = new OrderStore(new OrderEvents(events));
    CartStore cartStore = new CartStore();
    feed = new OrderFeed(database, store, LOOK_EVERY);
    othersEvents = config.events().bus(sagaDatabase, mesh);
    returns = new Returns(sagaDatabase, store, new ReturnStore(), feed);
    SagaEvents sagaEvents = new SagaEvents(events);
    OrderSaga saga =
        new OrderSaga(sagaDatabase, store, returns, feed, sagaEvents, users, inventory, payments);
    FarewellSaga farewell = new FarewellSaga(sagaDatabase, store, feed, sagaEvents);
    sagas =
        new SagaRunner(
            sagaDatabase, SagaSettings.DEFAULT, List.of(saga.definition(), farewell.definition()));
    knownUsers = new KnownUsers(new KnownUserStore(), sagas);
    Intake intake = new Intake(database, sagas, Intake.WAITING_MAX, System::nanoTime);
    Orders orders = new Orders(database, store, cartStore, returns, sagas, feed, inventory, intake);
    OrderViewStore view = new OrderViewStore();
    Bell viewMoved = new Bell();
    projection = new OrderProjection(viewDatabase, view, viewMoved);
    viewBuilder = new OrderViewBuilder(viewDatabase, events.store(), view);
    OrderQueries queries =
        new OrderQueries(database, orders, view, viewMoved, OrderQueries.COURTESY);
    // From its own log, also where a broker carries events: a view is not to wait for one.
    ownEvents = new EventBus(viewDatabase, GrpcEventTransport.over(mesh), mesh.telemetry());
    BooksClient books = new BooksClient(paymentChannel, inventoryChannel);
    Audit audit = new Audit(database, store, sagas, books);
    AuditStore verdicts = new AuditStore();
    auditor = new Auditor(database, audit, verdicts, config.auditEvery());
    sweep = new Sweep(database);
    server =
        mesh.server(
            new OrderService(orders, queries, feed, sagas),
            new OrderViewService(database, events, view, viewBuilder),
            new CartService(new Carts(database, cartStore, inventory), orders),
            new AuditService(database, audit, verdicts),
            events.service(),
            new EventAdminService(database));
    mesh.management().readiness("database", database::healthy);
    SagaWatch.add(mesh.management(), mesh.telemetry(), sagas);
    auditor.show(mesh.telemetry());
  }

  @Override
  public void start() {
    database.migrate();
    events.start();
    feed.start();
    sagas.start();
    othersEvents.subscribe(KnownUsers.SUBSCRIPTION, knownUsers);
    new RefundedPayments(returns).subscribe(othersEvents);
    new ReturnedGoods(returns).subscribe(othersEvents);
    sweep.start();
    auditor.start();
    viewBuilder.start();
    server.start(); // from here on the registry sends calls
    ownEvents.subscribe(OrderProjection.subscription(), projection); // they come from such a server
  }

  @Override
  public void close() {
    ownEvents.close(); // first: what was taken in is acknowledged to a server that is there
    server.close(); // leaves the registry, then lets running calls finish
    viewBuilder.close();
    othersEvents.close();
    sagas.close();
    auditor.close();
    sweep.close();
    feed.close();
    events.close();
    mesh.close();
    database.close();
  }
}
