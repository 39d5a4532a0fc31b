package dev.weft.order;

import dev.weft.durable.Saga.State;
import dev.weft.durable.SagaGate;
import dev.weft.durable.SagaRunner;
import dev.weft.mesh.Management;
import dev.weft.mesh.Telemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.ObservableLongMeasurement;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/**
 * Shows operators how many sagas are on their way: the gauge {@code weft.saga.unended} by state,
 * and a degradation {@code sagas} while an undoing is stalled, which means that somebody should
 * look. Of each service that they call, {@code weft.saga.gate} tells whether they do at the moment,
 * and {@code weft.saga.gate.waiting} how many wait for it.
 */
final class SagaWatch {
  private static final AttributeKey<String> STATE = AttributeKey.stringKey("state");
  private static final AttributeKey<String> SERVICE = AttributeKey.stringKey("service");
  private static final int OPENING = 1;
  private static final int CLOSED = 2;

  private final SagaRunner sagas;

  private SagaWatch(SagaRunner sagas) {
    this.sagas = sagas;
  }

  static void add(Management management, Telemetry telemetry, SagaRunner sagas) {
    SagaWatch watch = new SagaWatch(sagas);
    management.degradation("sagas", watch::noneStalled);
    Meter meter = telemetry.meter("dev.weft.order");
    meter
        .gaugeBuilder("weft.saga.unended")
        .ofLongs()
        .setDescription("Sagas that have not ended.")
        .buildWithCallback(watch::count);
    meter
        .gaugeBuilder("weft.saga.gate")
        .ofLongs()
        .setDescription("Whether sagas call a service: 0 if they do, 1 while few do, 2 if not.")
        .buildWithCallback(
            gauge -> watch.ofGates(gauge, gate -> gate.opening() ? OPENING : CLOSED));
    meter
        .gaugeBuilder("weft.saga.gate.waiting")
        .ofLongs()
        .setDescription("Sagas that wait for a service that is away.")
        .buildWithCallback(gauge -> watch.ofGates(gauge, SagaGate::waiting));
  }

  private void ofGates(ObservableLongMeasurement gauge, ToLongFunction<SagaGate> value) {
    Map<String, Long> closed =
        sagas.gates().stream().collect(Collectors.toMap(SagaGate::dependency, value::applyAsLong));
    sagas
        .dependencies()
        .forEach(
            service ->
                gauge.record(closed.getOrDefault(service, 0L), Attributes.of(SERVICE, service)));
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
