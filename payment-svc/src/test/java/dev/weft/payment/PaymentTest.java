package dev.weft.payment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

final class PaymentTest {
  private static final Payment AUTHORIZING =
      new Payment(
          UUID.randomUUID(),
          UUID.randomUUID(),
          UUID.randomUUID(),
          new Amount(1999, "EUR"),
          "card_ok",
          PaymentState.AUTHORIZING,
          0,
          0,
          0,
          Optional.empty(),
          Optional.empty(),
          Payment.Commands.authorize("saga:authorize:do"),
          Instant.EPOCH,
          Instant.EPOCH);
  private static final Payment CAPTURED =
      AUTHORIZING.authorized("ch_1").capturing("saga:capture:do").captured();

  @Test
  void sayWhatTheCardNetworkIsToBeAskedNext() {
    Payment authorized = AUTHORIZING.authorized("ch_1");

    assertThat(AUTHORIZING.next()).contains(Payment.Step.AUTHORIZE);
    assertThat(authorized.next()).isEmpty();
    assertThat(authorized.releasing("v").next()).contains(Payment.Step.RELEASE);
    assertThat(authorized.capturing("c").next()).contains(Payment.Step.CAPTURE);
    assertThat(CAPTURED.next()).isEmpty();
    assertThat(CAPTURED.refunding(1).next()).contains(Payment.Step.REFUND);
    assertThat(AUTHORIZING.declined("card_declined").next()).isEmpty();
  }

  @Test
  void isCapturedInFull() {
    assertThat(CAPTURED.capturedMinor()).isEqualTo(1999);
    assertThat(CAPTURED.refundableMinor()).isEqualTo(1999);
  }

  @Test
  void isReleasedAfterItIsHeldWhenItWasNotHeldYet() {
    Payment wanted = AUTHORIZING.releasing("saga:authorize:undo");

    assertThat(wanted.next()).contains(Payment.Step.AUTHORIZE);
    assertThat(wanted.authorized("ch_1").next()).contains(Payment.Step.RELEASE);
    assertThat(wanted.authorized("ch_1").capturable()).isFalse();
    assertThat(wanted.authorized("ch_1").voided().next()).isEmpty();
  }

  @Test
  void givesBackNoMoreThanWasTaken() {
    Payment some = CAPTURED.refunding(1000);

    assertThat(some.refundableMinor()).isEqualTo(999);
    assertThatThrownBy(() -> some.refunding(1000)).isInstanceOf(IllegalStateException.class);
    assertThat(some.refunded(1000).state()).isEqualTo(PaymentState.CAPTURED);
    assertThat(some.refunding(999).refunded(1000).refunded(999).state())
        .isEqualTo(PaymentState.REFUNDED);
    assertThat(some.refundRefused(1000)).isEqualTo(CAPTURED);
  }

  @Test
  void refusesEveryOtherMove() {
    assertThatThrownBy(() -> AUTHORIZING.capturing("c")).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(AUTHORIZING::captured).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> CAPTURED.capturing("c")).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(CAPTURED::captured).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(CAPTURED::voided).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> CAPTURED.releasing("v")).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> CAPTURED.declined("no")).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> AUTHORIZING.authorized("ch").releasing("v").capturing("c"))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> AUTHORIZING.authorized("ch").refunding(1))
        .isInstanceOf(IllegalStateException.class);
  }
}
