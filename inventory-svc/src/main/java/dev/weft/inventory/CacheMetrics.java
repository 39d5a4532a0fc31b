package dev.weft.inventory;

import dev.weft.mesh.Telemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;

/** What operators see of the cache of products, at {@code /metrics}. */
final class CacheMetrics {
  private static final AttributeKey<String> TIER = AttributeKey.stringKey("tier");
  private static final AttributeKey<String> OUTCOME = AttributeKey.stringKey("outcome");

  private final LongCounter lookups;
  private final LongCounter fills;

  CacheMetrics(Telemetry telemetry) {
    Meter meter = telemetry.meter("dev.weft.inventory");
    lookups =
        meter
            .counterBuilder("weft.product.cache.lookups")
            .setUnit("{lookup}")
            .setDescription(
                "Products that were looked for, by tier and what it had: hit; miss; error, if it"
                    + " could not be asked.")
            .build();
    fills =
        meter
            .counterBuilder("weft.product.cache.fills")
            .setUnit("{product}")
            .setDescription(
                "Products that were read and filled in: kept; overtaken, if they were forgotten"
                    + " meanwhile.")
            .build();
  }

  void found(CacheTier tier, CacheTier.Found found) {
    String outcome =
        switch (found) {
          case CacheTier.Hit _ -> "hit";
          case CacheTier.Miss _ -> "miss";
          case CacheTier.Away _ -> "error";
        };
    lookups.add(1, Attributes.of(TIER, tier.name(), OUTCOME, outcome));
  }

  void filled(CacheTier tier, boolean kept) {
    fills.add(1, Attributes.of(TIER, tier.name(), OUTCOME, kept ? "kept" : "overtaken"));
  }
}
