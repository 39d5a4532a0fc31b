package dev.weft.mesh;

import dev.weft.admin.v1.CallEndpoint;
import dev.weft.admin.v1.CallExplanation;
import dev.weft.admin.v1.CallIntention;
import dev.weft.admin.v1.CallPlace;
import dev.weft.admin.v1.CallShare;
import dev.weft.admin.v1.CallTreatment;
import dev.weft.admin.v1.CircuitStatus;
import dev.weft.admin.v1.RouteList;
import dev.weft.admin.v1.RouteStep;
import dev.weft.admin.v1.ShareList;
import dev.weft.admin.v1.TriedRoute;
import java.time.Duration;
import java.util.Locale;

/** Explanations as {@code weft.admin.v1} has them. */
final class ExplanationMessages {
  private ExplanationMessages() {}

  static CallExplanation explanation(Explanation of) {
    CallExplanation.Builder message =
        CallExplanation.newBuilder()
            .setCaller(of.caller())
            .setService(of.service())
            .setMethod(of.method())
            .setKnown(of.known())
            .setProtocol(of.protocol())
            .addAllObstacles(of.obstacles());
    of.steps().forEach(step -> message.addSteps(step(step)));
    of.places().forEach(place -> message.addPlaces(place(place)));
    of.intention()
        .ifPresent(
            intention ->
                message.setIntention(
                    CallIntention.newBuilder()
                        .setDestination(intention.destination())
                        .setAllowed(intention.allowed())
                        .setBecause(intention.because())
                        .setCounts(intention.counts())));
    of.treatment().ifPresent(treatment -> message.setTreatment(treatment(treatment)));
    of.circuit().ifPresent(circuit -> message.setCircuit(circuit(circuit)));
    return message.build();
  }

  static CircuitStatus circuit(CircuitReport of) {
    CircuitStatus.Builder message =
        CircuitStatus.newBuilder()
            .setService(of.service())
            .setMethod(of.method())
            .setState(
                switch (of.state()) {
                  case CLOSED -> CircuitStatus.State.STATE_CLOSED;
                  case HALF_OPEN -> CircuitStatus.State.STATE_HALF_OPEN;
                  case OPEN -> CircuitStatus.State.STATE_OPEN;
                })
            .setFailedPercent(of.failedPercent())
            .setAttempts(of.attempts())
            .setOpenings(of.openings())
            .setFallbacks(of.fallbacks());
    of.refusesFor().ifPresent(time -> message.setRefusesFor(duration(time)));
    return message.build();
  }

  private static RouteStep step(Explanation.Step of) {
    return switch (of) {
      case Explanation.Routes routes -> RouteStep.newBuilder().setRoutes(routes(routes)).build();
      case Explanation.Shares shares -> RouteStep.newBuilder().setShares(shares(shares)).build();
    };
  }

  private static RouteList routes(Explanation.Routes of) {
    RouteList.Builder routes = RouteList.newBuilder();
    of.tried()
        .forEach(
            route ->
                routes.addRoutes(
                    TriedRoute.newBuilder()
                        .setCondition(route.condition())
                        .setTaken(route.taken())
                        .setWhyNot(route.whyNot())));
    return routes.build();
  }

  private static ShareList shares(Explanation.Shares of) {
    ShareList.Builder shares = ShareList.newBuilder().setDraw(of.draw());
    of.shares()
        .forEach(
            share ->
                shares.addShares(
                    CallShare.newBuilder()
                        .setPercent(share.percent())
                        .setTo(share.to())
                        .setTaken(share.taken())));
    return shares.build();
  }

  private static CallPlace place(Explanation.Place of) {
    CallPlace.Builder message =
        CallPlace.newBuilder()
            .setService(of.service())
            .setDatacenter(of.datacenter())
            .setFilter(of.filter())
            .setOnlyPassing(of.onlyPassing())
            .setTaken(of.taken())
            .setWhyNot(of.whyNot())
            .setStale(of.stale())
            .setMoreEndpoints(of.more())
            .setBalancing(of.balancing().name().toLowerCase(Locale.ROOT));
    of.endpoints().forEach(endpoint -> message.addEndpoints(endpoint(endpoint)));
    return message.build();
  }

  private static CallEndpoint endpoint(Explanation.Endpoint of) {
    CallEndpoint.Builder message =
        CallEndpoint.newBuilder()
            .setId(of.id())
            .setAddress(of.address())
            .setVersion(of.version())
            .setZone(of.zone())
            .setHealth(of.health().name().toLowerCase(Locale.ROOT))
            .setWeight(of.weight())
            .setConnection(of.connection())
            .setEjected(of.ejected())
            .setRunning(of.running())
            .setTaken(of.taken())
            .setWhyNot(of.whyNot());
    of.latency().ifPresent(latency -> message.setLatency(duration(latency)));
    return message.build();
  }

  private static CallTreatment treatment(Explanation.Treatment of) {
    CallTreatment.Builder message =
        CallTreatment.newBuilder()
            .setTimeout(duration(of.timeout()))
            .setTimeoutOfRoute(of.timeoutOfRoute())
            .setTimeoutOfRegistry(of.timeoutOfRegistry())
            .setRepeatable(of.repeatable())
            .setRetries(of.retries())
            .setRetriesLeft(of.retriesLeft())
            .setHedgesLeft(of.hedgesLeft())
            .setInFlight(of.inFlight())
            .setInFlightMax(of.inFlightMax() == CallPolicy.UNBOUNDED ? 0 : of.inFlightMax())
            .setFallback(of.fallback());
    of.hedgeAfter().ifPresent(after -> message.setHedgeAfter(duration(after)));
    return message.build();
  }

  private static com.google.protobuf.Duration duration(Duration of) {
    return com.google.protobuf.Duration.newBuilder()
        .setSeconds(of.getSeconds())
        .setNanos(of.getNano())
        .build();
  }
}
