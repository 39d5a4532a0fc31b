package dev.weft.payment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CardChargeTest {
  private static final String CHARGE =
      """
      {"extra":{"a":[1]},"chargeId":"ch_1","status":"captured","amount":5,
       "refunds":[{"amount":1,"refundId":"r1"},{"refundId":"r2","more":{}}],"more":null}""";

  @Test
  void readsAChargeAndPassesOverWhatItDoesNotKnow() throws IOException {
    CardCharge charge = CardCharge.parse(bytes(CHARGE));

    assertThat(charge.id()).isEqualTo("ch_1");
    assertThat(charge.status()).isEqualTo(CardCharge.Status.CAPTURED);
    assertThat(charge.declineReason()).isEmpty();
    assertThat(charge.refundIds()).containsExactlyInAnyOrder("r1", "r2");
  }

  @Test
  void readsALookUp() throws IOException {
    assertThat(CardCharge.parseList(bytes("{\"charges\":[]}"))).isEmpty();
    assertThat(CardCharge.parseList(bytes("{\"charges\":[" + CHARGE + "]}")))
        .contains(CardCharge.parse(bytes(CHARGE)));
  }

  @Test
  void readsARefusal() throws IOException {
    assertThat(
            CardCharge.parseRefusal(
                bytes("{\"error\":{\"message\":\"m\",\"code\":\"not_captured\"}}")))
        .isEqualTo("not_captured");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "{}",
        "<html>",
        "{\"chargeId\":\"ch_1\"}",
        "{\"chargeId\":\"ch_1\",\"status\":\"lost\"}",
        "{\"chargeId\":\"ch_1\",\"status\":\"captured\""
      })
  void believesNothingElse(String body) {
    assertThatThrownBy(() -> CardCharge.parse(bytes(body))).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> CardCharge.parseList(bytes(body))).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> CardCharge.parseRefusal(bytes(body))).isInstanceOf(IOException.class);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
