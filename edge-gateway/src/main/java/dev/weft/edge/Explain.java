package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.weft.mesh.Caller;
import dev.weft.mesh.CircuitState;
import dev.weft.mesh.Rejection;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Answers a request that says {@code X-Weft-Explain: 1} with what would become of it, in place of
 * that: nothing is called. Also of a request that would be refused, since those are asked about.
 *
 * <p>For clients on this machine, and from elsewhere for users with the role {@value #ROLE}: an
 * explanation tells addresses and states of instances. Whoever else asks is refused, so that a
 * request that was only to be explained is never done. Tokens are verified and never shown, and of
 * bodies nothing is but which fields they fill.
 *
 * <p>Thread-safe.
 */
final class Explain implements Middleware {
  static final String HEADER = "x-weft-explain";
  static final String ROLE = "admin";

  /** What proxies add: who came through one is not on this machine, though the proxy may be. */
  private static final List<String> OF_PROXIES =
      List.of("forwarded", "via", "x-forwarded-for", "x-real-ip");

  private final Edge edge;
  private final Tokens tokens;
  private final RateLimits rates;
  private final TrustedHops hops;
  private final LongWork work;

  /**
   * What there is to explain by.
   *
   * @param caughtUp whether a path that is not known is nobody's
   * @param circuits how it stands with calls to a service's method
   * @param tokenServices services that users' tokens are passed on to
   */
  record Edge(
      SchemaWatch services,
      BooleanSupplier caughtUp,
      BiFunction<String, String, CircuitState> circuits,
      Predicate<String> tokenServices,
      HttpLimits limits,
      RateLimitConfig rates,
      ApiConfig api) {}

  /**
   * Who asks.
   *
   * @param refusal why the token that came along is none
   */
  record Asker(String address, Optional<Caller.User> user, Optional<Problem> refusal) {}

  /**
   * @param rates by which explanations are counted, as requests are
   * @param work for tokens and for explanations
   */
  Explain(Edge edge, Tokens tokens, RateLimits rates, TrustedHops hops, LongWork work) {
    this.edge = edge;
    this.tokens = tokens;
    this.rates = rates;
    this.hops = hops;
    this.work = work;
  }

  @Override
  public void serve(Exchange exchange, Consumer<Exchange> next) {
    List<String> asked = exchange.request().headers().getAll(HEADER);
    if (asked.isEmpty()) {
      next.accept(exchange);
      return;
    }
    if (!asked.equals(List.of("1"))) {
      throw Refused.badRequest("MALFORMED_HEADER", "X-Weft-Explain can be 1");
    }
    exchange.body().hold();
    RateLimits.Counted counted = rates.arrive(exchange);
    HttpHeaders headers = exchange.request().headers();
    List<String> given = headers.getAll(HttpHeaderNames.AUTHORIZATION);
    String address = hops.client(headers, exchange.peer());
    work.run(
        exchange,
        () -> asker(address, given),
        asker -> {
          asker.user().ifPresent(exchange::user);
          boolean may =
              isHere(exchange)
                  || asker.user().map(Caller.User::roles).orElse(Set.of()).contains(ROLE);
          if (!may) {
            throw new Refused(Problems.explanationNotAllowed());
          }
          counted.admit(() -> explain(exchange, asker));
        });
  }

  /** As {@link Identity} has it. */
  private Asker asker(String address, List<String> given) {
    if (given.isEmpty()) {
      return new Asker(address, Optional.empty(), Optional.of(Problems.tokenMissing()));
    }
    Optional<String> token = given.size() == 1 ? Tokens.bearer(given.getFirst()) : Optional.empty();
    if (token.isEmpty()) {
      return new Asker(address, Optional.empty(), Optional.of(Problems.tokenInvalid()));
    }
    try {
      return new Asker(address, Optional.of(tokens.verify(token.get())), Optional.empty());
    } catch (Rejection e) {
      return new Asker(address, Optional.empty(), Optional.of(Identity.problem(e)));
    }
  }

  /** Whether a client is on this machine, and not only a proxy that it came through. */
  private static boolean isHere(Exchange exchange) {
    HttpHeaders headers = exchange.request().headers();
    if (OF_PROXIES.stream().anyMatch(headers::contains)) {
      return false;
    }
    try {
      return InetAddress.ofLiteral(exchange.peer()).isLoopbackAddress();
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private void explain(Exchange exchange, Asker asker) {
    Explanation explanation = new Explanation(edge, asker, exchange.method());
    RequestTarget target;
    try {
      target = RequestTarget.parse(exchange.request().uri());
    } catch (Refused e) {
      explanation.refused(e.problem());
      answer(exchange, explanation);
      return;
    }
    Way way = Way.of(exchange, edge, target);
    explanation.way(way);
    if (way.kind() != Way.Kind.PROXY) {
      way.mount().ifPresent(mount -> mount.changeRequest(exchange.request().headers()));
    }
    way.found()
        .ifPresent(
            found -> {
              try {
                Rpc rpc = found.route().rpc();
                explanation.metadata(Calls.metadata(exchange, rpc, hops, edge.tokenServices()));
              } catch (Refused e) {
                explanation.refused(e.problem());
              }
            });
    Optional<Asked> asked = way.found().flatMap(found -> asked(exchange, way, found, explanation));
    way.found()
        .flatMap(found -> explanation.denied(found.route().rpc().access()))
        .ifPresent(explanation::refused);
    if (asked.isEmpty()) {
      answer(exchange, explanation);
      return;
    }
    exchange.body().atMost(asked.get().rpc().requestBytesMax());
    exchange.body().pause(false);
    exchange
        .body()
        .read(
            body ->
                Gateway.guarded(
                    exchange,
                    () -> {
                      explanation.message(
                          asked.get(), () -> Gateway.request(exchange, asked.get(), body));
                      answer(exchange, explanation);
                    }));
  }

  /** What is asked, if its message can be told before a call: it is one, and of a known form. */
  private static Optional<Asked> asked(
      Exchange exchange, Way way, RouteTable.Found found, Explanation explanation) {
    Rpc rpc = found.route().rpc();
    try {
      boolean upgrades = way.kind() == Way.Kind.WEBSOCKET;
      if (way.kind() == Way.Kind.NAME && !isJson(exchange)) {
        return Optional.empty();
      }
      Asked asked = Gateway.asked(exchange, found, way.target());
      if (!upgrades) {
        Gateway.checkRepresentation(exchange, asked);
      }
      if (!rpc.oneRequest()
          && !upgrades
          && (exchange.method().equals("GET") || exchange.isHead())) {
        throw new Refused(Problems.webSocketRequired());
      }
      return rpc.oneRequest() && !upgrades ? Optional.of(asked) : Optional.empty();
    } catch (Refused e) {
      explanation.refused(e.problem());
      return Optional.empty();
    }
  }

  private static boolean isJson(Exchange exchange) {
    return exchange.method().equals("POST")
        && MediaTypes.isText(
            exchange.request().headers().getAll("content-type"), "application/json");
  }

  private void answer(Exchange exchange, Explanation explanation) {
    work.run(
        exchange,
        () -> explanation.text().getBytes(UTF_8),
        text -> exchange.answer(Answer.of(200, "application/json", text, Map.of())));
  }
}
