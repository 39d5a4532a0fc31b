package dev.weft.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.StringValue;
import dev.weft.admin.v1.EventAdminServiceGrpc.EventAdminServiceImplBase;
import dev.weft.admin.v1.ListDeadLettersRequest;
import dev.weft.admin.v1.ListDeadLettersResponse;
import dev.weft.durable.Database;
import dev.weft.durable.EventGroups;
import dev.weft.events.EventAdminService;
import dev.weft.events.EventGrants;
import dev.weft.events.EventLog;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.stub.StreamObserver;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import picocli.CommandLine;

/** The commands against the service that they are made for, with a database of its own. */
class OperatorTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private static final String SOURCE = "order-svc";
  private static final Set<String> REGISTERED =
      new TreeSet<>(List.of(SOURCE, "payment-svc", "user-svc"));
  private static final Duration WAIT = Duration.ofSeconds(20);

  private final Database database = postgres.database();
  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("test", "test"));
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final EventLog log = new EventLog(database, SOURCE, EventGrants.of(), telemetry);
  private String caller = Services.OPERATOR;

  private record Said(int exitCode, String out, String err) {}

  @BeforeEach
  void begin() {
    database.inTransactionVoid(
        tx -> {
          // New files for every table and index take seconds on a busy disk.
          tx.execute("SET LOCAL statement_timeout = '30s'");
          tx.execute(
              """
              TRUNCATE outbox, event, event_aggregate, event_group_bucket, event_group_member,
                inbox, inbox_aggregate, event_parked
              """);
          tx.execute("UPDATE event_counter SET last = 0");
        });
    log.start();
    mesh.serve(SOURCE, log.service(), new EventAdminService(database));
    // Runs, and has no events.
    mesh.serve("user-svc");
    mesh.serve("payment-svc");
  }

  @AfterEach
  void end() {
    mesh.stop(SOURCE);
    log.close();
    telemetry.close();
  }

  @Test
  void tailShowsAnEventOnEachLineInTheOrderOfTheLog() {
    publish("a", 3);

    Said said = weft("events", "tail", "--no-follow", "--last", "2");

    assertThat(said.err()).isEmpty();
    assertThat(said.exitCode()).isZero();
    assertThat(said.out().lines())
        .hasSize(2)
        .first()
        .asString()
        .matches(
            "\\d{4}-\\S+Z  order-svc +2  shop.order.changed +a v2  correlation=\\S+( trace=\\S+)?");
  }

  @Test
  void tailBeginsWithAPositionAndReadsPageAfterPage() {
    publish("a", 450);

    assertThat(weft("events", "tail", SOURCE, "--no-follow", "--from", "11").out().lines())
        .hasSize(440);
    assertThat(weft("events", "tail", "--no-follow", "--last", "0").out()).isEmpty();
    assertThat(weft("events", "tail", "--no-follow", "--type", "shop.user.#").out()).isEmpty();
  }

  @Test
  void tailForProgramsIsAnObjectOnEachLine() {
    publish("a", 1);

    assertThat(weft("events", "tail", "--no-follow", "--json", "--payload").out())
        .hasLineCount(1)
        .startsWith("{\"service\":\"order-svc\",\"time\":\"")
        .contains("\"position\":1,", "\"aggregateId\":\"a\"", "\"data\":\"CgF4\"}");
    assertThat(weft("events", "tail", "--no-follow", "--payload").out()).contains("{1: \"x\"}");
  }

  @Test
  void tailGoesOnThroughARestartOfTheService() throws InterruptedException {
    publish("a", 1);
    Thread tail =
        Thread.ofPlatform().daemon().start(() -> weft("events", "tail", SOURCE, "--last", "5"));
    await().atMost(WAIT).until(() -> out.toString().contains(" a v1 "));

    mesh.stop(SOURCE);
    await().atMost(WAIT).until(() -> err.toString().contains("trying again"));
    mesh.serve(SOURCE, log.service(), new EventAdminService(database));
    publish("b", 1);
    await().atMost(WAIT).until(() -> out.toString().contains(" b v1 "));

    assertThat(err.toString()).contains("order-svc answers again");
    assertThat(out.toString()).hasLineCount(2);
    tail.interrupt();
    tail.join(WAIT);
    assertThat(tail.isAlive()).isFalse();
  }

  @Test
  void groupsAreMovedOnlyWithYes() {
    publish("a", 4);
    new EventGroups(database).make("shipping", EventGroups.Start.END);
    assertThat(weft("events", "groups").out().lines())
        .hasSize(2)
        .last()
        .asString()
        .matches("order-svc +shipping +4 +0 +0");

    Said dry = weft("events", "replay", SOURCE, "shipping", "--from", "2");
    assertThat(dry.exitCode()).isZero();
    assertThat(dry.out()).contains("it would read from 2 on: 3 again").contains(Output.NOT_DONE);
    assertThat(weft("events", "groups").out()).containsPattern("shipping +4 ");

    Said done = weft("events", "replay", SOURCE, "shipping", "--from", "2", "--yes");
    assertThat(done.out()).contains("it reads from 2 on: 3 again").doesNotContain(Output.NOT_DONE);
    assertThat(weft("events", "groups", "--json").out())
        .contains("\"group\":\"shipping\",\"position\":1,\"behind\":3");

    assertThat(weft("events", "replay", SOURCE, "shipping", "--from", "4").out())
        .contains("it would skip 2 to 3, which it has not read");
    assertThat(weft("events", "replay", SOURCE, "nobody", "--from", "1").err())
        .isEqualTo("weft: order-svc: no such group reads this log\n");
    assertThat(weft("events", "replay", SOURCE, "shipping", "--from", "9").err())
        .startsWith("weft: order-svc: after_position must be");
  }

  @Test
  void aDeadLetterIsListedShownAndRedrivenOnlyWithYes() {
    publish("a", 1);
    String id = deadLetter("order-view");

    assertThat(weft("dlq", "list").out().lines())
        .hasSize(2)
        .last()
        .asString()
        .contains("order-view", id, "shop.order.changed", "a v1", "indigestible [31m stuff");
    assertThat(weft("dlq", "list", "--consumer", "other").out()).isEqualTo("no dead letters\n");
    assertThat(weft("dlq", "list", "--type", "shop.order.changed", "--json").out())
        .contains("\"reason\":\"failed\",\"attempts\":8")
        .doesNotContain("\"data\"");
    assertThat(weft("dlq", "peek", SOURCE, "order-view", id).out())
        .contains("1: \"x\"", "failed, 8 tries", "order-svc, position 1");

    Said dry = weft("dlq", "redrive", SOURCE, "order-view");
    assertThat(dry.out()).isEqualTo("would be tried again: " + id + "\n" + Output.NOT_DONE + "\n");
    assertThat(weft("dlq", "list").out()).contains(id);
    assertThat(weft("dlq", "redrive", SOURCE, "order-view", id, "--yes").out())
        .isEqualTo("tried again: " + id + "\n");
    assertThat(weft("dlq", "list").out()).isEqualTo("no dead letters\n");

    Said again = weft("dlq", "redrive", SOURCE, "order-view", id, "--yes");
    assertThat(again.exitCode()).isEqualTo(1);
    assertThat(again.err()).isEqualTo("weft: no dead letter of this consumer: " + id + "\n");
  }

  @Test
  void aDeadLetterIsDiscardedOnlyByNameAndOnlyWithYes() {
    publish("a", 1);
    String id = deadLetter("order-view");

    assertThat(weft("dlq", "discard", SOURCE, "order-view", "--yes").exitCode()).isEqualTo(2);
    assertThat(weft("dlq", "discard", SOURCE, "order-view", id).out()).contains(Output.NOT_DONE);
    assertThat(weft("dlq", "list").out()).contains(id);
    assertThat(weft("dlq", "discard", SOURCE, "order-view", id, "--yes").out())
        .isEqualTo("given up: " + id + "\n");
    assertThat(weft("dlq", "list").out()).isEqualTo("no dead letters\n");
  }

  @Test
  void whoIsNotTheOperatorIsRefused() {
    caller = "payment-svc";

    Said said = weft("dlq", "list", SOURCE);

    assertThat(said.exitCode()).isEqualTo(1);
    assertThat(said.out()).isEmpty();
    assertThat(said.err())
        .startsWith("weft: order-svc does not take this for the operator's key (PERMISSION_DENIED:")
        .hasLineCount(1);
    assertThat(weft("events", "tail", SOURCE).err()).contains("PERMISSION_DENIED").hasLineCount(1);
  }

  @Test
  void whomTheRegistryDoesNotLetInIsToldThatItsKeyIsGood() {
    mesh.serve(
        "payment-svc",
        new EventAdminServiceImplBase() {
          @Override
          public void listDeadLetters(
              ListDeadLettersRequest request, StreamObserver<ListDeadLettersResponse> replies) {
            // As the mesh refuses it, with TLS and ACLs.
            throw Rejection.forbidden("INTENTION_DENIED", "no intention allows this call");
          }
        });

    assertThat(weft("dlq", "list", "payment-svc").err())
        .isEqualTo(
            "weft: the registry does not let the operator call payment-svc (no intention allows"
                + " this call): that takes an intention\n");
  }

  @Test
  void whatCannotBeAskedIsOneLine() {
    assertThat(weft("events", "groups", "order-scv").err())
        .isEqualTo(
            "weft: no service order-scv of ours in the registry; there are order-svc, payment-svc,"
                + " user-svc\n");
    assertThat(weft("dlq", "list", "user-svc").err())
        .isEqualTo("weft: user-svc has no events to show: it does not serve weft.admin.v1\n");
    mesh.stop(SOURCE);
    Said away = weft("dlq", "list");
    assertThat(away.exitCode()).isEqualTo(1);
    assertThat(away.err())
        .startsWith("weft: order-svc does not answer (UNAVAILABLE")
        .hasLineCount(1);
    assertThat(weft("events", "tail", "--last", "1", "--from", "1").exitCode()).isEqualTo(2);
    assertThat(weft("events").exitCode()).isEqualTo(2);
  }

  private Said weft(String... arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    CommandLine command =
        Operator.commandLine(
                state -> new Services(() -> REGISTERED, to -> mesh.channel(caller, to), () -> {}),
                _ -> {
                  throw new AssertionError("no command here asks the registry itself");
                },
                _ -> {
                  throw new AssertionError("no command here asks processes by themselves");
                })
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true));
    int exitCode = command.execute(arguments);
    return new Said(exitCode, out.toString(), err.toString());
  }

  /** So many events of an aggregate that has none yet. */
  private void publish(String aggregate, int events) {
    long before = log.store().last();
    for (int version = 1; version <= events; version++) {
      int next = version;
      database.inTransactionVoid(
          tx -> log.publish(tx, "shop.order.changed", 1, aggregate, next, StringValue.of("x")));
    }
    await().atMost(WAIT).until(() -> log.store().last() == before + events);
  }

  /** The first event of the log, given up by a consumer; its id. */
  private String deadLetter(String consumer) {
    return database.inTransaction(
        tx ->
            tx.createQuery(
                    """
                    INSERT INTO event_parked
                    SELECT :consumer, event_id, 'DEAD', 8, :error, NULL, weft_now(), position,
                      source, type, schema_version, aggregate_type, aggregate_id,
                      aggregate_version, bucket, content_type, data_schema, payload,
                      correlation_id, causation_id, traceparent, recorded_at
                      FROM event WHERE position = 1
                    RETURNING event_id::text
                    """)
                .bind("consumer", consumer)
                .bind("error", "indigestible\n\u001b[31m stuff")
                .mapTo(String.class)
                .one());
  }
}
