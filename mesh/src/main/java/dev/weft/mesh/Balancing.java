package dev.weft.mesh;

import io.grpc.Metadata;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How the calls of a service are spread over its instances, as the registry says it.
 *
 * @param hashHeader what {@link LoadBalancing#RING_HASH} goes by; null for none
 * @param hashField the field of the request it goes by, names with points between; empty for none
 * @param ownZoneFirst whether instances in the caller's zone come before others
 * @param slowStart how long a new instance takes to get its full share; zero for at once
 * @param panicPercent with less of the instances fit than this, all are called; 0 for never
 * @param outliers who is left out for a while because its calls fail
 */
record Balancing(
    LoadBalancing policy,
    Metadata.@Nullable Key<String> hashHeader,
    String hashField,
    boolean ownZoneFirst,
    Duration slowStart,
    int panicPercent,
    Optional<Outliers> outliers) {
  /** Round robin over all that are fit. */
  static final Balancing DEFAULT =
      new Balancing(LoadBalancing.ROUND_ROBIN, null, "", false, Duration.ZERO, 0, Optional.empty());

  private static final String HEADER = "header:";
  private static final String FIELD = "field:";

  /**
   * Who is left out; which calls count as failed is said in {@link OutlierDetection}.
   *
   * @param failedPercent whoever fails more of its calls than this, of at least {@value #CALLS_MIN}
   * @param interval how often they are looked at
   * @param first how long the first time; longer each time, up to 5 min
   */
  record Outliers(int failedPercent, Duration interval, Duration first) {
    private static final int CALLS_MIN = 20;
    private static final int HOSTS_MIN = 2;
    private static final Duration LONGEST_OUT = Duration.ofMinutes(5);
    private static final int OUT_PERCENT_MAX = 50;

    /** In the words of gRPC, which does it, around this policy. */
    Map<String, ?> around(String policy) {
      Duration longest = first.compareTo(LONGEST_OUT) > 0 ? first : LONGEST_OUT;
      return Map.of(
          OutlierDetection.NAME,
          Map.of(
              "interval", seconds(interval),
              "baseEjectionTime", seconds(first),
              "maxEjectionTime", seconds(longest),
              "maxEjectionPercentage", (double) OUT_PERCENT_MAX,
              "failurePercentageEjection",
                  Map.of(
                      "threshold", (double) failedPercent,
                      "enforcementPercentage", 100.0,
                      "minimumHosts", (double) HOSTS_MIN,
                      "requestVolume", (double) CALLS_MIN),
              "childPolicy", List.of(Map.of(policy, Map.of()))));
    }

    private static String seconds(Duration duration) {
      return duration.toSeconds() + "s";
    }
  }

  /** Reads what the registry says of a service. */
  static Balancing of(Settings said) {
    Optional<String> hash =
        said.value(
            "weft-lb-hash",
            text ->
                text.length() > text.indexOf(':') + 1 && (isHeader(text) || text.startsWith(FIELD))
                    ? Optional.of(text)
                    : Optional.empty());
    Optional<Duration> interval = said.duration("weft-outlier-interval", Duration.ofSeconds(1));
    Optional<Duration> first = said.duration("weft-outlier-time", Duration.ofSeconds(1));
    return new Balancing(
        said.value("weft-lb", LoadBalancing::of).orElse(DEFAULT.policy),
        hash.filter(Balancing::isHeader)
            .map(text -> key(text.substring(HEADER.length())))
            .orElse(null),
        hash.filter(text -> text.startsWith(FIELD))
            .map(text -> text.substring(FIELD.length()))
            .orElse(""),
        said.value(
                "weft-lb-zone",
                text ->
                    switch (text) {
                      case "first" -> Optional.of(true);
                      case "any" -> Optional.of(false);
                      default -> Optional.empty();
                    })
            .orElse(DEFAULT.ownZoneFirst),
        said.duration("weft-lb-slow-start", Duration.ofMillis(1)).orElse(DEFAULT.slowStart),
        said.percent("weft-lb-panic").orElse(DEFAULT.panicPercent),
        said.percent("weft-outlier")
            .filter(percent -> percent > 0)
            .map(
                percent ->
                    new Outliers(
                        percent,
                        interval.orElse(Duration.ofSeconds(10)),
                        first.orElse(Duration.ofSeconds(30)))));
  }

  private static boolean isHeader(String text) {
    // Binary headers and those with a colon have no text to go by.
    return text.matches("header:[0-9A-Za-z_.-]+") && !text.endsWith(Metadata.BINARY_HEADER_SUFFIX);
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }
}
