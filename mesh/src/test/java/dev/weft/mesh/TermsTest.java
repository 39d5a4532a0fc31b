package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.Choice.Repeat;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import dev.weft.mesh.test.EchoServiceGrpc.EchoServiceBlockingStub;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What the registry says of the treatment of calls, read and then obeyed by calls that are made.
 */
@Timeout(60)
class TermsTest {
  private static final String SERVICE = "echo-svc";
  private static final String READ = "weft.test.v1.EchoService/Read";
  private static final String PUT = "weft.test.v1.EchoService/Put";
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();

  private final Meshes meshes = new Meshes();
  private final CountDownLatch never = new CountDownLatch(1);
  private final Echo echo = new Echo();
  private final Mesh caller = meshes.open("caller-svc");

  @AfterEach
  void close() {
    never.countDown();
    meshes.close();
  }

  private static Terms said(String... wordsAndTexts) {
    Map<String, String> said = new HashMap<>();
    for (int i = 0; i < wordsAndTexts.length; i += 2) {
      said.put(wordsAndTexts[i], wordsAndTexts[i + 1]);
    }
    return Terms.of(new Settings("web").hear(said));
  }

  @Test
  void readsEveryKey() {
    assertThat(
            said(
                "weft-timeout", "2s",
                "weft-attempts", "4",
                "weft-retry-budget", "20",
                "weft-hedge-after", "30ms",
                "weft-hedge-budget", "1"))
        .isEqualTo(
            new Terms(
                Optional.of(Duration.ofSeconds(2)),
                Optional.of(new Repeat(3, true, true)),
                20,
                Optional.of(Duration.ofMillis(30)),
                1));
    assertThat(said("weft-hedge-after", "never").hedgeAfter()).contains(Duration.ZERO);
    assertThat(said()).isEqualTo(Terms.DEFAULT);
  }

  @Test
  void whatMakesNoSenseIsNotSaid() {
    for (List<String> wrong :
        List.of(
            List.of("weft-timeout", "0s"),
            List.of("weft-timeout", "2h"),
            List.of("weft-attempts", "0"),
            List.of("weft-attempts", "6"),
            List.of("weft-retry-budget", "51"),
            List.of("weft-retry-budget", "10%"),
            List.of("weft-hedge-after", "off"),
            List.of("weft-hedge-budget", "51"))) {
      assertThat(said(wrong.toArray(String[]::new))).as(wrong.toString()).isEqualTo(Terms.DEFAULT);
    }
  }

  @Test
  void onlyMethodsWithoutEffectsAreSentASecondTime() {
    Terms terms = said("weft-hedge-after", "30ms", "weft-timeout", "2s");
    CallPolicy read =
        new CallPolicy(Duration.ofSeconds(1), true, Duration.ofMinutes(1), Duration.ofMinutes(30));

    assertThat(terms.over(read, true))
        .isEqualTo(
            read.withTimeout(Duration.ofSeconds(2))
                .withHedgeAfter(Optional.of(Duration.ofMillis(30))));
    assertThat(terms.over(read, false).hedgeAfter()).isEmpty();
    assertThat(terms.over(CallPolicy.DEFAULT, true).hedgeAfter()).as("sent once").isEmpty();
    CallPolicy hedged = read.withHedgeAfter(Optional.of(Duration.ofMillis(1)));
    assertThat(said("weft-hedge-after", "never").over(hedged, true).hedgeAfter()).isEmpty();
    assertThat(said().over(hedged, true)).isEqualTo(hedged);
  }

  private void serve() {
    meshes.open(SERVICE).server(echo).start();
  }

  /** Says this of the service, and waits until its caller has heard it. */
  private void say(String meta, Explained wanted) {
    meshes.consul.entry("service-defaults", SERVICE, "\"Meta\":{" + meta + "},");
    await().until(() -> wanted.by(treatment(READ)));
  }

  private interface Explained {
    boolean by(Explanation.Treatment treatment);
  }

  private Explanation.Treatment treatment(String method) {
    return caller.explain(SERVICE, method, new Metadata()).treatment().orElseThrow();
  }

  private EchoServiceBlockingStub stub() {
    return EchoServiceGrpc.newBlockingStub(caller.channel(SERVICE));
  }

  /** The first call may take longer than the contract gives it. */
  private void connect() {
    assertThat(stub().withDeadlineAfter(Duration.ofSeconds(50)).read(REQUEST).getText())
        .isEqualTo("a");
    assertThat(stub().withDeadlineAfter(Duration.ofSeconds(50)).put(REQUEST).getText())
        .isEqualTo("a");
    echo.calls.set(0);
  }

  private static Status.Code failure(Runnable call) {
    return catchThrowableOfType(StatusRuntimeException.class, call::run).getStatus().getCode();
  }

  /** How many seconds a call has, as its server sees it. */
  private static long seconds(EchoServiceBlockingStub stub) {
    return Long.parseLong(stub.read(REQUEST).getText());
  }

