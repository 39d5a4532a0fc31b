package dev.weft.order;

import dev.weft.durable.Saga.State;
import dev.weft.durable.SagaRunner;
import dev.weft.mesh.Management;
import dev.weft.mesh.Telemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.ObservableLongMeasurement;
import java.util.Locale;
import java.util.Map;

/**
 * Shows operators how many sagas are on their way: the gauge {@code weft.saga.unended} by state,
 * and a degradation {@code sagas} while an undoing is stalled, which means that somebody should
 * look.
 */
final class SagaWatch {
  private static final AttributeKey<String> STATE = AttributeKey.stringKey("state");

  private final SagaRunner sagas;

  private SagaWatch(SagaRunner sagas) {
    this.sagas = sagas;
  }

  static void add(Management management, Telemetry telemetry, SagaRunner sagas) {
    SagaWatch watch = new SagaWatch(sagas);
    management.degradation("sagas", watch::noneStalled);
    telemetry
        .meter("dev.weft.order")
        .gaugeBuilder("weft.saga.unended")
        .ofLongs()
        .setDescription("Sagas that have not ended.")
        .buildWithCallback(watch::count);
  }

  private boolean noneStalled() {
    return sagas.countsOfUnended().getOrDefault(State.COMPENSATION_STALLED, 0L) == 0;
  }

  private void count(ObservableLongMeasurement gauge) {
    Map<State, Long> counts = sagas.countsOfUnended();
    for (State state : State.values()) {
      if (!state.ended()) {
        gauge.record(
            counts.getOrDefault(state, 0L),
            Attributes.of(STATE, state.name().toLowerCase(Locale.ROOT)));
      }
    }
  }
}
