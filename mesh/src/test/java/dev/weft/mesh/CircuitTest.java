package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import dev.failsafe.Failsafe;
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
      assertThat(circuit.state()).isEqualTo(CircuitState.CLOSED);
      ends(Status.OK);
    }

    assertThat(circuit.state()).isEqualTo(CircuitState.OPEN);
    assertThat(circuit.refusesFor()).isBetween(Duration.ofSeconds(4), Duration.ofSeconds(6));
  }

  /** Few calls, or only a stream, do not open the circuit to one that was away for minutes. */
  @Test
  void connectsToANewInstanceAtOnceWhetherItIsOpenOrNot() {
    circuit.newInstance();
    assertThat(reconnects).hasValue(1);
    assertThat(circuit.state()).isEqualTo(CircuitState.CLOSED);

    for (int i = 0; i < 20; i++) {
      ends(Status.UNAVAILABLE);
    }
    assertThat(circuit.state()).isEqualTo(CircuitState.OPEN);

    circuit.newInstance();
    assertThat(reconnects).hasValue(2);
    assertThat(circuit.state()).isEqualTo(CircuitState.HALF_OPEN);
  }

  /** A method has a circuit for each channel to its service, and one state in metrics. */
  @Test
  void anOpenCircuitIsWorseThanOneThatProbes() {
    assertThat(CircuitState.HALF_OPEN.worse(CircuitState.OPEN)).isEqualTo(CircuitState.OPEN);
    assertThat(CircuitState.OPEN.worse(CircuitState.HALF_OPEN)).isEqualTo(CircuitState.OPEN);
    assertThat(CircuitState.CLOSED.worse(CircuitState.HALF_OPEN)).isEqualTo(CircuitState.HALF_OPEN);
    assertThat(CircuitState.values())
        .extracting(CircuitState::number)
        .as("closed, half open, open")
        .containsExactly(0, 2, 1);
  }

  @Test
  void whoHasHealedIsAskedWithinEightSecondsHoweverLongItWasAway() {
    Circuit patient = new Circuit("echo-svc", Circuit.Pause.DEFAULT, () -> {});
    for (int i = 0; i < 20; i++) {
      tries(patient, Status.UNAVAILABLE);
    }

    for (int probe = 0; probe < 6; probe++) {
      assertThat(patient.state()).isEqualTo(CircuitState.OPEN);
      assertThat(patient.refusesFor()).isBetween(Duration.ofSeconds(3), Duration.ofSeconds(8));
      patient.newInstance();
      tries(patient, Status.UNAVAILABLE);
    }
  }

  private void ends(Status status) {
    circuit.breaker().recordResult(attempt(status));
  }

  /** As calls do: what is only recorded has no say in how long the circuit stays open. */
  private static void tries(Circuit circuit, Status status) {
    var _ = Failsafe.with(circuit.breaker()).get(() -> attempt(status));
  }

  private static Attempt attempt(Status status) {
    return new Attempt(status, new Metadata(), !status.isOk(), false, Attempt.NO_RETRY);
  }
}
