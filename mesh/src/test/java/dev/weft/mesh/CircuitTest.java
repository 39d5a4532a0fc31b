package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class CircuitTest {
  private static final Duration FIRST = Duration.ofSeconds(5);

  private final AtomicInteger reconnects = new AtomicInteger();
  private final Circuit circuit =
      new Circuit(
          "echo-svc", new Circuit.Pause(FIRST, Duration.ofMinutes(1)), reconnects::incrementAndGet);

  @Test
  void staysOpenNoLongerWhenTheLastOfTwentyAttemptsWentWell() {
    for (int i = 0; i < 10; i++) {
      ends(Status.UNAVAILABLE);
    }
    for (int i = 0; i < 10; i++) {
      assertThat(circuit.number()).isZero();
      ends(Status.OK);
    }

    assertThat(circuit.number()).isEqualTo(1);
    assertThat(circuit.refusesFor()).isBetween(Duration.ofSeconds(4), Duration.ofSeconds(6));
  }

  /** Few calls, or only a stream, do not open the circuit to one that was away for minutes. */
  @Test
  void connectsToANewInstanceAtOnceWhetherItIsOpenOrNot() {
    circuit.newInstance();
    assertThat(reconnects).hasValue(1);
    assertThat(circuit.number()).isZero();

    for (int i = 0; i < 20; i++) {
      ends(Status.UNAVAILABLE);
    }
    assertThat(circuit.number()).isEqualTo(1);

    circuit.newInstance();
    assertThat(reconnects).hasValue(2);
    assertThat(circuit.number()).isEqualTo(2);
  }

  private void ends(Status status) {
    circuit
        .breaker()
        .recordResult(new Attempt(status, new Metadata(), !status.isOk(), false, Attempt.NO_RETRY));
  }
}
