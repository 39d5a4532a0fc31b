package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.DynamicMessage;
import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.events.Asker.Outcome;
import dev.weft.events.Asker.Refused;
import dev.weft.events.Asker.Replied;
import dev.weft.events.Asker.TimedOut;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What asking by events promises, over every transport. The service that says events replies. */
abstract class AskContract extends EventFixture {
  static final String ASKER = "payment-svc";
  static final String REPLIERS = "quotes-for-payments";

  private static final String REPLIES = "shop.order.quoted";
  private static final Duration LONG = Duration.ofMinutes(2);

  /** So that whoever waits is told, or waits in vain. */
  private static final Duration NO_LOOK = Duration.ofHours(1);

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final List<Event> handled = new CopyOnWriteArrayList<>();
  private EventLog asking = askingLog(consumer);

  /** As {@link #serve}, of the service that asks. */
  abstract void serveAsker(EventLog log);

  /** The transport as a process of this service has it. */
  abstract EventTransport transportOf(String service);

  @BeforeEach
  void beginAsking() {
    consumer.inTransactionVoid(tx -> tx.execute("TRUNCATE event_question, event_reply"));
    source.inTransactionVoid(
        tx -> {
          tx.execute("DROP TABLE IF EXISTS quote");
          tx.execute("CREATE TABLE quote (request uuid)");
        });
    opened.add(asking);
    asking.start();
    // Whoever begins to listen hears of it, and so it is known when it listens.
    consumer.inTransactionVoid(
        tx -> asking.publish(tx, "shop.payment.begun", 1, "p", 1, Quotes.wanted("")));
    await().atMost(WAIT).until(() -> asking.store().last() == 1);
    serveAsker(asking);
  }

  @AfterEach
  void endAsking() {
    threads.shutdownNow();
  }

