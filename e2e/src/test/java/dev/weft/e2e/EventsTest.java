package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** {@code ./weft events} and {@code ./weft dlq} on a system that runs. */
@ExtendWith(SharedWeft.class)
final class EventsTest {
  private static final String CONSUMER = "order-view";
  private static final Duration WAIT = Duration.ofSeconds(30);

  private final Weft weft;

  EventsTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void theEventsOfAnOrderAreShownInOrder() {
    String order = confirmedOrder();

    List<JsonNode> events = eventsOf(order);

    assertThat(events)
        .extracting(event -> event.path("aggregateVersion").intValue())
        .isEqualTo(Stream.iterate(1, version -> version + 1).limit(events.size()).toList());
    assertThat(events.getFirst().path("type").textValue()).isEqualTo("shop.order.created");
    assertThat(events.getLast().path("type").textValue()).isEqualTo("shop.order.confirmed");
    Command.Outcome lines = weft.command("events", "tail", "--no-follow", "--last", "200");
    assertThat(lines.err()).isEmpty();
    assertThat(lines.out()).contains(order + " v1  correlation=");
  }

  @Test
  void theReadModelIsAGroupThatIsNotBehind() {
    confirmedOrder();

    await()
        .atMost(WAIT)
        .until(
            () -> weft.command("events", "groups").out(),
            groups -> groups.matches("(?s).*order-svc +order-view +[1-9]\\d* +0 +1\n.*"));

    Command.Outcome dry = weft.command("events", "replay", "order-svc", CONSUMER, "--from", "1");
    assertThat(dry.exitCode()).as(dry.all()).isZero();
    assertThat(dry.out()).contains("would read from 1 on", "--yes");
  }

  @Test
  void aDeadLetterIsListedShownAndRedriven() throws Exception {
    String redriven = deadLetter(confirmedOrder());
    String discarded = deadLetter(confirmedOrder());

    assertThat(weft.command("dlq", "list").out()).contains(redriven, discarded, "made by hand");
    assertThat(weft.command("dlq", "peek", "order-svc", CONSUMER, redriven).out())
        .contains("shop.order.confirmed", "made by hand");
    assertThat(weft.command("dlq", "redrive", "order-svc", CONSUMER, redriven).out())
        .contains("would be tried again: " + redriven, "--yes");
    assertThat(parked(redriven)).isOne();

    Command.Outcome done = weft.command("dlq", "redrive", "order-svc", CONSUMER, redriven, "--yes");
    assertThat(done.out()).isEqualTo("tried again: " + redriven + "\n");
    Command.Outcome gone =
        weft.command("dlq", "discard", "order-svc", CONSUMER, discarded, "--yes");
    assertThat(gone.out()).isEqualTo("given up: " + discarded + "\n");
    // It had its effect before: it has none again, and is gone.
    await().atMost(WAIT).until(() -> parked(redriven) == 0);
    assertThat(parked(discarded)).isZero();
  }

  @Test
  void theKeyOfAServiceIsNotTheOperators() {
    Command.Outcome refused = withKeyOf("order-svc");
    assertThat(refused.exitCode()).isEqualTo(1);
    assertThat(refused.err().strip())
        .startsWith("weft: order-svc does not take this for the operator's key")
        .hasLineCount(1);
    assertThat(withKeyOf("operator").exitCode()).isZero();
  }

  @Test
  void noProcessIsToldWhereTheOperatorsKeyIs() throws IOException {
    Path key = weft.folder().resolve("identity/operator.key.pem");
    assertThat(Files.getPosixFilePermissions(key)).hasSize(2);
    for (String process : weft.processes()) {
      Path environment = Path.of("/proc", "" + weft.pid(process), "environ");
      if (Files.isReadable(environment)) {
        assertThat(Files.readString(environment)).as(process).doesNotContain("operator.key");
      }
    }
  }

  @Test
  void whatDoesNotRunHasNoEvents() {
    String folder = Command.TARGET.resolve("weft").resolve("never-started").toString();

    Command.Outcome none = Command.weft("events", "tail", "--state", folder);

    assertThat(none.exitCode()).isEqualTo(3);
    assertThat(none.err()).isEqualTo("weft: not running: start it with ./weft up\n");
  }

  private String confirmedOrder() {
    Visitor customer = Visitor.registered(weft);
    String order =
        Orders.place(
            customer,
            UUID.randomUUID().toString(),
            Orders.of(weft.product("MUG-01"), 1, "card_ok"));
    assertThat(Orders.confirmed(Orders.awaitEnd(customer, order))).isTrue();
    // It is in the log a moment after the order has ended.
    await()
        .atMost(WAIT)
        .until(
            () ->
                sql(
                    "SELECT count(*)::text FROM event WHERE aggregate_id = ?"
                        + " AND type = 'shop.order.confirmed'",
                    order),
            "1"::equals);
    return order;
  }

  private List<JsonNode> eventsOf(String order) {
    Command.Outcome tail =
        weft.command("events", "tail", "order-svc", "--no-follow", "--last", "500", "--json");
    assertThat(tail.exitCode()).as(tail.all()).isZero();
    List<JsonNode> events = new ArrayList<>();
    tail.out().lines().map(Answer::json).forEach(events::add);
    events.removeIf(event -> !event.path("aggregateId").asText().equals(order));
    return events;
  }

  /** As for a system that {@code ./weft up} did not start. */
  private Command.Outcome withKeyOf(String name) {
    Path identity = weft.folder().resolve("identity");
    return Command.weft(
        Map.of(
            "CONSUL_HTTP_ADDR",
            weft.url("registry"),
            "WEFT_SERVICE_KEY_FILE",
            identity.resolve(name + ".key.pem").toString(),
            "WEFT_SERVICE_KEYS_FILE",
            identity.resolve("services.jwks.json").toString()),
        "dlq",
        "list",
        "order-svc");
  }

  /** The last event of an order, as if the read model had given it up; its id. */
  private String deadLetter(String order) throws Exception {
    return sql(
        """
        INSERT INTO event_parked
        SELECT 'order-view', event_id, 'DEAD', 8, 'made by hand', NULL, now(), position, source,
          type, schema_version, aggregate_type, aggregate_id, aggregate_version, bucket,
          content_type, data_schema, payload, correlation_id, causation_id, traceparent,
          recorded_at
          FROM event WHERE aggregate_id = ? ORDER BY position DESC LIMIT 1
        RETURNING event_id::text
        """,
        order);
  }

  private int parked(String event) throws Exception {
    return Integer.parseInt(
        sql("SELECT count(*)::text FROM event_parked WHERE event_id = ?::uuid", event));
  }

  private String sql(String statement, String parameter) throws IOException, SQLException {
    Properties passwords = new Properties();
    try (Reader file =
        Files.newBufferedReader(weft.folder().resolve("postgres/passwords.properties"))) {
      passwords.load(file);
    }
    String url = "jdbc:postgresql://127.0.0.1:" + weft.port("postgres") + "/order_svc";
    String password = passwords.getProperty("postgres", "");
    try (Connection connection = DriverManager.getConnection(url, "postgres", password);
        PreparedStatement prepared = connection.prepareStatement(statement)) {
      prepared.setString(1, parameter);
      try (ResultSet row = prepared.executeQuery()) {
        assertThat(row.next()).isTrue();
        return row.getString(1);
      }
    }
  }
}
