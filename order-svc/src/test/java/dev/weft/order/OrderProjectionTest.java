package dev.weft.order;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.Event.Aggregate;
import dev.weft.durable.Event.Content;
import dev.weft.durable.Event.Origin;
import dev.weft.durable.UuidV7;
import dev.weft.events.UnreadableEventException;
import dev.weft.shop.event.v1.OrderEvent;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.testkit.PostgresExtension;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The read model and the events it is made from. */
final class OrderProjectionTest {
  private static final List<CancelReason> REASONS = List.of(CancelReason.values());
  private static final Address ADDRESS = new Address("Ann", "Main 1", "", "Berlin", "10115", "DE");

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  private final Database database = postgres.database();
  private Shop shop;
  private Shop.Instance instance;

  @BeforeEach
  void start() {
    shop = new Shop(database);
    instance = shop.start(database);
  }

  @AfterEach
  void stop() {
    shop.close();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void isTheOrdersInWhateverOrderAndHoweverOftenEventsComeAndIsTheSameMadeAnew(long seed) {
    Random random = new Random(seed);
    List<UUID> users = List.of(UUID.randomUUID(), UUID.randomUUID(), UUID.randomUUID());
    int said = 0;
    for (int i = 0; i < 20; i++) {
      said += live(users.get(random.nextInt(users.size())), random);
    }
    List<Event> events = log(said);

    List<Event> deliveries = new ArrayList<>(events);
    events.stream().filter(_ -> random.nextBoolean()).forEach(deliveries::add);
    events.stream().filter(_ -> random.nextInt(4) == 0).forEach(deliveries::add);
    Collections.shuffle(deliveries, random);
    for (List<Event> some : together(deliveries, random)) {
      database.inTransactionVoid(tx -> instance.projection.handleAll(tx, some));
    }

    assertThat(ViewRows.differencesFromOrders(database)).isEmpty();
    List<String> live = ViewRows.of(database);
    assertThat(live).filteredOn(row -> row.startsWith("change ")).hasSize(said);
    ViewRows.rebuild(instance);
    assertThat(ViewRows.of(database)).isEqualTo(live);
  }

  @Test
  void severalAtOnceDoNotWaitInACircleForThoseOfTheSameUsersInAnotherOrder() throws Exception {
    List<UUID> users = Stream.generate(UUID::randomUUID).limit(9).toList();
    for (int i = 0; i < 3; i++) {
      users.forEach(this::placed);
    }
    List<Event> events = log(27);
    database.inTransactionVoid(tx -> instance.projection.handleAll(tx, events.subList(0, 9)));
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      // Until both have what they lock before it.
      Future<?> holder = threads.submit(() -> hold(users.get(4), held, go));
      held.await();
      List<Future<?>> both =
          Stream.of(events.subList(9, 18), events.subList(18, 27).reversed())
              .<Future<?>>map(some -> threads.submit(() -> takeInOnce(some)))
              .toList();
      await().until(() -> waiting() == 2);
      go.countDown();
      for (Future<?> one : both) {
        one.get(60, TimeUnit.SECONDS);
      }
      holder.get(60, TimeUnit.SECONDS);
    }
    assertThat(ViewRows.differencesFromOrders(database)).isEmpty();
  }

