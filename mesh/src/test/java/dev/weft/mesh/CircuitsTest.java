package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class CircuitsTest {
  private static final Circuit.Pause PAUSE =
      new Circuit.Pause(Duration.ofMinutes(1), Duration.ofMinutes(1));

  private final AtomicInteger reconnects = new AtomicInteger();
  private final Circuits circuits = new Circuits("echo-svc", PAUSE, reconnects::incrementAndGet);

  @Test
  void eachMethodHasItsOwnForGood() {
    assertThat(circuits.of("a.B/C")).isSameAs(circuits.of("a.B/C"));
    assertThat(circuits.of("a.B/C")).isNotSameAs(circuits.of("a.B/D"));
  }

  @Test
  void methodsBeyondTheBoundShareOne() {
    Circuit first = circuits.of("a.B/0");
    for (int i = 1; i < Circuits.METHODS_MAX; i++) {
      assertThat(circuits.of("a.B/" + i)).isNotSameAs(first);
    }
    Circuit others = circuits.of("a.B/x");
    assertThat(circuits.of("a.B/y")).isSameAs(others);
    assertThat(circuits.of("a.B/0")).isSameAs(first);
    List<String> all = new ArrayList<>();
    circuits.forEach((method, circuit) -> all.add(method));
    assertThat(all).hasSize(Circuits.METHODS_MAX + 1).contains("_OTHER");
  }

  @Test
  void saysHowItStandsAndMakesNone() {
    assertThat(circuits.find("a.B/C")).isEmpty();
    circuits.of("a.B/C").breaker().open();
    assertThat(circuits.find("a.B/C").map(Circuit::state)).contains(CircuitState.OPEN);
    circuits.of("a.B/C").breaker().halfOpen();
    assertThat(circuits.find("a.B/C").map(Circuit::state)).contains(CircuitState.HALF_OPEN);
    circuits.of("a.B/C").breaker().close();
    assertThat(circuits.find("a.B/C").map(Circuit::state)).contains(CircuitState.CLOSED);
    assertThat(circuits.find("a.B/D")).isEmpty();
  }

  @Test
  void anInstanceThatIsBackIsTriedByEveryMethodThatWasRefused() {
    circuits.newInstance();
    assertThat(reconnects).hasValue(1);
    circuits.of("a.B/C").breaker().open();
    circuits.of("a.B/D").breaker().open();
    Circuit well = circuits.of("a.B/E");

    circuits.newInstance();
    assertThat(circuits.of("a.B/C").breaker().isHalfOpen()).isTrue();
    assertThat(circuits.of("a.B/D").breaker().isHalfOpen()).isTrue();
    assertThat(well.breaker().isClosed()).isTrue();
    assertThat(reconnects).hasValue(3);
  }
}
