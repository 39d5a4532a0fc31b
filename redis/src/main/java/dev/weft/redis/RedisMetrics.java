package dev.weft.redis;

import dev.weft.mesh.Telemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.ObservableLongGauge;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;

/** What operators see of Redis, at {@code /metrics}. */
final class RedisMetrics implements AutoCloseable {
  private static final AttributeKey<String> PURPOSE = AttributeKey.stringKey("purpose");
  private static final AttributeKey<String> OUTCOME = AttributeKey.stringKey("outcome");
  private static final Attributes ANSWERED = Attributes.of(OUTCOME, "answered");
  private static final Attributes LATE = Attributes.of(OUTCOME, "late");
  private static final Attributes FAILED = Attributes.of(OUTCOME, "failed");
  private static final Attributes REFUSED = Attributes.of(OUTCOME, "refused");

  private final Meter meter;
  private final LongCounter commands;
  private final LongCounter missed;
  private final List<ObservableLongGauge> gauges = new CopyOnWriteArrayList<>();

  RedisMetrics(Telemetry telemetry) {
    meter = telemetry.meter("dev.weft.redis");
    commands =
        meter
            .counterBuilder("weft.redis.commands")
            .setUnit("{command}")
            .setDescription(
                "Commands by what became of them: answered; late, if nobody waited for the answer"
                    + " any longer; failed; refused, if there was no connection or no room.")
            .build();
    missed =
        meter
            .counterBuilder("weft.redis.broadcast.missed")
            .setUnit("{gap}")
            .setDescription("How often a listener was told that it may have missed messages.")
            .build();
  }

  void answered() {
    commands.add(1, ANSWERED);
  }

  void late() {
    commands.add(1, LATE);
  }

  void failed() {
    commands.add(1, FAILED);
  }

  void refused() {
    commands.add(1, REFUSED);
  }

  void missed() {
    missed.add(1);
  }

  /** Shows whether there is a connection, until closed. */
  void watch(String purpose, BooleanSupplier connected) {
    Attributes attributes = Attributes.of(PURPOSE, purpose);
    gauges.add(
        meter
            .gaugeBuilder("weft.redis.connected")
            .ofLongs()
            .setDescription("1 while there is a connection to Redis.")
            .buildWithCallback(out -> out.record(connected.getAsBoolean() ? 1 : 0, attributes)));
  }

  @Override
  public void close() {
    gauges.forEach(ObservableLongGauge::close);
  }
}
