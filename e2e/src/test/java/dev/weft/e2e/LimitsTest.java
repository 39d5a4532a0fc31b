package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The limits and the cache that contracts ask for, in the whole running shop. */
@ExtendWith(SharedWeft.class)
final class LimitsTest {
  /** Of RegisterUser, in a minute. */
  private static final int REGISTRATIONS = 20;

  private final Weft weft;

  LimitsTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void whoRegistersTooOftenIsHeldOffAndNobodyElse() {
    Answer last = register("203.0.113.7");
    int before = 1;
    // One more is allowed every three seconds.
    while (last.status() == 400 && before < 3 * REGISTRATIONS) {
      assertThat(last.headers().firstValue("ratelimit-policy").orElse(""))
          .contains("q=" + REGISTRATIONS);
      last = register("203.0.113.7");
      before++;
    }

    assertThat(before).isGreaterThan(REGISTRATIONS);
    assertThat(last.status()).as("%s", last).isEqualTo(429);
    assertThat(last.text("reason")).isEqualTo("RATE_LIMITED");
    assertThat(last.headers().firstValueAsLong("retry-after").orElse(0)).isBetween(1L, 60L);
    assertThat(register("203.0.113.8").status()).as("another address").isEqualTo(400);
    assertThat(send("GET", "/v1/products?pageSize=1", "203.0.113.7").status())
        .as("another method")
        .isEqualTo(200);
    assertThat(send("POST", "/v1/users", "127.0.0.1").headers().firstValue("ratelimit-policy"))
        .as("this machine is not counted")
        .isEmpty();
  }

  /** Of nobody in particular, so that nobody is registered. */
  private Answer register(String address) {
    return send("POST", "/v1/users", address);
  }

  private Answer send(String method, String path, String address) {
    return Visitor.anonymous(weft).send(method, path, "x-forwarded-for", address);
  }

  /** Each login costs a hash, also of who is not there, and there are two processors. */
  @Test
  void aStormOfLoginsIsAnsweredAndOthersAreServedMeanwhile() throws Exception {
    Visitor customer = Visitor.demo(weft);
    assertThat(customer.get("/v1/me").status()).isEqualTo(200);
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    try {
      List<Future<Integer>> logins = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        String address = "198.51.100." + i;
        logins.add(threads.submit(() -> login(address)));
      }
      // Not from what is kept: each asks for another page.
      for (int i = 1; i <= 50; i++) {
        assertThat(send("GET", "/v1/products?pageSize=" + i, "203.0.113.9").status())
            .isEqualTo(200);
        // By the service that hashes.
        assertThat(customer.get("/v1/me").status()).isEqualTo(200);
      }
      List<Integer> statuses = new ArrayList<>();
      for (Future<Integer> login : logins) {
        statuses.add(login.get(1, TimeUnit.MINUTES));
      }
      assertThat(statuses)
          .contains(401)
          .allMatch(status -> status == 401 || status == 429 || status == 503);
    } finally {
      Threads.end(threads);
    }
    // No circuit opens for those that were sent away, only for too many that were too late.
    await().atMost(Duration.ofSeconds(60)).until(() -> login("198.51.100.200") == 401);
  }

  private int login(String address) {
    return Visitor.anonymous(weft)
        .post(
            "/v1/auth:login",
            Map.of("email", UUID.randomUUID() + "@example.test", "password", "a long pass phrase"),
            "x-forwarded-for",
            address)
        .status();
  }

  @Test
  void whatAnybodyMayReadIsKeptUntilItChanges() {
    Visitor admin = Visitor.admin(weft);
    Map<String, Object> price = Map.of("currencyCode", "EUR", "units", "1");
    String path = "/v1/products/" + Stock.ofNew(admin, "Before", price, 1);
    Visitor anybody = Visitor.anonymous(weft);

    // Two seconds may be over before one comes back.
    Answer kept = await().until(() -> anybody.get(path), answer -> isKept(answer));
    assertThat(kept.headers().firstValueAsLong("age")).isPresent();
    assertThat(kept.headers().firstValue("cache-control").orElse(""))
        .isEqualTo("public, max-age=2, stale-if-error=60");
    Answer changed = admin.patch(path, Map.of("title", "After"));
    assertThat(changed.status()).as("%s", changed).isEqualTo(200);
    Answer after = anybody.get(path);

    assertThat(kept.text("title")).isEqualTo("Before");
    assertThat(after.text("title")).isEqualTo("After");
    assertThat(isKept(after)).isFalse();
    assertThat(anybody.get("/v1/products/" + UUID.randomUUID()).headers().firstValue("age"))
        .as("an error")
        .isEmpty();
    assertThat(admin.get("/v1/me").headers().firstValue("cache-control")).hasValue("no-store");
  }

  private static boolean isKept(Answer answer) {
    return answer.headers().firstValue("cache-status").orElse("").startsWith("weft; hit");
  }
}
