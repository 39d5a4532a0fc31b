package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

final class WorkloadTest {
  private static final Goods MUG = Goods.known("mug", 500, 10);
  private static final Goods POT = Goods.known("pot", 900, 10);

  @Test
  void tellsAnotherRequestFromTheSameOneWrittenOtherwise() {
    String body = Goods.order(List.of(MUG), List.of(2), "card_ok");

    assertThat(Workload.same(body, Goods.order(List.of(MUG), List.of(2), "card_ok"))).isTrue();
    assertThat(Workload.same("{\"a\":1,\"b\":2}", "{ \"b\": 2, \"a\": 1 }")).isTrue();
    assertThat(Workload.same(body, Goods.order(List.of(MUG), List.of(3), "card_ok"))).isFalse();
    assertThat(Workload.same(body, Goods.order(List.of(POT), List.of(2), "card_ok"))).isFalse();
    assertThat(
            Workload.same(
                Goods.order(List.of(MUG, POT), List.of(1, 1), "card_ok"),
                Goods.order(List.of(POT, MUG), List.of(1, 1), "card_ok")))
        .isFalse();
  }
}