  private void hold(UUID user, CountDownLatch held, CountDownLatch go) {
    database.inTransactionVoid(
        tx -> {
          tx.execute("UPDATE order_view_count SET orders = orders WHERE user_id = ?", user);
          held.countDown();
          try {
            go.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
  }

  private int waiting() {
    return database.read(
        tx ->
            tx.createQuery(
                    """
                    SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event_type = 'Lock'
                    """)
                .mapTo(Integer.class)
                .one());
  }

  /** In one attempt, however long it waits: a transaction that loses a deadlock runs again. */
  private void takeInOnce(List<Event> events) {
    AtomicInteger attempts = new AtomicInteger();
    database.inTransactionVoid(
        tx -> {
          assertThat(attempts.incrementAndGet()).isEqualTo(1);
          tx.execute("SET LOCAL lock_timeout = '20s'; SET LOCAL statement_timeout = '20s'");
          instance.projection.handleAll(tx, events);
        });
  }

  @Test
  void ordersThatHaveSaidNothingStayInItWhenItIsMadeAnew() {
    Order before = placed(UUID.randomUUID());
    Order after = placed(before.userId());
    for (Event event : log(2)) {
      database.inTransactionVoid(tx -> instance.projection.handle(tx, event));
    }
    // As if the first one were from before there were events.
    database.inTransactionVoid(
        tx -> {
          tx.execute("UPDATE customer_order SET event_version = 0 WHERE order_id = ?", before.id());
          tx.execute("TRUNCATE event");
        });
    ViewRows.rebuild(instance);

    assertThat(ViewRows.of(database))
        .filteredOn(row -> row.startsWith("order "))
        .singleElement()
        .asString()
        .contains(before.id().toString())
        .doesNotContain(after.id().toString());
  }

  @Test
  void theMigrationFillsItWithTheOrdersThereAre() {
    Random random = new Random(1);
    for (int i = 0; i < 20; i++) {
      live(UUID.randomUUID(), random);
    }
    database.inTransactionVoid(
        tx -> {
          tx.execute("UPDATE customer_order SET event_version = 0 WHERE state = 'CONFIRMED'");
          tx.execute(
              "DROP TABLE order_view, order_view_change, order_view_count, order_view_state");
          tx.createScript(migration()).execute();
        });

    assertThat(ViewRows.differencesFromOrders(database)).isEmpty();
    assertThat(ViewRows.of(database)).filteredOn(row -> row.startsWith("order ")).hasSize(20);
  }

  @Test
  void refusesWhatItDoesNotUnderstand() {
    UUID id = UUID.randomUUID();
    OrderFacts known =
        OrderMessages.facts(placed(UUID.randomUUID())).toBuilder()
            .setOrderId(id.toString())
            .build();

    assertThat(OrderProjection.change(event(id, known)).orderId()).isEqualTo(id);
    for (OrderFacts unknown :
        List.of(
            known.toBuilder().setStateValue(99).build(),
            known.toBuilder().clearState().build(),
            known.toBuilder().setCancelReasonValue(99).build(),
            known.toBuilder().setOrderId(UUID.randomUUID().toString()).build(),
            known.toBuilder().clearUserId().build(),
            known.toBuilder().clearTotal().build(),
            OrderFacts.getDefaultInstance())) {
      assertThatThrownBy(() -> OrderProjection.change(event(id, unknown)))
          .isInstanceOf(UnreadableEventException.class);
    }
    assertThatThrownBy(() -> OrderProjection.change(event(id, known, 2)))
        .isInstanceOf(UnreadableEventException.class);
  }

  /** In their order, in parts of different orders. */
  private static List<List<Event>> together(List<Event> events, Random random) {
    List<List<Event>> parts = new ArrayList<>();
    List<Event> part = new ArrayList<>();
    Set<String> orders = new HashSet<>();
    for (Event event : events) {
      if (random.nextInt(6) == 0 || !orders.add(event.aggregate().id())) {
        parts.add(part);
        part = new ArrayList<>();
        orders = new HashSet<>(Set.of(event.aggregate().id()));
      }
      part.add(event);
    }
    parts.add(part);
    return parts;
  }

  /** Some life of an order; says how many events it said. */
  private int live(UUID user, Random random) {
    UUID id = placed(user).id();
    int said = 1;
    boolean calledOff = random.nextInt(4) == 0;
    if (calledOff) {
      database.inTransactionVoid(tx -> instance.store.requestCancel(tx, id));
      said++;
    }
    if (random.nextInt(5) == 0) {
      return said; // PENDING for ever
    }
    UUID payment = UUID.randomUUID();
    if (calledOff || random.nextInt(3) == 0) {
      CancelReason reason = REASONS.get(random.nextInt(REASONS.size()));
      Optional<UUID> known = random.nextBoolean() ? Optional.of(payment) : Optional.empty();
      database.inTransactionVoid(tx -> instance.store.cancel(tx, id, reason, known));
      return said + 1;
    }
    boolean begun = database.inTransaction(tx -> instance.store.beginCapture(tx, id, payment));
    assertThat(begun).isTrue();
    database.inTransactionVoid(tx -> instance.store.confirm(tx, id));
    return said + 2;
  }

  private Order placed(UUID user) {
    Quote quote =
        new Quote(
            List.of(new OrderLine(UUID.randomUUID(), "Mug", 2, 500)), new Amount(1000, "EUR"));
    return database.inTransaction(
        tx ->
            instance.store.insert(
                tx, new OrderStore.NewOrder(UuidV7.next(), user, quote, ADDRESS, "card_ok")));
  }

  private List<Event> log(int events) {
    await().until(() -> instance.events.store().last() == events);
    return instance.events.store().read(0, events);
  }

  private static Event event(UUID order, OrderFacts facts) {
    return event(order, facts, 1);
  }

  private static Event event(UUID order, OrderFacts facts, int schemaVersion) {
    byte[] payload = OrderEvent.newBuilder().setOrder(facts).build().toByteArray();
    return new Event(
        1,
        UUID.randomUUID(),
        OrderServer.NAME,
        "shop.order.confirmed",
        schemaVersion,
        new Aggregate("shop.order", order.toString(), 1),
        new Content("application/protobuf", "shop.event.v1.OrderConfirmed", payload),
        Origin.request("", Optional.empty()),
        Instant.EPOCH);
  }

  private static String migration() {
    try (InputStream script =
        OrderProjectionTest.class.getResourceAsStream("/db/migration/V3__order_view.sql")) {
      return new String(Objects.requireNonNull(script).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
