package dev.weft.card;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;

/**
 * The network's HTTP face: reads requests, lets {@link Charges} decide, plays the parts of the slow
 * and the silent card, and writes answers. One call per virtual thread.
 */
final class CardApi implements HttpHandler {
  private static final int BODY_BYTES_MAX = 16 << 10;

  /** Waiting requests cost memory; beyond these, the network says so instead. */
  private static final int REQUESTS_MAX = 1_000;

  private static final int LEDGER_PAGE_MAX = 1_000;
  private static final System.Logger log = System.getLogger(CardApi.class.getName());

  private final Charges charges;
  private final Temper temper;
  private final Semaphore requests = new Semaphore(REQUESTS_MAX);

  /**
   * How trying the difficult cards are.
   *
   * @param slow how long {@code card_slow} takes for a capture
   * @param silence how long {@code card_timeout} holds the line, after the capture, before it hangs
   *     up
   */
  record Temper(Duration slow, Duration silence) {
    static final Temper DEFAULT = new Temper(Duration.ofSeconds(3), Duration.ofSeconds(2));
  }

  CardApi(Charges charges, Temper temper) {
    this.charges = charges;
    this.temper = temper;
  }

  private record Answer(int status, String body) {}

  @Override
  public void handle(HttpExchange exchange) throws IOException {
    // Closed without an answer, the connection goes away: what a lost answer looks like.
    try (exchange) {
      Optional<Answer> answer = answerOrRefusal(exchange);
      if (answer.isPresent()) {
        send(exchange, answer.get());
      }
    }
  }

  private Optional<Answer> answerOrRefusal(HttpExchange exchange) {
    boolean admitted = requests.tryAcquire();
    try {
      if (!admitted) {
        throw Refusal.unavailable("overloaded", "too many requests at once");
      }
      return answer(exchange);
    } catch (Refusal refusal) {
      return Optional.of(new Answer(refusal.status(), LedgerJson.error(refusal)));
    } catch (IOException | RuntimeException e) {
      // Nothing definite can be said, so nothing is.
      log.log(System.Logger.Level.ERROR, "a request failed", e);
      return Optional.empty();
    } finally {
      if (admitted) {
        requests.release();
      }
    }
  }

  private Optional<Answer> answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    String method = exchange.getRequestMethod();
    return switch (path) {
      case "/livez" -> Optional.of(new Answer(200, "{\"status\":\"alive\"}"));
      case "/readyz" -> Optional.of(ready());
      case "/v1/charges" ->
          switch (method) {
            case "POST" ->
                Optional.of(
                    new Answer(
                        201,
                        LedgerJson.charge(
                            charges.perform(key(exchange), LedgerJson.authorize(body(exchange))))));
            case "GET" -> Optional.of(byReference(exchange));
            default -> throw Refusal.method("GET or POST");
          };
      case "/v1/ledger" -> {
        only("GET", method);
        yield Optional.of(ledger(exchange));
      }
      default -> {
        if (!path.startsWith("/v1/charges/")) {
          throw Refusal.notFound("no such path");
        }
        yield charge(exchange, method, path.substring("/v1/charges/".length()));
      }
    };
  }

  private Optional<Answer> charge(HttpExchange exchange, String method, String idAndVerb)
      throws IOException {
    int colon = idAndVerb.indexOf(':');
    if (colon < 0) {
      only("GET", method);
      return Optional.of(ok(found(idAndVerb)));
    }
    only("POST", method);
    String id = idAndVerb.substring(0, colon);
    String key = key(exchange);
    String body = body(exchange);
    return switch (idAndVerb.substring(colon + 1)) {
      case "capture" -> {
        LedgerJson.nothing(body);
        yield capture(key, id);
      }
      case "void" -> {
        LedgerJson.nothing(body);
        yield Optional.of(ok(charges.perform(key, new Command.Release(id))));
      }
      case "refund" -> Optional.of(ok(charges.perform(key, LedgerJson.refund(id, body))));
      default -> throw Refusal.notFound("no such path");
    };
  }

  private Optional<Answer> capture(String key, String id) {
    Card card = Card.named(found(id).card());
    if (card == Card.CARD_SLOW && !charges.answered(key)) {
      pause(temper.slow());
    }
    Charge captured = charges.perform(key, new Command.Capture(id));
    if (card == Card.CARD_TIMEOUT) {
      pause(temper.silence());
      return Optional.empty();
    }
    return Optional.of(ok(captured));
  }

  private Charge found(String id) {
    return charges.find(id).orElseThrow(() -> Refusal.notFound("no such charge"));
  }

  private Answer byReference(HttpExchange exchange) {
    String reference =
        parameter(exchange, "reference")
            .orElseThrow(() -> Refusal.invalid("reference: expected as a query parameter"));
    return new Answer(
        200,
        LedgerJson.charges(charges.findByReference(reference).map(List::of).orElse(List.of())));
  }

  private Answer ledger(HttpExchange exchange) throws IOException {
    long from = number(exchange, "from", 0);
    long limit = Math.clamp(number(exchange, "limit", 100), 1, LEDGER_PAGE_MAX);
    return new Answer(200, LedgerJson.ledger(charges.ledger(from, (int) limit)));
  }

  private Answer ready() {
    return charges.healthy()
        ? new Answer(200, "{\"status\":\"ready\"}")
        : new Answer(503, "{\"status\":\"the journal cannot be written\"}");
  }

  private static Answer ok(Charge charge) {
    return new Answer(200, LedgerJson.charge(charge));
  }

  private static void only(String expected, String method) {
    if (!expected.equals(method)) {
      throw Refusal.method(expected);
    }
  }

  private static String key(HttpExchange exchange) {
    String key = exchange.getRequestHeaders().getFirst("Idempotency-Key");
    if (key == null) {
      throw Refusal.invalid("Idempotency-Key: expected as a header");
    }
    return key;
  }

  private static String body(HttpExchange exchange) throws IOException {
    byte[] bytes = exchange.getRequestBody().readNBytes(BODY_BYTES_MAX + 1);
    if (bytes.length > BODY_BYTES_MAX) {
      throw Refusal.tooLarge(BODY_BYTES_MAX);
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static long number(HttpExchange exchange, String name, long defaultValue) {
    try {
      return parameter(exchange, name).map(Long::parseUnsignedLong).orElse(defaultValue);
    } catch (NumberFormatException e) {
      throw Refusal.invalid(name + ": expected a whole number");
    }
  }

  private static Optional<String> parameter(HttpExchange exchange, String name) {
    String query = exchange.getRequestURI().getRawQuery();
    if (query == null) {
      return Optional.empty();
    }
    for (String pair : query.split("&", -1)) {
      if (pair.startsWith(name + "=")) {
        return Optional.of(
            URLDecoder.decode(pair.substring(name.length() + 1), StandardCharsets.UTF_8));
      }
    }
    return Optional.empty();
  }

  private static void send(HttpExchange exchange, Answer answer) throws IOException {
    byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    if (answer.status() == 503) {
      exchange.getResponseHeaders().set("Retry-After", "1");
    }
    exchange.sendResponseHeaders(answer.status(), bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  private static void pause(Duration duration) {
    try {
      Thread.sleep(duration);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
