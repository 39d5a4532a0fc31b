package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.mesh.Balancing.Outliers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What the registry says about the spreading of calls. */
class BalancingTest {
  private static Balancing said(String key, String value) {
    return said(Map.of(key, value));
  }

  private static Balancing said(Map<String, String> words) {
    return Balancing.of(new Settings("web").hear(words));
  }

  @Test
  void readsEveryKey() {
    Balancing all =
        said(
            Map.of(
                "weft-lb", "least_request",
                "weft-lb-hash", "field:order.user_id",
                "weft-lb-zone", "first",
                "weft-lb-slow-start", "30s",
                "weft-lb-panic", "40",
                "weft-outlier", "50",
                "weft-outlier-interval", "5s",
                "weft-outlier-time", "1m"));

    assertThat(all)
        .isEqualTo(
            new Balancing(
                LoadBalancing.LEAST_REQUEST,
                null,
                "order.user_id",
                true,
                Duration.ofSeconds(30),
                40,
                Optional.of(new Outliers(50, Duration.ofSeconds(5), Duration.ofMinutes(1)))));
    Balancing header = said("weft-lb-hash", "header:X-User");
    assertThat(Objects.requireNonNull(header.hashHeader()).name()).isEqualTo("x-user");
    assertThat(header.hashField()).isEmpty();
  }

  @Test
  void readsConsulsOwnWords() {
    assertThat(said("weft-lb", "maglev").policy()).isEqualTo(LoadBalancing.RING_HASH);
    assertThat(said("weft-lb", "ring_hash").policy()).isEqualTo(LoadBalancing.RING_HASH);
    assertThat(said("weft-lb", "random").policy()).isEqualTo(LoadBalancing.RANDOM);
    assertThat(said("weft-lb", "weighted").policy()).isEqualTo(LoadBalancing.WEIGHTED);
    assertThat(said("weft-lb", "round_robin").policy()).isEqualTo(LoadBalancing.ROUND_ROBIN);
  }

  @Test
  void whatMakesNoSenseIsNotSaid() {
    assertThat(said(Map.of())).isEqualTo(Balancing.DEFAULT);
    for (Map<String, String> wrong :
        List.of(
            Map.of("weft-lb", "roundrobin"),
            Map.of("weft-lb-hash", "cookie:c"),
            Map.of("weft-lb-hash", "header:"),
            Map.of("weft-lb-hash", "header::authority"),
            Map.of("weft-lb-hash", "header:x-bin"),
            Map.of("weft-lb-hash", "field:"),
            Map.of("weft-lb-zone", "true"),
            Map.of("weft-lb-slow-start", "2h"),
            Map.of("weft-lb-slow-start", "30"),
            Map.of("weft-lb-panic", "101"),
            Map.of("weft-outlier", "-1"),
            Map.of("weft-outlier", "0"))) {
      assertThat(said(wrong)).as(wrong.toString()).isEqualTo(Balancing.DEFAULT);
    }
    assertThat(said(Map.of("weft-outlier", "50", "weft-outlier-interval", "10ms")).outliers())
        .contains(new Outliers(50, Duration.ofSeconds(10), Duration.ofSeconds(30)));
  }
}
