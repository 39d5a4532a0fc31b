package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Logins, refresh tokens and other people's orders as somebody sends them who means no good, byte
 * for byte, in the whole running shop. Afterwards it answers others as before.
 */
@ExtendWith(SharedWeft.class)
final class HostileLoginTest {
  private static final String PASSWORD = "a phrase that is long enough";

  /** More than the shop hashes at once, and than one address may send. */
  private static final int STORM = 200;

  private final Weft weft;
  private int addresses;

  HostileLoginTest(Weft weft) {
    this.weft = weft;
  }

  @AfterEach
  void stillServes() throws IOException {
    try (Wire wire = new Wire(weft)) {
      assertThat(wire.ask("GET", "/v1/products?pageSize=1", "", "").status()).isEqualTo(200);
    }
  }

  @Test
  void whoReusesARefreshTokenEndsTheLogin() throws IOException {
    try (Wire wire = new Wire(weft)) {
      Tokens first = logIn(wire, register(wire));
      Tokens second = refreshed(wire, first);
      assertThat(me(wire, second)).isEqualTo(200);

      Wire.Reply reused = refresh(wire, first);

      assertThat(reused.status()).as("%s", reused).isEqualTo(401);
      assertThat(reused.body()).contains("REFRESH_TOKEN_INVALID");
      assertThat(refresh(wire, second).status()).as("the thief's, or the owner's").isEqualTo(401);
      // As soon as the edge has heard of it.
      await().atMost(Duration.ofSeconds(10)).until(() -> me(wire, second) == 401);
      assertThat(me(wire, first)).isEqualTo(401);
    }
  }

  @Test
  void oneOfManyRefreshesAtOnceWins() throws IOException {
    List<Wire> wires = new ArrayList<>();
    try {
      for (int i = 0; i < 8; i++) {
        wires.add(new Wire(weft));
      }
      Tokens tokens = logIn(wires.getFirst(), register(wires.getFirst()));
      for (Wire wire : wires) {
        wire.send("POST", "/v1/auth:refresh", "", body(tokens));
      }
      List<Integer> statuses = new ArrayList<>();
      for (Wire wire : wires) {
        statuses.add(wire.reply().status());
      }
      assertThat(statuses).containsOnly(200, 401).containsOnlyOnce(200);
    } finally {
      close(wires);
    }
  }

  @Test
  void whyALoginIsRefusedIsNotTold() throws IOException {
    try (Wire wire = new Wire(weft)) {
      String email = register(wire);
      List<String> refusals = new ArrayList<>();
      for (String unknown :
          List.of(UUID.randomUUID() + "@example.test", "' OR 1=1--", "no address", "a\u00e9@@")) {
        refusals.add(refusal(wire, unknown, PASSWORD));
      }
      for (String wrong : List.of("x", PASSWORD + " ", PASSWORD.toUpperCase(Locale.ROOT))) {
        refusals.add(refusal(wire, email, wrong));
      }
      assertThat(refusals).containsOnly(refusals.getFirst());
      assertThat(login(wire, email.toUpperCase(Locale.ROOT), PASSWORD).status()).isEqualTo(200);
      Wire.Reply again = wire.ask("POST", "/v1/users", "", registration(upper(email)));
      assertThat(again.status()).as("%s", again).isEqualTo(409);
    }
  }

  @Test
  void aPasswordThatIsTooLongIsRefusedForItsLength() throws IOException {
    try (Wire wire = new Wire(weft)) {
      String email = register(wire);
      for (int length : List.of(0, 129, 5_000)) {
        Wire.Reply refused = login(wire, email, "x".repeat(length));
        assertThat(refused.status()).as("%s", refused).isEqualTo(400);
        assertThat(refused.body()).contains("\"pointer\":\"/password\"");
      }
      Wire.Reply refused = login(wire, email, "x".repeat(1 << 20));
      assertThat(refused.status()).isEqualTo(413);
      assertThat(refused.head()).containsIgnoringCase("connection: close");
    }
  }

  /** Each costs a hash, and there are two processors. */
  @Test
  void aStormOfLoginsIsAnsweredAndOthersAreServedMeanwhile() throws IOException {
    List<Wire> wires = new ArrayList<>();
    try (Wire bystander = new Wire(weft)) {
      for (int i = 0; i < STORM; i++) {
        wires.add(new Wire(weft));
      }
      for (Wire wire : wires) {
        wire.send(
            "POST",
            "/v1/auth:login",
            from(),
            credentials(UUID.randomUUID() + "@example.test", PASSWORD));
      }
      for (int i = 1; i <= 20; i++) {
        // Not from what is kept: each asks for another page.
        Wire.Reply page = bystander.ask("GET", "/v1/products?pageSize=" + (50 + i), from(), "");
        assertThat(page.status()).as("%s", page).isEqualTo(200);
      }
      List<Integer> statuses = new ArrayList<>();
      for (Wire wire : wires) {
        statuses.add(wire.reply().status());
      }
      // As many as there is time for; the others are told so.
      assertThat(statuses).contains(401).isSubsetOf(401, 429, 503, 504);
    } finally {
      close(wires);
    }
    await()
        .atMost(Duration.ofSeconds(60))
        .until(
            () -> {
              try (Wire wire = new Wire(weft)) {
                return login(wire, UUID.randomUUID() + "@example.test", PASSWORD).status() == 401;
              }
            });
  }