  @Test
  void theTimeOfCallsIsTheRegistrysAndEachRouteAndCallerMaySayOtherwise() {
    serve();
    connect();
    echo.answer =
        _ ->
            String.valueOf(
                Objects.requireNonNull(Context.current().getDeadline())
                    .timeRemaining(TimeUnit.SECONDS));

    assertThat(seconds(within(90))).as("the contract gives less").isBetween(0L, 1L);
    say("\"weft-timeout\":\"1h\"", t -> t.timeout().toHours() == 1);
    assertThat(treatment(READ).timeoutOfRegistry()).isTrue();
    assertThat(seconds(stub())).isBetween(3_500L, 3_600L);
    assertThat(seconds(stub().withDeadlineAfter(Duration.ofSeconds(90)))).isBetween(30L, 90L);
    assertThat(seconds(within(90))).isBetween(30L, 90L);
    assertThat(time()).isEqualTo(Duration.ofHours(1));

    meshes.consul.chain(
        SERVICE,
        Chains.chain(
            "router",
            List.of(
                Chains.router(
                    "router",
                    Chains.route(
                        "\"PathPrefix\":\"/\"", "\"RequestTimeout\":\"200s\"", "resolver:t")),
                Chains.resolver("t")),
            Chains.target("t", SERVICE, "dc1", "")));
    await().until(() -> treatment(READ).timeoutOfRoute());
    assertThat(treatment(READ).timeoutOfRegistry()).isFalse();
    assertThat(seconds(stub())).isBetween(140L, 200L);
    assertThat(seconds(within(90))).isBetween(30L, 90L);
    assertThat(seconds(within(3_600))).isBetween(140L, 200L);
    assertThat(time()).isEqualTo(Duration.ofSeconds(200));
    InstanceSet some = new InstanceSet();
    await().until(() -> time(some).toHours() == 1);
    caller.release(some);
    assertThat(time(some)).isEqualTo(Duration.ofSeconds(200));
  }

  /** On behalf of somebody who waits so many seconds. */
  private EchoServiceBlockingStub within(long seconds) {
    return stub().withOption(CallPolicy.LATEST, Deadline.after(seconds, TimeUnit.SECONDS));
  }

  private Duration time() {
    return caller.timeout(SERVICE, READ, new Metadata(), CallPolicy.DEFAULT);
  }

  private Duration time(InstanceSet some) {
    return caller.timeout(SERVICE, some, READ, new Metadata(), CallPolicy.DEFAULT);
  }

  @Test
  void howOftenACallIsSentIsTheRegistrysAndWhetherTheContracts() {
    serve();
    connect();
    say("\"weft-attempts\":\"4\"", t -> t.retries() == 3);
    echo.answer =
        text -> {
          throw Rejection.unavailable("BUSY", "never", Duration.ZERO);
        };
    EchoServiceBlockingStub patient = stub().withDeadlineAfter(Duration.ofSeconds(50));

    assertThat(failure(() -> patient.read(REQUEST))).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(echo.calls).hasValue(4);
    assertThat(failure(() -> patient.write(REQUEST))).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(echo.calls).as("it changes something").hasValue(5);

    say("\"weft-attempts\":\"1\"", t -> t.retries() == 0);
    assertThat(failure(() -> patient.read(REQUEST))).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(echo.calls).hasValue(6);
  }

  @Test
  void withoutABudgetNothingIsSentAgain() {
    serve();
    connect();
    say("\"weft-retry-budget\":\"0\"", t -> t.retriesLeft() == 0);
    echo.answer =
        text -> {
          throw Rejection.unavailable("BUSY", "never", Duration.ZERO);
        };

    EchoServiceBlockingStub patient = stub().withDeadlineAfter(Duration.ofSeconds(50));
    assertThat(failure(() -> patient.read(REQUEST))).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(echo.calls).hasValue(1);
  }

  @Test
  void readsAreHedgedWhenTheRegistrySaysSo() {
    serve();
    connect();
    EchoServiceBlockingStub patient = stub().withDeadlineAfter(Duration.ofSeconds(50));
    // Each call adds half a hedge.
    say(
        "\"weft-hedge-after\":\"1ms\",\"weft-hedge-budget\":\"50\"",
        t -> t.hedgeAfter().isPresent());
    assertThat(treatment(PUT).hedgeAfter()).as("it has effects").isEmpty();
    await()
        .until(
            () -> {
              var _ = patient.read(REQUEST);
              return treatment(READ).hedgesLeft() >= 1;
            });
    echo.calls.set(0);
    echo.answer =
        text -> {
          if (echo.calls.get() == 1) {
            never.await();
          }
          return "the second";
        };

    assertThat(patient.read(REQUEST).getText()).isEqualTo("the second");
  }

  @Test
  void aWrongWordChangesNothingAndTheOthersAreHeard() {
    serve();
    connect();
    say("\"weft-timeout\":\"7s\",\"weft-attempts\":\"3\"", t -> t.timeout().toSeconds() == 7);

    say("\"weft-timeout\":\"7 s\",\"weft-attempts\":\"2\"", t -> t.retries() == 1);

    assertThat(treatment(READ).timeout()).isEqualTo(Duration.ofSeconds(7));
    say("\"weft-attempts\":\"4\"", t -> t.retries() == 3);
    assertThat(treatment(READ).timeout()).as("nobody says it").isEqualTo(Duration.ofSeconds(1));
  }
}
