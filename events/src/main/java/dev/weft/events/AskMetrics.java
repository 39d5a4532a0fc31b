package dev.weft.events;

import dev.weft.durable.Questions.Receipt;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.util.Locale;

/** What operators see of requests by events, on the side that asks. */
final class AskMetrics {
  private static final AttributeKey<String> ASKER = AttributeKey.stringKey("asker");
  private static final AttributeKey<String> OUTCOME = AttributeKey.stringKey("outcome");

  private final LongCounter asked;
  private final LongCounter replies;
  private final String asker;

  AskMetrics(Meter meter, String asker) {
    this.asker = asker;
    asked =
        meter
            .counterBuilder("weft.events.asked")
            .setUnit("{request}")
            .setDescription("Requests by events, by how waiting for the reply ended.")
            .build();
    replies =
        meter
            .counterBuilder("weft.events.replies")
            .setUnit("{event}")
            .setDescription("Replies to requests by events: in_time, late, not_awaited.")
            .build();
  }

  Asker.Outcome count(Asker.Outcome outcome) {
    String word =
        switch (outcome) {
          case Asker.Replied _ -> "replied";
          case Asker.TimedOut _ -> "timed_out";
          case Asker.Refused _ -> "refused";
        };
    asked.add(1, Attributes.of(ASKER, asker, OUTCOME, word));
    return outcome;
  }

  void reply(Receipt receipt) {
    replies.add(1, Attributes.of(ASKER, asker, OUTCOME, receipt.name().toLowerCase(Locale.ROOT)));
  }
}
