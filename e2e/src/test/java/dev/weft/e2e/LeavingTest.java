package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Services come and go; the edge stays. */
@ExtendWith(SharedWeft.class)
final class LeavingTest {
  private static final Duration POLL = Duration.ofMillis(20);
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Weft weft;

  LeavingTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void aServiceThatLeavesIsUnavailableAndServedAgainWhenItIsBackWithoutARestartOfTheEdge() {
    Visitor customer = Visitor.demo(weft);
    long edge = weft.pid(Weft.EDGE);
    assertThat(customer.get("/v1/payments").status()).isEqualTo(200);

    weft.terminate("payment-svc");

    Answer away =
        await("503 while it is away")
            .pollInterval(POLL)
            .atMost(LIMIT)
            .until(() -> customer.get("/v1/payments"), answer -> answer.status() != 200);
    assertThat(away.status()).as("%s", away).isEqualTo(503);
    assertThat(away.headers().firstValue("retry-after")).isPresent();
    // The others do not mind.
    assertThat(customer.get("/v1/orders").status()).isEqualTo(200);
    await("200 when it is back")
        .pollInterval(POLL)
        .atMost(LIMIT)
        .until(() -> customer.get("/v1/payments").status(), status -> status == 200);
    assertThat(weft.pid(Weft.EDGE)).isEqualTo(edge);
  }
}
