package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

final class MetersTest {
  private static final String PAGE =
      """
      # HELP weft_rpc_client_circuit_transitions_total How often.
      # TYPE weft_rpc_client_circuit_transitions_total counter
      weft_rpc_client_circuit_transitions_total{server_address="order-svc",state="open"} 2.0
      weft_rpc_client_circuit_transitions_total{server_address="user-svc",state="open"} 1
      weft_rpc_client_circuit_transitions_total{server_address="user-svc",state="closed"} 4
      weft_fence_tombstone_hits_total 3.0
      weft_fence_tombstone_hits_total_of_another 7
      a_page{text="a } in it, and a space"} 1.5
      """;

  @Test
  void addsUpTheSeriesOfACounterThatHaveALabel() {
    Map<String, Double> series = Meters.series(PAGE);

    assertThat(Meters.sum(series, Meters.CIRCUITS, "state=\"open\"")).isEqualTo(3);
    assertThat(Meters.sum(series, Meters.CIRCUITS, "")).isEqualTo(7);
    assertThat(Meters.sum(series, Meters.TOMBSTONES, "")).isEqualTo(3);
    assertThat(Meters.sum(series, "never_seen", "")).isZero();
  }
}
