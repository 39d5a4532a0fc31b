package dev.weft.payment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.card.CardNetworkServer;
import dev.weft.durable.CommandId;
import dev.weft.durable.Database;
import dev.weft.durable.PageToken;
import dev.weft.durable.RequestIds;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.Rejection;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Context;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The use cases on a real PostgreSQL and the real card network. */
final class PaymentsTest {
  private static final Duration SLOW = Duration.ofMillis(400);
  private static final Duration SILENCE = Duration.ofMillis(50);
  private static final Amount PRICE = new Amount(1999, "EUR");

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir static Path directory;
  private static CardNetworkServer cards;

  private final UUID order = UuidV7.next();
  private final UUID user = UuidV7.next();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private Instance process;

  @BeforeAll
  static void startCards() throws IOException {
    cards = CardNetworkServer.start(directory, SLOW, SILENCE);
  }

  @AfterAll
  static void stopCards() throws IOException {
    cards.close();
  }

  @BeforeEach
  void open() {
    process = new Instance(postgres.database(), cards.address());
  }

  @AfterEach
  void close() throws Exception {
    postgres.database().shiftClock(Duration.ZERO);
    for (AutoCloseable one : opened) {
      one.close();
    }
  }

  /** What one process of payment-svc is made of. */
  private final class Instance {
    final PaymentStore store = new PaymentStore();
    final Ledger ledger = new Ledger();
    final Payments payments;
    final AtomicInteger tombstoneHits = new AtomicInteger();
    final Resolver resolver;

    Instance(Database database, URI network) {
      CardNetwork client = new CardNetwork(network, CardNetwork.Patience.DEFAULT);
      Settlement settlement =
          new Settlement(database, store, ledger, client, Logs.events(database, store));
      opened.add(settlement);
      opened.add(client);
      payments = new Payments(database, store, ledger, settlement, tombstoneHits::incrementAndGet);
      resolver = new Resolver(database, store, settlement, Duration.ofMillis(20));
    }
  }

  @Test
  void authorizesThenCapturesAndEntersItInTheBooks() throws Exception {
    Payment authorized = authorize("card_ok");
    assertThat(authorized.state()).isEqualTo(PaymentState.AUTHORIZED);
    assertThat(authorized.capturedMinor()).isZero();
    assertThat(books()).isEmpty();

    Payment captured = capture();

    assertThat(captured.state()).isEqualTo(PaymentState.CAPTURED);
    assertThat(captured.id()).isEqualTo(authorized.id());
    assertThat(captured.capturedMinor()).isEqualTo(1999);
    assertThat(captured.commands().capture()).contains("saga:capture:do");
    assertThat(books())
        .extracting(entry -> entry.account() + " " + entry.amount().minor())
        .containsExactly("card_network 1999", "revenue -1999");
    assertThat(atTheNetwork()).contains("\"status\":\"captured\"", "\"capturedAmount\":1999");
  }

