package dev.weft.operator;

import com.google.protobuf.Duration;
import dev.weft.admin.v1.CallEndpoint;
import dev.weft.admin.v1.CallExplanation;
import dev.weft.admin.v1.CallIntention;
import dev.weft.admin.v1.CallPlace;
import dev.weft.admin.v1.CallTreatment;
import dev.weft.admin.v1.CircuitStatus;
import dev.weft.admin.v1.RouteStep;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** What a process says about its calls, for a terminal. */
final class ExplanationText {
  private static final String INDENT = "    ";

  private ExplanationText() {}

  /** The whole decision, one thing on each line. */
  static List<String> lines(String process, CallExplanation of) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "%s calls %s %s"
            .formatted(process, Text.clean(of.getService()), Text.clean(of.getMethod())));
    if (!of.getKnown()) {
      lines.add("  chain: the registry has said nothing about it yet");
    } else if (of.getStepsCount() == 0 && of.getProtocol().isEmpty()) {
      lines.add("  chain: none, so all instances of the service");
    } else {
      lines.add("  chain: " + Text.clean(of.getProtocol()));
    }
    of.getStepsList().forEach(step -> lines.addAll(step(step)));
    of.getPlacesList().forEach(place -> lines.addAll(place(place)));
    lines.add("  intention: " + (of.hasIntention() ? intention(of.getIntention()) : "not known"));
    lines.add(
        "  policy: "
            + (of.hasTreatment() ? treatment(of.getTreatment()) : "not known before a call"));
    lines.add("  circuit: " + (of.hasCircuit() ? circuit(of.getCircuit()) : "none before a call"));
    if (of.getObstaclesCount() == 0) {
      lines.add("  It would be sent.");
    }
    of.getObstaclesList().forEach(why -> lines.add("  It would fail: " + Text.clean(why)));
    return lines;
  }

  private static List<String> step(RouteStep step) {
    List<String> lines = new ArrayList<>();
    step.getRoutes()
        .getRoutesList()
        .forEach(
            route ->
                lines.add(
                    "  route: %s: %s"
                        .formatted(
                            Text.clean(route.getCondition()),
                            route.getTaken()
                                ? "has the call"
                                : "no, " + Text.clean(route.getWhyNot()))));
    step.getShares()
        .getSharesList()
        .forEach(
            share ->
                lines.add(
                    String.format(
                        Locale.ROOT,
                        "  split: %.2f %% %s%s",
                        share.getPercent(),
                        Text.clean(share.getTo()),
                        share.getTaken()
                            ? String.format(
                                Locale.ROOT, ": has the call (%.2f)", step.getShares().getDraw())
                            : "")));
    return lines;
  }

  private static List<String> place(CallPlace place) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "  place: %s%s%s%s, %s: %s%s"
            .formatted(
                Text.clean(place.getService()),
                place.getDatacenter().isEmpty() ? "" : " in " + Text.clean(place.getDatacenter()),
                place.getFilter().isEmpty() ? "" : " where " + Text.clean(place.getFilter()),
                place.getOnlyPassing() ? ", passing only" : "",
                Text.clean(place.getBalancing()),
                place.getTaken() ? "has the call" : "no, " + Text.clean(place.getWhyNot()),
                place.getStale() ? " (the registry is away)" : ""));
    List<List<String>> rows = new ArrayList<>();
    rows.add(
        List.of(
            "ADDRESS",
            "VERSION",
            "ZONE",
            "HEALTH",
            "WEIGHT",
            "CONNECTION",
            "RUNNING",
            "LATENCY",
            "WHY NOT"));
    place.getEndpointsList().forEach(endpoint -> rows.add(row(endpoint)));
    if (rows.size() == 1) {
      lines.add(INDENT + "no instances are known");
    } else {
      Text.table(rows).forEach(row -> lines.add(INDENT + row));
    }
    if (place.getMoreEndpoints() > 0) {
      lines.add(INDENT + "and " + place.getMoreEndpoints() + " more");
    }
    return lines;
  }

  private static List<String> row(CallEndpoint endpoint) {
    return List.of(
        Text.clean(endpoint.getAddress()),
        Text.or(endpoint.getVersion(), "-"),
        Text.or(endpoint.getZone(), "-"),
        Text.clean(endpoint.getHealth()),
        "" + endpoint.getWeight(),
        endpoint.getEjected() ? "ejected" : Text.or(endpoint.getConnection(), "-"),
        "" + endpoint.getRunning(),
        endpoint.hasLatency() ? millis(endpoint.getLatency()) : "-",
        endpoint.getTaken() ? "has the call, by its key" : Text.clean(endpoint.getWhyNot()));
  }

  private static String intention(CallIntention intention) {
    return "%s, %s%s"
        .formatted(
            intention.getAllowed() ? "allowed" : "denied",
            Text.clean(intention.getBecause()),
            intention.getCounts() ? "" : " (not asked: no TLS)");
  }

  private static String treatment(CallTreatment treatment) {
    StringBuilder text = new StringBuilder(millis(treatment.getTimeout()));
    text.append(
        treatment.getTimeoutOfRoute()
            ? " by the route"
            : treatment.getTimeoutOfRegistry() ? " by the registry" : " by the contract");
    if (treatment.getRepeatable()) {
      text.append(
          String.format(
              Locale.ROOT,
              "; retries: %d, with %.1f left for the service",
              treatment.getRetries(),
              treatment.getRetriesLeft()));
    } else {
      text.append("; never repeated");
    }
    if (treatment.hasHedgeAfter()) {
      text.append(
          String.format(
              Locale.ROOT,
              "; a second call after %s, %.1f left",
              millis(treatment.getHedgeAfter()),
              treatment.getHedgesLeft()));
    }
    if (treatment.getInFlightMax() > 0) {
      text.append("; ")
          .append(treatment.getInFlight())
          .append(" of ")
          .append(treatment.getInFlightMax())
          .append(" calls under way");
    }
    return text.append(treatment.getFallback() ? "; with a fallback" : "").toString();
  }

  private static String circuit(CircuitStatus circuit) {
    return "%s, %d %% of %d attempts failed, opened %d times"
        .formatted(
            state(circuit),
            circuit.getFailedPercent(),
            circuit.getAttempts(),
            circuit.getOpenings());
  }

  /** As {@code half open}, and for how long it still is {@code open}. */
  static String state(CircuitStatus circuit) {
    return switch (circuit.getState()) {
      case STATE_CLOSED -> "closed";
      case STATE_HALF_OPEN -> "half open";
      case STATE_OPEN ->
          circuit.hasRefusesFor() ? "open for " + millis(circuit.getRefusesFor()) : "open";
      case STATE_UNSPECIFIED, UNRECOGNIZED -> "unknown";
    };
  }

  private static String millis(Duration duration) {
    return String.format(
        Locale.ROOT,
        "%.1f ms",
        (double) TimeUnit.SECONDS.toMillis(duration.getSeconds()) + duration.getNanos() / 1e6);
  }
}
