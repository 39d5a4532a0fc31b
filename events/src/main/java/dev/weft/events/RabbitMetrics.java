package dev.weft.events;

import dev.weft.mesh.Telemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What operators see of the broker, at {@code /metrics}. */
final class RabbitMetrics {
  private static final Logger log = LoggerFactory.getLogger(RabbitMetrics.class);
  private static final AttributeKey<String> PURPOSE = AttributeKey.stringKey("purpose");
  private static final AttributeKey<String> OUTCOME = AttributeKey.stringKey("outcome");

  private final LongCounter published;

  RabbitMetrics(Telemetry telemetry) {
    published =
        telemetry
            .meter(EventMetrics.SCOPE)
            .counterBuilder("weft.events.published")
            .setUnit("{event}")
            .setDescription(
                "Events given to the broker, by what it said: confirmed; unwanted, if nobody ever"
                    + " asked for the type; returned, refused or unanswered, kept and tried again.")
            .build();
  }

  void published(PublishChannel.Outcome outcome, long count) {
    published.add(count, Attributes.of(OUTCOME, outcome.name().toLowerCase(Locale.ROOT)));
  }

  /** How a connection is, until closed. */
  static AutoCloseable ofLink(Telemetry telemetry, RabbitLink link, String purpose) {
    Meter meter = telemetry.meter(EventMetrics.SCOPE);
    Attributes attributes = Attributes.of(PURPOSE, purpose);
    var connected =
        meter
            .gaugeBuilder("weft.events.broker.connected")
            .ofLongs()
            .setDescription("1 while there is a connection to the broker.")
            .buildWithCallback(out -> out.record(link.connected() ? 1 : 0, attributes));
    var blocked =
        meter
            .gaugeBuilder("weft.events.broker.blocked")
            .ofLongs()
            .setDescription("1 while the broker takes nothing: it is short of memory or disk.")
            .buildWithCallback(out -> out.record(link.blocked() ? 1 : 0, attributes));
    return () -> {
      connected.close();
      blocked.close();
    };
  }

  static void end(AutoCloseable metrics) {
    try {
      metrics.close();
    } catch (Exception e) {
      log.debug("a gauge of the broker stays", e);
    }
  }
}
