package dev.weft.edge;

import dev.weft.mesh.Caller;
import dev.weft.mesh.Rejection;
import io.netty.handler.codec.http.HttpHeaderNames;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who makes a request, by the token that came along, and whether they may, and as often as this.
 * Thread-safe.
 */
final class Identity {
  private static final Logger log = LoggerFactory.getLogger(Identity.class);

  private final RateLimits rates;
  private final Tokens tokens;
  private final Executor threads;

  /**
   * @param rates by which callers are counted
   * @param threads to verify tokens on, which may wait for keys
   */
  Identity(RateLimits rates, Tokens tokens, Executor threads) {
    this.rates = rates;
    this.tokens = tokens;
    this.threads = threads;
  }

  /**
   * Goes on if the caller may; where anybody may, a bad token is as none. The address is counted
   * before a token is verified, which costs more than all else here.
   */
  void authorise(Exchange exchange, Access access, Runnable then) {
    authorise(exchange, arrive(exchange), access, then);
  }

  /** The same of a request whose address was counted before, as what it is for was not known. */
  void authorise(Exchange exchange, RateLimits.Counted counted, Access access, Runnable then) {
    identify(exchange, access, () -> counted.admit(then));
  }

  /** Counts a request against its address; throws {@link Refused} if that is too much. */
  RateLimits.Counted arrive(Exchange exchange) {
    return rates.arrive(exchange);
  }

  private void identify(Exchange exchange, Access access, Runnable then) {
    List<String> given = exchange.request().headers().getAll(HttpHeaderNames.AUTHORIZATION);
    boolean open = access instanceof Access.Public;
    Optional<String> token = given.size() == 1 ? Tokens.bearer(given.getFirst()) : Optional.empty();
    if (token.isEmpty()) {
      if (!open) {
        throw new Refused(given.isEmpty() ? Problems.tokenMissing() : Problems.tokenInvalid());
      }
      then.run();
      return;
    }
    verify(
        exchange,
        token.get(),
        user -> {
          exchange.user(user);
          if (access instanceof Access.Authenticated(Set<String> roles)
              && !roles.isEmpty()
              && roles.stream().noneMatch(user.roles()::contains)) {
            throw new Refused(Problems.roleRequired());
          }
          then.run();
        },
        problem -> {
          if (!open) {
            throw new Refused(problem);
          }
          then.run();
        });
  }

  private void verify(
      Exchange exchange, String token, Consumer<Caller.User> good, Consumer<Problem> bad) {
    Optional<Caller.User> known;
    try {
      known = tokens.remembered(token);
    } catch (Rejection e) {
      bad.accept(problem(e));
      return;
    }
    // Most are: to hand those over to another thread and back would be most of the work.
    known.ifPresentOrElse(good, () -> findOut(exchange, token, good, bad));
  }

  private void findOut(
      Exchange exchange, String token, Consumer<Caller.User> good, Consumer<Problem> bad) {
    threads.execute(
        () -> {
          Runnable then;
          try {
            Caller.User user = tokens.verify(token);
            then = () -> good.accept(user);
          } catch (Rejection e) {
            Problem problem = problem(e);
            then = () -> bad.accept(problem);
          } catch (RuntimeException e) {
            log.error("a token cannot be verified", e);
            then = () -> bad.accept(Problem.internal());
          }
          Runnable next = then;
          exchange.loop().execute(() -> Gateway.guarded(exchange, next));
        });
  }

  /** A refusal of a token as the edge tells it. */
  static Problem problem(Rejection rejection) {
    Problem problem =
        Problem.of(
            HttpStatuses.of(rejection.code()),
            rejection.code(),
            rejection.reason(),
            String.valueOf(rejection.getMessage()));
    return rejection.retryAfter().map(problem::withRetryAfter).orElse(problem);
  }
}