  @Test
  void bringsEachReplyToWhoAskedThoughAnotherProcessTookItIn() throws Exception {
    Asker asker = asker(30, false);
    asker(30, true);
    reply(request -> "re: " + Quotes.text(request));
    List<Future<Outcome>> outcomes = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      outcomes.add(ask(asker, "key-" + i, "question " + i));
    }
    for (int i = 0; i < 20; i++) {
      // Told, that is, and not when its time was over.
      Outcome outcome = outcomes.get(i).get(LONG.toSeconds() / 2, TimeUnit.SECONDS);
      assertThat(text(outcome)).isEqualTo("re: question " + i);
    }
    assertThat(handled)
        .hasSize(20)
        .allSatisfy(
            request -> assertThat(request.expiresAt()).contains(request.recordedAt().plus(LONG)));
  }

  @Test
  void aRequestThatIsBroughtAgainHasOneEffectAndOneReply() throws Exception {
    Asker asker = asker(1, true);
    CountDownLatch twice = new CountDownLatch(1);
    Subscriber subscriber =
        subscriber(
            source, Subscription.of(REPLIERS, ASKER, "shop.payment.quote_wanted"), responder());
    opened.add(
        transportOf(SOURCE)
            .subscribe(
                Subscription.of(REPLIERS, ASKER, "shop.payment.quote_wanted"),
                new Received(
                    event -> {
                      subscriber.receive(event);
                      subscriber.receive(event);
                      twice.countDown();
                    })));
    assertThat(asker.ask("key", Quotes.wanted("q"), LONG)).isInstanceOf(Replied.class);
    assertThat(twice.await(30, TimeUnit.SECONDS)).isTrue();
    await().atMost(WAIT).until(() -> log.store().last() == 1);
    assertThat(quotes()).isEqualTo(1);
    assertThat(outboxes()).isZero();
  }

  @Test
  void saysThatItTimedOutAndKeepsTheReplyThatComesLate() throws Exception {
    Asker asker = asker(1, true);
    CountDownLatch go = new CountDownLatch(1);
    reply(
        request -> {
          go.await();
          return "late";
        });
    // Its time begins when it is said; it is handled before that is over, or not at all.
    Outcome outcome = asker.ask("key", Quotes.wanted("q"), Duration.ofSeconds(2));
    assertThat(outcome).isInstanceOf(TimedOut.class);
    assertThat(asker.reply("key")).isEmpty();

    go.countDown();

    await().atMost(WAIT).until(() -> asker.reply("key").isPresent());
    UUID request = ((TimedOut) outcome).request();
    assertThat(asker.reply("key").orElseThrow().origin().causationId()).contains(request);
    assertThat(text(asker.ask("key", Quotes.wanted("q"), LONG))).isEqualTo("late");
    assertThat(requests()).isEqualTo(1);
  }

  @Test
  void leavesOutWhatNobodyWaitsForAnyMore() throws Exception {
    Asker asker = asker(1, true);
    assertThat(asker.ask("first", Quotes.wanted("1"), Duration.ofMillis(1)))
        .isInstanceOf(TimedOut.class);

    reply(Quotes::text);

    assertThat(text(asker.ask("second", Quotes.wanted("2"), LONG))).isEqualTo("2");
    await().atMost(WAIT).until(() -> handled.size() == 2);
    assertThat(quotes()).isEqualTo(1);
    assertThat(asker.reply("first")).isEmpty();
  }

  @Test
  void aProcessThatAsksAgainAfterACrashGetsTheReplyToItsFirstRequest() throws Exception {
    Asker dies = asker(1, false);
    Future<Outcome> lost = ask(dies, "key", "q");
    await().atMost(WAIT).until(() -> requests() == 1);
    lost.cancel(true);
    reply(Quotes::text);
    Asker next = asker(1, true);

    assertThat(text(next.ask("key", Quotes.wanted("q"), LONG))).isEqualTo("q");

    assertThat(requests()).isEqualTo(1);
    assertThat(quotes()).isEqualTo(1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> next.ask("key", Quotes.wanted("another"), LONG));
  }

  @Test
  void refusesMoreThanMayWait() throws Exception {
    Asker asker = asker(1, true);
    Future<Outcome> first = ask(asker, "first", "1");
    await().atMost(WAIT).until(() -> requests() == 1);

    assertThat(asker.ask("second", Quotes.wanted("2"), LONG)).isInstanceOf(Refused.class);

    reply(Quotes::text);
    assertThat(text(first.get())).isEqualTo("1");
    assertThat(text(asker.ask("second", Quotes.wanted("2"), LONG))).isEqualTo("2");
    assertThat(requests()).isEqualTo(2);
  }

  @Test
  void isRefusedWhenTheRequestCannotBeSaid() throws Exception {
    Asker asker = asker(1, true);
    consumer.inTransactionVoid(tx -> tx.execute("ALTER TABLE outbox RENAME TO away"));
    try {
      assertThat(asker.ask("key", Quotes.wanted("q"), LONG)).isInstanceOf(Refused.class);
    } finally {
      consumer.inTransactionVoid(tx -> tx.execute("ALTER TABLE away RENAME TO outbox"));
    }
    reply(Quotes::text);
    assertThat(text(asker.ask("key", Quotes.wanted("q"), LONG))).isEqualTo("q");
  }

  /** Whether it is done is only known to the database then. */
  @Test
  void doesNotGuessWhenTheCommitOfTheRequestFails() throws Exception {
    Asker asker = asker(1, true);
    consumer.inTransactionVoid(
        tx -> {
          tx.execute(
              """
              CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN RAISE EXCEPTION 'lost'; END $$
              """);
          tx.execute(
              """
              CREATE CONSTRAINT TRIGGER lost AFTER INSERT ON event_question
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lost()
              """);
        });
    try {
      assertThat(asker.ask("key", Quotes.wanted("q"), Duration.ofMillis(50)))
          .isInstanceOf(TimedOut.class);
    } finally {
      consumer.inTransactionVoid(tx -> tx.execute("DROP FUNCTION lost CASCADE"));
    }
  }

  private Future<Outcome> ask(Asker asker, String key, String text) {
    return threads.submit(() -> asker.ask(key, Quotes.wanted(text), LONG));
  }

  private static String text(Outcome outcome) {
    assertThat(outcome).isInstanceOf(Replied.class);
    return Quotes.text(((Replied) outcome).reply());
  }

  /** A process of the service that asks. */
  private Asker asker(int room, boolean takesRepliesIn) {
    Database own = consumerDatabase.anotherDatabase();
    opened.add(own);
    EventLog ownLog = askingLog(own);
    opened.add(ownLog);
    ownLog.start();
    await().atMost(WAIT).until(() -> ownLog.watch().last() > 0);
    Asker asker = new Asker(own, ownLog, CONSUMER, telemetry, room, NO_LOOK);
    if (takesRepliesIn) {
      asker.listen(bus(), Subscription.of(CONSUMER, SOURCE, REPLIES).retries(QUICK));
    }
    opened.add(asker);
    return asker;
  }

  private EventLog askingLog(Database database) {
    return new EventLog(
        database,
        ASKER,
        EventGrants.of(EventGrants.grant(SOURCE, REPLIERS, "shop.payment.*")),
        telemetry);
  }

  private interface Words {
    String to(Event request) throws Exception;
  }

  /** Has the other service reply from now on. */
  private void reply(Words words) {
    EventBus bus =
        new EventBus(source, transportOf(SOURCE), telemetry, 4, Duration.ofMillis(50), () -> {});
    opened.add(bus);
    Responder responder = responder(words);
    bus.subscribe(
        Subscription.of(REPLIERS, ASKER, "shop.payment.quote_wanted").retries(QUICK),
        (tx, request) -> {
          responder.handle(tx, request);
          source.afterCommit(() -> handled.add(request));
        });
  }

  private Responder responder() {
    return responder(Quotes::text);
  }

  private Responder responder(Words words) {
    return new Responder(log, (tx, request) -> quoted(tx, request, words), telemetry);
  }

  private static DynamicMessage quoted(Handle tx, Event request, Words words) throws Exception {
    tx.execute("INSERT INTO quote (request) VALUES (?)", request.id());
    return Quotes.quoted(words.to(request));
  }

  private int quotes() {
    return source.read(tx -> tx.createQuery("SELECT count(*) FROM quote").mapTo(int.class).one());
  }

  /** Replies that got no position. */
  private int outboxes() {
    return source.read(tx -> tx.createQuery("SELECT count(*) FROM outbox").mapTo(int.class).one());
  }

  /** How many requests were said. */
  private long requests() {
    return asking.store().read(0, 100).stream()
        .filter(event -> event.type().equals("shop.payment.quote_wanted"))
        .count();
  }
}
