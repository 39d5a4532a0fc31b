package dev.weft.edge;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.util.Locale;
import java.util.function.LongSupplier;

/** What is measured of the cache, by route where it can be. */
final class CacheMetrics {
  private static final AttributeKey<String> RESULT = AttributeKey.stringKey("weft.cache.result");

  private final Meter meter;
  private final LongCounter requests;

  /** How a request of a route with a cache was answered. */
  enum Result {
    /** With what was kept. */
    HIT,
    /** By a call of its own, or with an error. */
    MISS,
    /** By the call that another request had made already. */
    JOINED,
    /** With what was too old, since the service could not be asked. */
    STALE,
    /** With what the contract declares, since the service could not be asked. */
    FALLBACK,
    /** By a call, since the request may not be answered from a cache. */
    PASSED
  }

  CacheMetrics(Meter meter) {
    this.meter = meter;
    this.requests =
        meter
            .counterBuilder("weft.edge.cache.requests")
            .setUnit("{request}")
            .setDescription(
                "Requests of routes whose answers may be kept, and what became of them.")
            .build();
  }

  /** Has these shown. */
  void show(LongSupplier bytes, LongSupplier waiting) {
    meter
        .gaugeBuilder("weft.edge.cache.bytes")
        .ofLongs()
        .setUnit("By")
        .setDescription("Bytes of the answers that are kept.")
        .buildWithCallback(gauge -> gauge.record(bytes.getAsLong()));
    meter
        .gaugeBuilder("weft.edge.cache.waiting")
        .ofLongs()
        .setUnit("{request}")
        .setDescription("Requests that wait for a call that another one has made.")
        .buildWithCallback(gauge -> gauge.record(waiting.getAsLong()));
  }

  void count(Route route, Result result) {
    requests.add(
        1,
        Attributes.of(
            Outcome.ROUTE,
            route.template().text(),
            RESULT,
            result.name().toLowerCase(Locale.ROOT)));
  }
}
