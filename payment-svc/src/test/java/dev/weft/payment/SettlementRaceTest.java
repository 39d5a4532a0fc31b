package dev.weft.payment;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.card.CardNetworkServer;
import dev.weft.durable.CommandId;
import dev.weft.durable.Database;
import dev.weft.durable.DatabaseConfig;
import dev.weft.durable.UuidV7;
import dev.weft.testkit.PostgresExtension;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.DriverPropertyInfo;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the card network told, by a thread that stalls between its commit and what follows, while
 * somebody begins what comes next. The connections are held at the places that matter.
 */
@Timeout(60)
final class SettlementRaceTest {
  private static final Amount PRICE = new Amount(1999, "EUR");
  private static final String TELLER = "teller";

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir Path directory;

  private final UUID order = UuidV7.next();
  private final PaymentStore store = new PaymentStore();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private final Held driver = new Held();
  private CardNetworkServer cards;
  private Settlement settlement;
  private Payments payments;

  @BeforeEach
  void open() throws Exception {
    cards = CardNetworkServer.start(directory, Duration.ZERO, Duration.ZERO);
    opened.add(cards);
    DriverManager.registerDriver(driver);
    opened.add(() -> DriverManager.deregisterDriver(driver));
    DatabaseConfig plain = DatabaseConfig.parse(postgres.url());
    Database database =
        Database.open(
            new DatabaseConfig(
                Held.PREFIX + plain.jdbcUrl(), plain.user(), plain.password(), plain.poolSize()));
    opened.add(database);
    CardNetwork network = new CardNetwork(cards.address(), CardNetwork.Patience.DEFAULT);
    opened.add(network);
    Ledger ledger = new Ledger();
    settlement = new Settlement(database, store, ledger, network, Logs.events(database, store));
    opened.add(settlement);
    payments = new Payments(database, store, ledger, settlement, () -> {});
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable one : opened.reversed()) {
      one.close();
    }
  }

  @Test
  void whatIsToldOfTheCaptureDoesNotEndTheRefundThatBeganMeanwhile() throws Exception {
    authorize();
    atTheNetwork(":capture");
    postgres
        .database()
        .inTransactionVoid(
            tx -> store.save(tx, store.lockByOrder(tx, order).orElseThrow().capturing("c")));

    Payment refunded = tellWhile(() -> payments.refundOrder(order));

    assertThat(refunded.state()).isEqualTo(PaymentState.REFUNDED);
  }

  @Test
  void whatIsToldToRestoredBooksDoesNotEndTheCaptureThatBeganMeanwhile() throws Exception {
    authorize();
    atTheNetwork(":capture");
    // As a backup holds it that was made before the authorization was written.
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                tx.createUpdate(
                        """
                        UPDATE payment SET state = 'AUTHORIZING', charge_id = NULL
                         WHERE order_id = :order
                        """)
                    .bind("order", order)
                    .execute());

    Payment captured = tellWhile(() -> payments.capture(order, "saga:capture:do"));

    assertThat(captured.state()).isEqualTo(PaymentState.CAPTURED);
  }

  /** Begins the call after the event's commit, and lets its work go on after the event's end. */
  private Payment tellWhile(Callable<Payment> call) throws Exception {
    CardCharge charge =
        new CardCharge(
            "ch_0",
            Optional.of(order.toString()),
            CardCharge.Status.CAPTURED,
            Optional.empty(),
            Set.of());
    driver.holding = true;
    Thread teller =
        Thread.ofPlatform()
            .name(TELLER)
            .start(() -> settlement.told(new CardEvent("evt_" + order, order, charge)));
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      await(driver.committed);
      Future<Payment> outcome = threads.submit(call);
      teller.join();
      driver.told.countDown();
      return outcome.get();
    }
  }

  private void authorize() {
    payments.authorize(
        new Payments.Authorization(
            order, UuidV7.next(), PRICE, "card_ok", CommandId.parse(order + ":authorize:forward")));
  }

  private void atTheNetwork(String verb) throws Exception {
    try (HttpClient http = HttpClient.newHttpClient()) {
      int status =
          http.send(
                  HttpRequest.newBuilder(cards.address().resolve("/v1/charges/ch_0" + verb))
                      .header("Idempotency-Key", "elsewhere")
                      .POST(BodyPublishers.noBody())
                      .build(),
                  BodyHandlers.discarding())
              .statusCode();
      assertThat(status).isEqualTo(200);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Connections to the real database that hold the teller after its commit until a payment's work
   * is there, and that work until the teller has ended.
   */
  private static final class Held implements Driver {
    static final String PREFIX = "held:";

    final CountDownLatch committed = new CountDownLatch(1);
    final CountDownLatch arrived = new CountDownLatch(1);
    final CountDownLatch told = new CountDownLatch(1);
    volatile boolean holding;

    @Override
    public @Nullable Connection connect(String url, Properties how) throws SQLException {
      if (!acceptsURL(url)) {
        return null;
      }
      Connection real = DriverManager.getConnection(url.substring(PREFIX.length()), how);
      return (Connection)
          Proxy.newProxyInstance(
              Held.class.getClassLoader(),
              new Class<?>[] {Connection.class},
              (_, method, arguments) -> {
                if (holding && Thread.currentThread().getName().startsWith("payment-")) {
                  arrived.countDown();
                  await(told);
                }
                Object result;
                try {
                  result = method.invoke(real, arguments);
                } catch (InvocationTargetException e) {
                  throw e.getCause();
                }
                if (method.getName().equals("commit")
                    && Thread.currentThread().getName().equals(TELLER)) {
                  committed.countDown();
                  await(arrived);
                }
                return result;
              });
    }

    @Override
    public boolean acceptsURL(String url) {
      return url.startsWith(PREFIX);
    }

    @Override
    public DriverPropertyInfo[] getPropertyInfo(String url, Properties how) {
      return new DriverPropertyInfo[0];
    }

    @Override
    public int getMajorVersion() {
      return 1;
    }

    @Override
    public int getMinorVersion() {
      return 0;
    }

    @Override
    public boolean jdbcCompliant() {
      return false;
    }

    @Override
    public Logger getParentLogger() {
      return Logger.getGlobal();
    }
  }
}