  @Test
  void answersTheSameWhenItIsAskedAgain() throws Exception {
    Payment authorized = authorize("card_ok");
    assertThat(authorize("card_ok")).isEqualTo(authorized);

    Payment captured = capture();
    assertThat(capture()).isEqualTo(captured);
    assertThat(authorize("card_ok")).isEqualTo(captured);
    assertThat(books()).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource({
    "card_declined, card_declined",
    "card_insufficient_funds, insufficient_funds",
    "card_nobody_knows, unknown_card"
  })
  void saysWhyTheNetworkDeclined(String card, String reason) {
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> authorize(card))
          .isInstanceOfSatisfying(
              Rejection.NotAllowedNow.class,
              e -> {
                assertThat(e.reason()).isEqualTo("PAYMENT_DECLINED");
                assertThat(e.metadata()).containsEntry("decline_reason", reason);
              });
    }
    refused("PAYMENT_DECLINED", this::capture);
    assertThat(stored().state()).isEqualTo(PaymentState.DECLINED);
    assertThat(books()).isEmpty();
  }

  @Test
  void refusesASecondPaymentForAnOrder() {
    authorize("card_ok");

    refused("PAYMENT_EXISTS", () -> authorize("card_slow"));
    refused(
        "PAYMENT_EXISTS",
        () ->
            process.payments.authorize(
                new Payments.Authorization(
                    order, user, new Amount(1, "EUR"), "card_ok", command(order, "forward"))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"card_slow", "card_timeout"})
  void capturesWhatTheNetworkIsSlowToTellOrNeverTells(String card) throws Exception {
    authorize(card);

    assertThat(capture().state()).isEqualTo(PaymentState.CAPTURED);
    assertThat(atTheNetwork()).contains("\"status\":\"captured\"");
    assertThat(books()).hasSize(2);
  }

  @Test
  void capturesOnceForFiftyAtOnce() throws Exception {
    authorize("card_slow");

    List<Payment> answers = inParallel(50, this::capture);

    assertThat(answers).hasSize(50).containsOnly(answers.getFirst());
    assertThat(answers.getFirst().state()).isEqualTo(PaymentState.CAPTURED);
    assertThat(books()).hasSize(2);
  }

  @Test
  void authorizesOnceForFiftyAtOnce() throws Exception {
    List<Payment> answers = inParallel(50, () -> authorize("card_ok"));

    assertThat(answers).hasSize(50).containsOnly(answers.getFirst());
  }

  @Test
  void capturesOnceForSeveralProcessesAtOnce() throws Exception {
    authorize("card_slow");
    Instance other = new Instance(postgres.anotherDatabase(), cards.address());

    List<Payment> answers =
        inParallel(
            20,
            () ->
                (Thread.currentThread().threadId() % 2 == 0 ? process : other)
                    .payments.capture(order, "saga:capture:do"));

    assertThat(answers).extracting(Payment::state).containsOnly(PaymentState.CAPTURED);
    assertThat(books()).hasSize(2);
  }

  @Test
  void goesOnWhenItsCallerGivesUp() throws Exception {
    authorize("card_slow");

    try (ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor()) {
      Context hurried =
          Context.current().withDeadlineAfter(SLOW.toMillis() / 2, TimeUnit.MILLISECONDS, timer);
      refused("CARD_NETWORK_UNAVAILABLE", () -> hurried.call(this::capture));
      assertThat(stored().state()).isEqualTo(PaymentState.CAPTURING);
    }

    await().until(() -> stored().state() == PaymentState.CAPTURED);
    assertThat(books()).hasSize(2);
  }

  @Test
  void joinsWhatAnotherCallBegan() throws Exception {
    authorize("card_slow");
    try (var network = new StubbornNetwork(cards.address());
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      process = new Instance(postgres.database(), network.address());
      Future<Payment> first = threads.submit(this::capture);
      await().until(() -> network.captures() == 1);

      assertThat(capture().state()).isEqualTo(PaymentState.CAPTURED);
      assertThat(first.get().state()).isEqualTo(PaymentState.CAPTURED);
      assertThat(network.captures()).isEqualTo(1);
    }
  }

  @Test
  void findsTheCaptureWhoseRecordWasLost() throws Exception {
    loseTheRecordOfTheCapture();

    assertThat(capture().state()).isEqualTo(PaymentState.CAPTURED);
    assertThat(books()).hasSize(2);
  }

  @Test
  void takesUpByItselfTheCaptureWhoseRecordWasLost() throws Exception {
    loseTheRecordOfTheCapture();
    process.resolver.tick();
    assertThat(stored().state()).as("leased still").isEqualTo(PaymentState.CAPTURING);

    postgres.database().shiftClock(PaymentStore.LEASE.plusSeconds(1));
    process.resolver.tick();

    await().until(() -> stored().state() == PaymentState.CAPTURED);
    assertThat(books()).hasSize(2);
  }

  /** The network takes the money, and the transaction that would say so fails. */
  private void loseTheRecordOfTheCapture() throws Exception {
    authorize("card_slow");
    Instance dying = new Instance(postgres.anotherDatabase(), cards.address());
    CountDownLatch done = new CountDownLatch(1);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Payment> call = threads.submit(() -> dying.payments.capture(order, "saga:capture:do"));
      await().until(() -> stored().state() == PaymentState.CAPTURING);
      threads.execute(
          () ->
              postgres
                  .database()
                  .inTransactionVoid(
                      tx -> {
                        process.store.lockByOrder(tx, order);
                        awaitUninterruptibly(done);
                      }));
      assertThatThrownBy(call::get).isInstanceOf(ExecutionException.class);
      done.countDown();
    }
    assertThat(stored().state()).isEqualTo(PaymentState.CAPTURING);
    assertThat(atTheNetwork()).contains("\"status\":\"captured\"");
    assertThat(books()).isEmpty();
  }

  @Test
  void saysThatItDoesNotKnowAndFindsOutWhenTheNetworkIsBack() {
    Instance cutOff = new Instance(postgres.anotherDatabase(), URI.create("http://127.0.0.1:1"));

    refused("CARD_NETWORK_UNAVAILABLE", () -> cutOff.payments.authorize(authorization("card_ok")));
    assertThat(stored().state()).isEqualTo(PaymentState.AUTHORIZING);

    postgres.database().shiftClock(PaymentStore.LEASE.plusSeconds(1));
    process.resolver.tick();
    await().until(() -> stored().state() == PaymentState.AUTHORIZED);
  }

  @Test
  void leavesAnUnreachableNetworkAloneLongerEachTime() {
    Instance cutOff = new Instance(postgres.database(), URI.create("http://127.0.0.1:1"));
    refused("CARD_NETWORK_UNAVAILABLE", () -> cutOff.payments.authorize(authorization("card_ok")));

    List<Duration> waits = new ArrayList<>();
    Duration clock = Duration.ZERO;
    for (int i = 0; i < 4; i++) {
      Duration wait = untilDue();
      waits.add(wait.minus(clock));
      clock = wait.plusMillis(100);
      postgres.database().shiftClock(clock);
      int attempts = attempts();
      cutOff.resolver.tick();
      await().until(() -> attempts() > attempts);
    }

    assertThat(waits).isSorted();
    assertThat(waits.getLast()).isGreaterThan(Duration.ofSeconds(5));
  }

  @Test
  void rememberAVoidThatCameBeforeItsAuthorization() throws Exception {
    assertThat(process.payments.release(order, command(order, "backward"))).isEmpty();
    assertThat(process.payments.release(order, command(order, "backward"))).isEmpty();

    refused("PAYMENT_VOIDED", () -> authorize("card_ok"));

    assertThat(process.tombstoneHits).hasValue(1);
    assertThat(atTheNetwork()).isEqualTo("{\"charges\":[]}");
    refused("PAYMENT_NOT_FOUND", this::capture);
  }

  @Test
  void givesFreeWhatIsHeld() throws Exception {
    authorize("card_ok");

    Payment voided = process.payments.release(order, command(order, "backward")).orElseThrow();

    assertThat(voided.state()).isEqualTo(PaymentState.VOIDED);
    assertThat(process.payments.release(order, command(order, "backward"))).contains(voided);
    assertThat(atTheNetwork()).contains("\"status\":\"voided\"");
    refused("NOT_AUTHORIZED", this::capture);
    refused("PAYMENT_VOIDED", () -> authorize("card_ok"));
  }

  @Test
  void givesFreeAnAuthorizationOfUnknownOutcome() throws Exception {
    Instance cutOff = new Instance(postgres.anotherDatabase(), URI.create("http://127.0.0.1:1"));
    refused("CARD_NETWORK_UNAVAILABLE", () -> cutOff.payments.authorize(authorization("card_ok")));
    refused(
        "CARD_NETWORK_UNAVAILABLE",
        () -> cutOff.payments.release(order, command(order, "backward")));
    refused("CARD_NETWORK_UNAVAILABLE", () -> cutOff.payments.capture(order, "do"));

    assertThat(process.payments.release(order, command(order, "backward")))
        .hasValueSatisfying(p -> assertThat(p.state()).isEqualTo(PaymentState.VOIDED));

    assertThat(atTheNetwork()).contains("\"status\":\"voided\"");
  }

  @Test
  void leavesNothingHeldWhenVoidAndAuthorizationRace() throws Exception {
    for (int i = 0; i < 20; i++) {
      UUID raced = UuidV7.next();
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        Future<Payment> authorized =
            threads.submit(
                () ->
                    process.payments.authorize(
                        new Payments.Authorization(
                            raced, user, PRICE, "card_ok", command(raced, "forward"))));
        threads.submit(() -> process.payments.release(raced, command(raced, "backward"))).get();
        try {
          authorized.get();
        } catch (ExecutionException e) {
          assertThat(e.getCause()).isInstanceOf(Rejection.NotAllowedNow.class);
        }
      }
      assertThat(atTheNetwork(raced)).doesNotContain("\"status\":\"authorized\"");
    }
  }

  @Test
  void doesNotVoidWhatWasTaken() {
    authorize("card_ok");
    capture();

    refused("ALREADY_CAPTURED", () -> process.payments.release(order, command(order, "backward")));
  }

  @Test
  void waitsForTheCaptureBeforeItRefusesAVoid() throws Exception {
    authorize("card_slow");
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Payment> capture = threads.submit(this::capture);
      await().until(() -> stored().state() == PaymentState.CAPTURING);

      refused(
          "ALREADY_CAPTURED", () -> process.payments.release(order, command(order, "backward")));
      assertThat(capture.get().state()).isEqualTo(PaymentState.CAPTURED);
    }
  }

  @Test
  void givesBackAllAnOrderPaidOnce() throws Exception {
    authorize("card_ok");
    refused("NOT_CAPTURED", () -> process.payments.refundOrder(order));
    capture();

    List<Payment> answers = inParallel(10, () -> process.payments.refundOrder(order));

    assertThat(answers).hasSize(10).containsOnly(answers.getFirst());
    assertThat(answers.getFirst().state()).isEqualTo(PaymentState.REFUNDED);
    assertThat(answers.getFirst().refundedMinor()).isEqualTo(1999);
    assertThat(atTheNetwork()).contains("\"refundedAmount\":1999");
    assertThat(books())
        .extracting(entry -> entry.account() + " " + entry.amount().minor())
        .containsExactly(
            "card_network 1999", "revenue -1999", "card_network -1999", "revenue 1999");
    assertThat(capture().state()).isEqualTo(PaymentState.REFUNDED);
  }

  @Test
  void givesBackPartsAndAnswersTheSameToTheSameRequest() {
    authorize("card_ok");
    Payment captured = capture();

    Payment first = refund(captured, "key-1", Optional.of(500L));
    assertThat(first.refundedMinor()).isEqualTo(500);
    assertThat(first.state()).isEqualTo(PaymentState.CAPTURED);
    Payment rest = refund(captured, "key-2", Optional.empty());
    assertThat(rest.refundedMinor()).isEqualTo(1999);
    assertThat(rest.state()).isEqualTo(PaymentState.REFUNDED);

    assertThat(refund(captured, "key-1", Optional.of(500L))).isEqualTo(first);
    refused("IDEMPOTENCY_KEY_REUSED", () -> refund(captured, "key-1", Optional.of(501L)));
    refused("REFUND_EXCEEDS_CAPTURE", () -> refund(captured, "key-3", Optional.of(1L)));
    refused("REFUND_EXCEEDS_CAPTURE", () -> refund(captured, "key-4", Optional.empty()));
    assertThat(books()).hasSize(6);
  }

  @Test
  void givesBackOnceForARequestThatWasForgotten() {
    authorize("card_ok");
    Payment captured = capture();
    Payment first = refund(captured, "key-1", Optional.of(500L));

    postgres.database().shiftClock(Duration.ofDays(30));
    assertThat(postgres.database().<Integer>inTransaction(tx -> RequestIds.forget(tx, 100)))
        .isPositive();

    assertThat(refund(captured, "key-1", Optional.of(500L))).isEqualTo(first);
    assertThat(stored().refundedMinor()).isEqualTo(500);
  }

  @Test
  void givesBackNoMoreThanWasTakenHoweverManyAskAtOnce() throws Exception {
    authorize("card_ok");
    Payment captured = capture();

    List<Boolean> done =
        inParallel(
            20,
            () -> {
              try {
                refund(captured, UuidV7.next().toString(), Optional.of(300L));
                return true;
              } catch (Rejection.NotAllowedNow e) {
                return false;
              }
            });

    assertThat(done).filteredOn(d -> d).hasSize(6);
    assertThat(stored().refundedMinor()).isEqualTo(1800);
    assertThat(atTheNetwork()).contains("\"refundedAmount\":1800");
  }

  @Test
  void finishesARefundThatTheNetworkDidNotAnswer() {
    authorize("card_ok");
    Payment captured = capture();
    Instance cutOff = new Instance(postgres.anotherDatabase(), URI.create("http://127.0.0.1:1"));
    refused("CARD_NETWORK_UNAVAILABLE", () -> cutOff.payments.refundOrder(order));
    refused("REFUND_EXCEEDS_CAPTURE", () -> refund(captured, "all-is-asked-for", Optional.of(1L)));

    postgres.database().shiftClock(PaymentStore.LEASE.plusSeconds(1));
    process.resolver.tick();

    await().until(() -> stored().state() == PaymentState.REFUNDED);
    assertThat(books()).hasSize(4);
  }

  @Test
  void doesNotTakeTheRefusalOfAnotherRefundForItsOwn() throws Exception {
    authorize("card_ok");
    Payment captured = capture();
    // The network has given some back that these books do not know of.
    String path = "/v1/charges/" + captured.chargeId().orElseThrow() + ":refund";
    try (HttpClient http = HttpClient.newHttpClient()) {
      http.send(
          HttpRequest.newBuilder(cards.address().resolve(path))
              .header("Idempotency-Key", "elsewhere:" + order)
              .POST(BodyPublishers.ofString("{\"refundId\":\"elsewhere\",\"amount\":1}"))
              .build(),
          BodyHandlers.discarding());
    }
    Instance cutOff = new Instance(postgres.anotherDatabase(), URI.create("http://127.0.0.1:1"));
    refused(
        "CARD_NETWORK_UNAVAILABLE",
        () -> cutOff.payments.refund(wish(captured, "all", Optional.empty())));

    // That one is over; what it asked for is owed now, and refused in its turn.
    refused("REFUND_REFUSED", () -> process.payments.refundOrder(order));
    assertThat(stored().next()).as("it is asked for again").contains(Payment.Step.REFUND);
    assertThat(process.payments.listRefunds(Optional.of(Refund.State.STALLED), 10, "").rows())
        .filteredOn(listed -> listed.orderId().equals(order))
        .singleElement()
        .returns(1999L, listed -> listed.amount().minor());
  }

  @Test
  void takesUpWhatIsLeftWithoutBeingAsked() {
    Instance cutOff = new Instance(postgres.anotherDatabase(), URI.create("http://127.0.0.1:1"));
    refused("CARD_NETWORK_UNAVAILABLE", () -> cutOff.payments.authorize(authorization("card_ok")));
    postgres.database().shiftClock(PaymentStore.LEASE.plusSeconds(1));

    process.resolver.start();
    try {
      await().until(() -> stored().state() == PaymentState.AUTHORIZED);
    } finally {
      process.resolver.close();
    }
  }

  @Test
  void takesUpWhatWasLeasedWhileTheClockWasFarAhead() {
    Instance cutOff = new Instance(postgres.database(), URI.create("http://127.0.0.1:1"));
    postgres.database().shiftClock(Duration.ofDays(1));
    refused("CARD_NETWORK_UNAVAILABLE", () -> cutOff.payments.authorize(authorization("card_ok")));
    postgres.database().shiftClock(Duration.ZERO);

    process.resolver.tick();

    await().until(() -> stored().state() == PaymentState.AUTHORIZED);
  }

  @Test
  void forgetsInOneTurnAllEventsThatAreOld() {
    Payment payment = authorize("card_ok");
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                tx.createUpdate(
                        """
                        INSERT INTO card_event (event_id, payment_id, receive_time)
                        SELECT 'evt_' || number, :payment,
                               weft_now() - CASE number WHEN 0 THEN 6 ELSE 8 END * interval '1 day'
                          FROM generate_series(0, 2500) AS number
                        """)
                    .bind("payment", payment.id())
                    .execute());

    process.resolver.forget();

    assertThat(
            postgres
                .database()
                .<List<String>>read(
                    tx ->
                        tx.createQuery("SELECT event_id FROM card_event")
                            .mapTo(String.class)
                            .list()))
        .containsExactly("evt_0");
  }

  @Test
  void showsAUserTheirOwnPaymentsOnly() {
    Payment mine = authorize("card_ok");
    UUID stranger = UuidV7.next();

    assertThat(process.payments.get(mine.id(), Optional.of(user))).isEqualTo(mine);
    assertThat(process.payments.get(mine.id(), Optional.empty())).isEqualTo(mine);
    refused("PAYMENT_NOT_FOUND", () -> process.payments.get(mine.id(), Optional.of(stranger)));
    refused("PAYMENT_NOT_FOUND", () -> process.payments.get(UuidV7.next(), Optional.empty()));
    assertThat(process.payments.list(Optional.of(stranger), Optional.of(order), 10, "").rows())
        .isEmpty();
  }

  @Test
  void listsNewestFirstInPagesThatLoseAndDoubleNothing() {
    List<UUID> made = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      made.add(authorizeAnotherOrder().id());
    }

    List<UUID> listed = new ArrayList<>();
    String token = "";
    do {
      Payments.Page<Payment> page =
          process.payments.list(Optional.of(user), Optional.empty(), 3, token);
      page.rows().forEach(payment -> listed.add(payment.id()));
      authorizeAnotherOrder();
      token = page.nextToken();
    } while (!token.isEmpty());

    assertThat(listed).isEqualTo(made.reversed());
    String own = process.payments.list(Optional.of(user), Optional.empty(), 3, "").nextToken();
    assertThatThrownBy(() -> process.payments.list(Optional.empty(), Optional.empty(), 3, own))
        .isInstanceOf(Rejection.Invalid.class);
  }

  @Test
  void listsTheBooksInPagesWithoutLosingALineWhileTheyGrow() throws Exception {
    Set<Long> listed = new HashSet<>();
    List<Ledger.Entry> lines = new ArrayList<>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> writers = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        writers.add(
            threads.submit(
                () -> {
                  for (int j = 0; j < 10; j++) {
                    Payment payment = authorizeAnotherOrder();
                    process.payments.capture(payment.orderId(), "do");
                  }
                }));
      }
      String token = "";
      boolean written = false;
      while (true) {
        Payments.Page<Ledger.Entry> page = process.payments.listLedger(Set.of(), 5, token);
        lines.addAll(page.rows());
        if (!page.nextToken().isEmpty()) {
          token = page.nextToken();
        } else if (written) {
          break;
        } else {
          // The last page has no token: read it again when more was written.
          lines.removeAll(page.rows());
          written = writers.stream().allMatch(Future::isDone);
        }
      }
      for (Future<?> writer : writers) {
        writer.get();
      }
    }
    lines.forEach(line -> assertThat(listed.add(line.id())).isTrue());
    long inTheTable =
        postgres
            .database()
            .<Long>read(
                tx -> tx.createQuery("SELECT count(*) FROM ledger_entry").mapTo(Long.class).one());
    assertThat(lines).hasSize((int) inTheTable);
    assertThat(lines.stream().mapToLong(line -> line.amount().minor()).sum()).isZero();
  }

  @Test
  void listsTheLinesOfSomeOrdersPageByPage() {
    List<UUID> orders = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      UUID one = authorizeAnotherOrder().orderId();
      process.payments.capture(one, "do");
      orders.add(one);
    }
    Set<UUID> two = Set.copyOf(orders.subList(0, 2));

    Payments.Page<Ledger.Entry> first = process.payments.listLedger(two, 3, "");
    Payments.Page<Ledger.Entry> rest = process.payments.listLedger(two, 3, first.nextToken());

    assertThat(Stream.concat(first.rows().stream(), rest.rows().stream()))
        .extracting(Ledger.Entry::orderId)
        .containsExactly(orders.get(0), orders.get(0), orders.get(1), orders.get(1));
    assertThat(rest.nextToken()).isEmpty();
  }

  @Test
  void readsTheBooksBesideAnOpenTransactionWithoutHoldingUpWritersOrMissingItsLines()
      throws Exception {
    process.payments.authorize(
        new Payments.Authorization(order, user, PRICE, "card_ok", command(order, "forward")));
    Payment captured = capture();
    long before = process.payments.listLedger(Set.of(order), 10, "").rows().getLast().id();
    String from = PageToken.after(Long.toString(before), "ledger", "");
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch commit = new CountDownLatch(1);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<?> writer =
          threads.submit(
              () ->
                  postgres
                      .database()
                      .inTransactionVoid(
                          tx -> {
                            enterAgain(tx, captured);
                            entered.countDown();
                            awaitLatch(commit);
                          }));
      assertThat(entered.await(10, TimeUnit.SECONDS)).isTrue();

      Future<Payments.Page<Ledger.Entry>> reader =
          threads.submit(() -> process.payments.listLedger(Set.of(), 100, from));
      Payment other = authorizeAnotherOrder();
      process.payments.capture(other.orderId(), "do");

      // What has committed lies behind what has not.
      Payments.Page<Ledger.Entry> meanwhile = reader.get();
      assertThat(meanwhile.rows()).isEmpty();
      assertThat(meanwhile.nextToken()).isNotEmpty();

      commit.countDown();
      writer.get();
      Payments.Page<Ledger.Entry> rest =
          process.payments.listLedger(Set.of(), 100, meanwhile.nextToken());
      assertThat(rest.nextToken()).isEmpty();
      assertThat(rest.rows())
          .extracting(Ledger.Entry::orderId)
          .containsExactly(order, order, other.orderId(), other.orderId());
    } finally {
      commit.countDown();
    }
  }

  private static void enterAgain(Handle tx, Payment payment) {
    tx.createUpdate(
            """
            INSERT INTO ledger_entry
              (transaction_id, payment_id, order_id, account, amount_minor, currency, create_time)
            SELECT :again, payment_id, order_id, account, amount_minor, currency, create_time
              FROM ledger_entry WHERE transaction_id = :payment
            """)
        .bind("again", UuidV7.next())
        .bind("payment", payment.id())
        .execute();
  }

  private static void awaitLatch(CountDownLatch latch) {
    try {
      latch.await(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "UPDATE ledger_entry SET amount_minor = 1",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry",
        "INSERT INTO ledger_entry (transaction_id, payment_id, order_id, account, amount_minor, currency,"
            + " create_time) SELECT gen_random_uuid(), payment_id, order_id, account, amount_minor, currency,"
            + " now() FROM ledger_entry LIMIT 1",
        "INSERT INTO ledger_entry (transaction_id, payment_id, order_id, account, amount_minor, currency,"
            + " create_time) SELECT transaction_id, payment_id, order_id, account, amount_minor, currency,"
            + " now() FROM ledger_entry LIMIT 2",
        "UPDATE payment SET captured_minor = captured_minor + 1",
        "UPDATE payment SET refund_requested_minor = captured_minor + 1",
        "UPDATE payment SET refunded_minor = 1"
      })
  void hasADatabaseThatRefusesWrongBooks(String statement) {
    authorize("card_ok");
    capture();

    assertThatThrownBy(() -> postgres.database().inTransactionVoid(tx -> tx.execute(statement)))
        .hasMessageMatching("(?s).*(append-only|sum to zero|unique|violates).*");
  }

  private Payment authorize(String card) {
    return process.payments.authorize(authorization(card));
  }

  private Payments.Authorization authorization(String card) {
    return new Payments.Authorization(order, user, PRICE, card, command(order, "forward"));
  }

  private Payment authorizeAnotherOrder() {
    UUID other = UuidV7.next();
    return process.payments.authorize(
        new Payments.Authorization(other, user, PRICE, "card_ok", command(other, "forward")));
  }

  private static CommandId command(UUID order, String direction) {
    return CommandId.parse(order + ":authorize:" + direction);
  }

  private Payment capture() {
    return process.payments.capture(order, "saga:capture:do");
  }

  private Payment refund(Payment payment, String requestId, Optional<Long> minor) {
    return process.payments.refund(wish(payment, requestId, minor));
  }

  private static Payments.RefundWish wish(Payment payment, String requestId, Optional<Long> minor) {
    return new Payments.RefundWish(
        payment.id(),
        minor.map(PRICE::withMinor),
        new RequestIds.Key("admin " + payment.id(), "refund", requestId),
        "hash " + minor);
  }

  private Payment stored() {
    return postgres
        .database()
        .inTransaction(
            tx -> process.store.list(tx, Optional.empty(), Optional.of(order), Optional.empty(), 1))
        .getFirst();
  }

  private int attempts() {
    return postgres
        .database()
        .<Integer>read(
            tx ->
                tx.createQuery("SELECT attempts FROM payment WHERE order_id = :order")
                    .bind("order", order)
                    .mapTo(Integer.class)
                    .one());
  }

  /** From now, by the real clock, until the resolver may take up the payment. */
  private Duration untilDue() {
    return Duration.ofMillis(
        postgres
            .database()
            .<Long>read(
                tx ->
                    tx.createQuery(
                            """
                            SELECT extract(epoch FROM lease_until - now()) * 1000
                              FROM payment WHERE order_id = :order
                            """)
                        .bind("order", order)
                        .mapTo(Long.class)
                        .one()));
  }

  private List<Ledger.Entry> books() {
    return process.payments.listLedger(Set.of(order), 100, "").rows();
  }

  private String atTheNetwork() throws Exception {
    return atTheNetwork(order);
  }

  private static String atTheNetwork(UUID ofOrder) throws Exception {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return http.send(
              HttpRequest.newBuilder(cards.address().resolve("/v1/charges?reference=" + ofOrder))
                  .build(),
              BodyHandlers.ofString())
          .body();
    }
  }

  private static void refused(String reason, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(Rejection.class, e -> assertThat(e.reason()).isEqualTo(reason));
  }

  private static <T> List<T> inParallel(int times, Callable<T> call) throws Exception {
    List<T> results = new ArrayList<>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<T>> running = new ArrayList<>();
      for (int i = 0; i < times; i++) {
        running.add(threads.submit(call));
      }
      for (Future<T> one : running) {
        results.add(one.get());
      }
    }
    return results;
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
