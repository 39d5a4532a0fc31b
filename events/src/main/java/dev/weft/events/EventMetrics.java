package dev.weft.events;

import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.EventGroups;
import dev.weft.durable.Inbox.Receipt;
import dev.weft.durable.Outbox;
import dev.weft.durable.ParkedEvents;
import dev.weft.durable.ParkedEvents.Reason;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.ObservableDoubleMeasurement;
import io.opentelemetry.api.metrics.ObservableLongMeasurement;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What operators see of events, at {@code /metrics}. */
final class EventMetrics {
  static final String SCOPE = "dev.weft.events";

  private static final AttributeKey<String> CONSUMER = AttributeKey.stringKey("consumer");
  private static final AttributeKey<String> GROUP = AttributeKey.stringKey("group");
  private static final AttributeKey<String> OUTCOME = AttributeKey.stringKey("outcome");
  private static final AttributeKey<String> REASON = AttributeKey.stringKey("reason");
  private static final List<Double> SECONDS =
      List.of(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0);

  private final Meter meter;
  private final InstantSource clock;
  private final LongCounter received;
  private final LongCounter failures;
  private final DoubleHistogram lag;

  EventMetrics(Meter meter, InstantSource clock) {
    this.meter = meter;
    this.clock = clock;
    received =
        meter
            .counterBuilder("weft.events.received")
            .setUnit("{event}")
            .setDescription("Events that arrived, by what became of them; duplicates came again.")
            .build();
    failures =
        meter
            .counterBuilder("weft.events.failures")
            .setUnit("{attempt}")
            .setDescription("Attempts of handlers that failed.")
            .build();
    lag =
        meter
            .histogramBuilder("weft.events.lag")
            .setUnit("s")
            .setDescription("From when an event was recorded until it was handled.")
            .setExplicitBucketBoundariesAdvice(SECONDS)
            .build();
  }

  /** Of the service that says the events. */
  static void ofLog(Meter meter, Outbox outbox, EventGroups groups) {
    meter
        .gaugeBuilder("weft.events.outbox")
        .ofLongs()
        .setUnit("{event}")
        .setDescription("Events without a position.")
        .buildWithCallback(out -> out.record(outbox.backlog().waiting()));
    meter
        .gaugeBuilder("weft.events.outbox.held")
        .ofLongs()
        .setUnit("{event}")
        .setDescription("Events that get no position, because of their versions.")
        .buildWithCallback(out -> out.record(outbox.backlog().held()));
    meter
        .gaugeBuilder("weft.events.outbox.age")
        .setUnit("s")
        .setDescription("Age of the oldest event without a position.")
        .buildWithCallback(out -> age(out, outbox.backlog().oldest()));
    meter
        .gaugeBuilder("weft.events.group.behind")
        .ofLongs()
        .setUnit("{position}")
        .setDescription("Positions of the log that a group is not done with.")
        .buildWithCallback(out -> behind(out, groups));
  }

  private static void age(ObservableDoubleMeasurement out, Duration oldest) {
    out.record(oldest.toMillis() / 1_000.0);
  }

  private static void behind(ObservableLongMeasurement out, EventGroups groups) {
    groups.progress().forEach(one -> out.record(one.behind(), Attributes.of(GROUP, one.group())));
  }

  /** What a consumer has parked, until closed. */
  AutoCloseable parked(Database database, String consumer) {
    ParkedEvents parked = new ParkedEvents(consumer);
    return meter
        .gaugeBuilder("weft.events.parked")
        .ofLongs()
        .setUnit("{event}")
        .setDescription(
            "Events that were received and not handled; dead and unreadable ones wait for an operator.")
        .buildWithCallback(
            out -> {
              Map<Reason, Long> counts = database.read(parked::counts);
              for (Reason reason : Reason.values()) {
                out.record(
                    counts.getOrDefault(reason, 0L),
                    Attributes.of(CONSUMER, consumer, REASON, word(reason)));
              }
            });
  }

  void received(String consumer, Event event, Receipt receipt) {
    received.add(1, Attributes.of(CONSUMER, consumer, OUTCOME, word(receipt)));
    if (receipt == Receipt.APPLIED || receipt == Receipt.APPLIED_AND_NEXT) {
      lag.record(
          Math.max(0, Duration.between(event.recordedAt(), clock.instant()).toMillis()) / 1_000.0,
          Attributes.of(CONSUMER, consumer));
    }
  }

  void failed(String consumer) {
    failures.add(1, Attributes.of(CONSUMER, consumer));
  }

  private static String word(Receipt receipt) {
    return switch (receipt) {
      case APPLIED, APPLIED_AND_NEXT -> "handled";
      case DUPLICATE -> "duplicate";
      case PARKED -> "parked";
      case AHEAD -> "ahead";
    };
  }

  private static String word(Reason reason) {
    return reason.name().toLowerCase(Locale.ROOT);
  }
}