  @Test
  void somebodyElsesOrderIsAsOneThatIsNotThere() throws IOException {
    try (Wire wire = new Wire(weft)) {
      Tokens owner = logIn(wire, register(wire));
      String key = UUID.randomUUID().toString();
      String body =
          """
          {"items":[{"productId":"%s","quantity":1}],"paymentMethod":"card_ok",\
          "shippingAddress":{"name":"A","line1":"B","city":"C","postalCode":"1","countryCode":"BE"}}\
          """
              .formatted(weft.product("MUG-01"));
      String keyed = "Idempotency-Key: " + key + "\r\n";
      Wire.Reply placed = wire.ask("POST", "/v1/orders", owner.header() + keyed, body);
      assertThat(placed.status()).as("%s", placed).isEqualTo(201);
      String order = Answer.json(placed.body()).path("orderId").asText();
      Tokens other = logIn(wire, register(wire));

      for (String what : List.of("GET ", "GET :watch", "POST :cancel")) {
        String method = what.split(" ", 2)[0];
        String verb = what.split(" ", 2)[1];
        String fields = other.header() + "Idempotency-Key: " + UUID.randomUUID() + "\r\n";
        String unknown = UUID.randomUUID().toString();
        Wire.Reply theirs = wire.ask(method, "/v1/orders/" + order + verb, fields, "");
        Wire.Reply nobodys = wire.ask(method, "/v1/orders/" + unknown + verb, fields, "");
        assertThat(theirs.status()).as("%s: %s", what, theirs).isEqualTo(404);
        assertThat(same(theirs.body()).replace(order, "ID"))
            .isEqualTo(same(nobodys.body()).replace(unknown, "ID"));
      }
      Wire.Reply own = wire.ask("POST", "/v1/orders", other.header() + keyed, body);
      assertThat(own.status()).as("the same key of another user: %s", own).isEqualTo(201);
      assertThat(Answer.json(own.body()).path("orderId").asText()).isNotEqualTo(order);
    }
  }

  private record Tokens(String access, String refresh) {
    static Tokens of(Wire.Reply reply) {
      assertThat(reply.status()).as("%s", reply).isEqualTo(200);
      var json = Answer.json(reply.body());
      return new Tokens(json.path("accessToken").asText(), json.path("refreshToken").asText());
    }

    String header() {
      return "Authorization: Bearer " + access + "\r\n";
    }
  }

  /** Of an address of its own, so that nobody is held off for what others did. */
  private String from() {
    int next = addresses++;
    return "X-Forwarded-For: 198.18." + next / 200 + "." + (1 + next % 200) + "\r\n";
  }

  private String register(Wire wire) throws IOException {
    String email = UUID.randomUUID() + "@example.test";
    Wire.Reply registered = wire.ask("POST", "/v1/users", from(), registration(email));
    assertThat(registered.status()).as("%s", registered).isEqualTo(201);
    return email;
  }

  private static String registration(String email) {
    return """
        {"email":"%s","password":"%s","profile":{"firstName":"Ada","lastName":"Weaver"}}"""
        .formatted(email, PASSWORD);
  }

  private static String upper(String email) {
    return email.toUpperCase(Locale.ROOT);
  }

  private static String credentials(String email, String password) {
    return "{\"email\":\"" + email + "\",\"password\":\"" + password + "\"}";
  }

  private Wire.Reply login(Wire wire, String email, String password) throws IOException {
    return wire.ask("POST", "/v1/auth:login", from(), credentials(email, password));
  }

  private Tokens logIn(Wire wire, String email) throws IOException {
    return Tokens.of(login(wire, email, PASSWORD));
  }

  private String refusal(Wire wire, String email, String password) throws IOException {
    Wire.Reply refused = login(wire, email, password);
    assertThat(refused.status()).as("%s", refused).isEqualTo(401);
    assertThat(refused.body()).contains("WRONG_CREDENTIALS");
    return same(refused.body());
  }

  /** Without what is another of each request. */
  private static String same(String problem) {
    return problem.replaceAll("\"(requestId|traceId)\":\"[^\"]*\"", "");
  }

  private static String body(Tokens tokens) {
    return "{\"refreshToken\":\"" + tokens.refresh + "\"}";
  }

  private static Wire.Reply refresh(Wire wire, Tokens tokens) throws IOException {
    return wire.ask("POST", "/v1/auth:refresh", "", body(tokens));
  }

  private static Tokens refreshed(Wire wire, Tokens tokens) throws IOException {
    return Tokens.of(refresh(wire, tokens));
  }

  private static int me(Wire wire, Tokens tokens) throws IOException {
    return wire.ask("GET", "/v1/me", tokens.header(), "").status();
  }

  private static void close(List<Wire> wires) throws IOException {
    for (Wire wire : wires) {
      wire.close();
    }
  }
}
