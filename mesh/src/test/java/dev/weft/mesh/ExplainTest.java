package dev.weft.mesh;

import static dev.weft.mesh.Chains.chain;
import static dev.weft.mesh.Chains.resolver;
import static dev.weft.mesh.Chains.route;
import static dev.weft.mesh.Chains.router;
import static dev.weft.mesh.Chains.splitter;
import static dev.weft.mesh.Chains.target;
import static dev.weft.mesh.Chains.version;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.Explanation.Endpoint;
import dev.weft.mesh.Explanation.Place;
import dev.weft.mesh.Explanation.Question;
import dev.weft.mesh.Explanation.Route;
import dev.weft.mesh.Explanation.Routes;
import dev.weft.mesh.Explanation.Share;
import dev.weft.mesh.Explanation.Shares;
import dev.weft.mesh.Meshes.Instance;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import dev.weft.mesh.test.EchoServiceGrpc.EchoServiceBlockingStub;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is said about calls, beside where they really go, over real connections. */
@Timeout(60)
class ExplainTest {
  private static final String SERVICE = "echo-svc";
  private static final String READ = "weft.test.v1.EchoService/Read";
  private static final String WRITE = "weft.test.v1.EchoService/Write";
  private static final String WATCH = "weft.test.v1.EchoService/Watch";
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final String SPLIT_OR_CANARY =
      chain(
          "router",
          List.of(
              router(
                  "router",
                  route("\"PathPrefix\":\"/\",\"Methods\":[\"GET\"]", "", "resolver:v2"),
                  route(
                      "\"PathPrefix\":\"/\",\"Header\":[{\"Name\":\"x-canary\",\"Present\":true}]",
                      "",
                      "resolver:v2"),
                  route("\"PathPrefix\":\"/\"", "", "splitter")),
              splitter("splitter", "v1", 75, "v2", 25),
              resolver("v1"),
              resolver("v2")),
          version("v1"),
          version("v2"));

  private final Meshes meshes = new Meshes();
  private @Nullable Mesh caller;

  @AfterEach
  void close() {
    meshes.close();
  }

  /** Opened when the registry says what a test wants it to say. */
  private Mesh caller() {
    Mesh mesh = caller;
    if (mesh == null) {
      mesh = meshes.open("caller-svc");
      caller = mesh;
    }
    return mesh;
  }

  private EchoServiceBlockingStub stub() {
    return EchoServiceGrpc.newBlockingStub(caller().channel(SERVICE))
        .withDeadlineAfter(50, TimeUnit.SECONDS);
  }

  private static Metadata headers(String... namesAndValues) {
    Metadata headers = new Metadata();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      headers.put(
          Metadata.Key.of(namesAndValues[i], Metadata.ASCII_STRING_MARSHALLER),
          namesAndValues[i + 1]);
    }
    return headers;
  }

  private Explanation explain(Metadata headers, double draw) {
    return caller().explain(new Question(SERVICE, READ, headers, "", OptionalDouble.of(draw)));
  }

  private static Place taken(Explanation explanation) {
    List<Place> taken = explanation.places().stream().filter(Place::taken).toList();
    assertThat(taken).hasSize(1);
    return taken.getFirst();
  }

  private static Endpoint at(Place place, Instance instance) {
    return place.endpoints().stream()
        .filter(endpoint -> endpoint.address().equals(instance.address()))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void saysWhichRouteHasACallAndWhyTheOthersHaveNot() {
    meshes.echo(SERVICE, "v1");
    meshes.echo(SERVICE, "v2");
    meshes.consul.chain(SERVICE, SPLIT_OR_CANARY);
    assertThat(stub().read(REQUEST).getText()).isEqualTo("a");

    Explanation canary = explain(headers("x-canary", "yes"), 0);
    assertThat(canary.known()).isTrue();
    assertThat(canary.protocol()).isEqualTo("grpc");
    assertThat(canary.steps()).hasSize(1);
    assertThat(((Routes) canary.steps().getFirst()).tried())
        .containsExactly(
            new Route("path /… and method GET", false, "a call of gRPC is a POST"),
            new Route("path /… and header x-canary", true, ""),
            new Route("path /…", false, "a route before it has the call"));
    assertThat(taken(canary).filter()).isEqualTo("Service.Meta.version == v2");

    Explanation other = explain(headers(), 74.9);
    assertThat(((Routes) other.steps().getFirst()).tried().get(1))
        .isEqualTo(new Route("path /… and header x-canary", false, "not so: header x-canary"));
    Shares shares = (Shares) other.steps().get(1);
    assertThat(shares.draw()).isCloseTo(74.9, offset(0.001));
    assertThat(shares.shares())
        .containsExactly(new Share(75, "resolver:v1", true), new Share(25, "resolver:v2", false));
    assertThat(taken(other).filter()).isEqualTo("Service.Meta.version == v1");
    assertThat(taken(explain(headers(), 75.1)).filter()).isEqualTo("Service.Meta.version == v2");
  }

  @Test
  void agreesWithWhereTheCallsGo() {
    List<Instance> instances = List.of(meshes.echo(SERVICE, "v1"), meshes.echo(SERVICE, "v2"));
    meshes.consul.chain(SERVICE, SPLIT_OR_CANARY);
    Metadata canary = headers("x-canary", "yes");
    var stub = stub().withInterceptors(MetadataUtils.newAttachHeadersInterceptor(canary));

    for (int i = 0; i < 5; i++) {
      assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
    }

    Place said = taken(caller().explain(SERVICE, READ, canary));
    for (Instance instance : instances) {
      assertThat(at(said, instance).whyNot().isEmpty()).isEqualTo(instance.calls() == 5);
    }
  }

  @Test
  void saysOfEachInstanceHowItIsAndWhyItIsNotCalled() {
    Instance well = meshes.echo(SERVICE, "v2");
    Instance old = meshes.echo(SERVICE, "v1");
    Instance ill = meshes.echo(SERVICE, "v2");
    meshes.consul.fail(ill.port());
    meshes.consul.put(SERVICE, "127.0.0.1", 1);
    meshes.consul.meta(1, "version", "v2");
    meshes.consul.chain(SERVICE, chain("resolver:v2", List.of(resolver("v2")), version("v2")));
    assertThat(stub().read(REQUEST).getText()).isEqualTo("a");
    await()
        .until(
            () ->
                taken(explain(headers(), 0)).endpoints().stream()
                    .anyMatch(one -> one.connection().equals("transient_failure")));

    Explanation explanation = explain(headers(), 0);
    Place place = taken(explanation);
    assertThat(place.endpoints()).hasSize(4);
    assertThat(at(place, well))
        .returns("", Endpoint::whyNot)
        .returns("v2", Endpoint::version)
        .returns("ready", Endpoint::connection)
        .returns(1, Endpoint::weight)
        .returns(false, Endpoint::ejected);
    assertThat(at(place, old).whyNot()).isEqualTo("the filter does not match it");
    assertThat(at(place, ill).whyNot()).isEqualTo("its checks fail");
    assertThat(place.endpoints())
        .filteredOn(one -> one.address().equals("127.0.0.1:1"))
        .singleElement()
        .satisfies(one -> assertThat(one.whyNot()).startsWith("no connection: "));
    assertThat(explanation.obstacles()).isEmpty();
  }

  @Test
  void saysWhyAPlaceIsPassedByAndWhenThereIsNobody() {
    Instance other = meshes.echo("other-svc");
    meshes.consul.chain(
        SERVICE,
        chain(
            "resolver:v1",
            List.of(resolver("v1", "other")),
            version("v1"),
            target("other", "other-svc", "dc1", "")));
    assertThat(stub().read(REQUEST).getText()).isEqualTo("a");

    Explanation explanation = explain(headers(), 0);

    assertThat(explanation.places())
        .extracting(Place::service, Place::taken, Place::whyNot)
        .containsExactly(
            tuple(SERVICE, false, "the registry has none of its instances to call"),
            tuple("other-svc", true, ""));
    meshes.consul.fail(other.port());
    await()
        .untilAsserted(
            () ->
                assertThat(explain(headers(), 0).obstacles())
                    .containsExactly("the registry has none of its instances to call"));
  }

  @Test
  void saysTheInstanceThatAKeyGoesTo() {
    List<Instance> instances =
        List.of(meshes.echo(SERVICE), meshes.echo(SERVICE), meshes.echo(SERVICE));
    meshes.consul.entry(
        "service-defaults",
        SERVICE,
        "\"Meta\":{\"weft-lb\":\"ring_hash\",\"weft-lb-hash\":\"header:x-user\"},");
    assertThat(stub().read(REQUEST).getText()).isEqualTo("a");
    await()
        .until(
            () -> {
              Place place = taken(explain(headers(), 0));
              return place.balancing() == LoadBalancing.RING_HASH
                  && place.endpoints().stream()
                          .filter(one -> one.connection().equals("ready"))
                          .count()
                      == 3;
            });
    instances.forEach(instance -> instance.echo().calls.set(0));
    Metadata ann = headers("x-user", "ann");

    assertThat(
            stub()
                .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(ann))
                .read(REQUEST)
                .getText())
        .isEqualTo("a");

    Place place = taken(explain(ann, 0));
    assertThat(place.balancing()).isEqualTo(LoadBalancing.RING_HASH);
    for (Instance instance : instances) {
      assertThat(at(place, instance).taken()).isEqualTo(instance.calls() == 1);
    }
    assertThat(taken(explain(headers(), 0)).endpoints()).noneMatch(Endpoint::taken);
  }

  @Test
  void saysWhatTheContractAndTheRouteSayOfItsTreatment() {
    meshes.echo(SERVICE);
    meshes.consul.chain(
        SERVICE,
        chain(
            "router",
            List.of(
                router(
                    "router",
                    route(
                        "\"PathExact\":\"/" + READ + "\"",
                        "\"RequestTimeout\":\"7s\",\"NumRetries\":3",
                        "resolver:t"),
                    route("\"PathPrefix\":\"/\"", "", "resolver:t")),
                resolver("t")),
            target("t", SERVICE, "dc1", "")));
    assertThat(stub().read(REQUEST).getText()).isEqualTo("a");
    assertThat(stub().write(REQUEST).getText()).isEqualTo("a");

    Explanation.Treatment read =
        caller().explain(SERVICE, READ, headers()).treatment().orElseThrow();
    assertThat(read.timeout()).isEqualTo(Duration.ofSeconds(7));
    assertThat(read.timeoutOfRoute()).isTrue();
    assertThat(read.repeatable()).isTrue();
    assertThat(read.retries()).isEqualTo(3);
    assertThat(read.retriesLeft()).isPositive();
    assertThat(read.inFlightMax()).isEqualTo(64);
    Explanation.Treatment write =
        caller().explain(SERVICE, WRITE, headers()).treatment().orElseThrow();
    assertThat(write.timeout()).isEqualTo(Duration.ofSeconds(1));
    assertThat(write.timeoutOfRoute()).isFalse();
    assertThat(write.retries()).isZero();
  }

  @Test
  void anOpenCircuitIsAnObstacle() {
    Instance instance = meshes.echo(SERVICE);
    instance.echo().answer =
        text -> {
          throw Rejection.unavailable("BUSY", "never", Duration.ZERO);
        };
    List<Throwable> failures = new ArrayList<>();
    await()
        .until(
            () -> {
              for (int i = 0; i < 25; i++) {
                failures.add(catchThrowable(() -> stub().write(REQUEST)));
              }
              return caller().circuit(SERVICE, WRITE) == CircuitState.OPEN;
            });

    Explanation explanation = caller().explain(SERVICE, WRITE, headers());

    assertThat(explanation.obstacles())
        .singleElement()
        .asString()
        .matches("the circuit is open, and refuses calls for \\d+ ms");
    CircuitReport circuit = explanation.circuit().orElseThrow();
    assertThat(circuit.state()).isEqualTo(CircuitState.OPEN);
    assertThat(circuit.openings()).isEqualTo(1);
    assertThat(circuit.refusesFor()).isPresent();
    assertThat(caller().circuits(SERVICE)).extracting(CircuitReport::method).containsExactly(WRITE);
    assertThat(caller().circuits("other-svc")).isEmpty();
    assertThat(failures).doesNotContainNull();
  }

  @Test
  void ofWhatWasNotCalledLittleIsKnown() {
    Explanation explanation = caller().explain(SERVICE, READ, headers());

    assertThat(explanation.steps()).isEmpty();
    assertThat(explanation.places()).hasSize(1);
    assertThat(explanation.circuit()).isEmpty();
    assertThat(explanation.caller()).isEqualTo("caller-svc");
    assertThat(explanation.intention()).as("this registry has none").isEqualTo(Optional.empty());
  }

  /** As an edge has it, which knows contracts at run time only. */
  @Test
  void ofAMethodWhoseContractTheCallerTellsAllIsKnownBeforeItIsCalled() {
    Instance one = meshes.echo(SERVICE);
    Instance other = meshes.echo(SERVICE);
    meshes.consul.entry("service-defaults", SERVICE, "\"Meta\":{\"weft-attempts\":\"4\"},");
    CallPolicy contract =
        new CallPolicy(Duration.ofSeconds(9), true, Duration.ofMinutes(1), Duration.ofMinutes(30));

    MethodDescriptor<?, ?> read = EchoServiceGrpc.getReadMethod();
    // It goes on without the registry's word if that takes a second.
    await()
        .until(
            () ->
                explained(read, contract, Optional.empty()).treatment().orElseThrow().retries()
                    == 3);
    Explanation explanation = explained(read, contract, Optional.empty());

    assertThat(at(taken(explanation), one).whyNot()).isEmpty();
    assertThat(at(taken(explanation), other).whyNot()).isEmpty();
    Explanation.Treatment treatment = explanation.treatment().orElseThrow();
    assertThat(treatment.timeout()).isEqualTo(Duration.ofSeconds(9));
    assertThat(explained(EchoServiceGrpc.getWatchMethod(), contract, Optional.empty()).treatment())
        .isEmpty();
    InstanceSet some = new InstanceSet();
    Place place = taken(explained(read, contract, Optional.of(some)));
    assertThat(at(place, one).whyNot()).isEqualTo("this channel is to others of the instances");
    assertThat(one.calls() + other.calls()).as("nothing is called").isZero();
  }

  private Explanation explained(
      MethodDescriptor<?, ?> method, CallPolicy contract, Optional<InstanceSet> some) {
    return caller().explain(SERVICE, method, contract, some, headers());
  }

  @Test
  void ofAStreamTheWayIsKnownAndNoTreatmentOfUnaryCalls() {
    meshes.echo(SERVICE);
    assertThat(stub().watch(REQUEST).next().getText()).isEqualTo("a");

    Explanation explanation = caller().explain(SERVICE, WATCH, headers());

    assertThat(taken(explanation).endpoints()).hasSize(1);
    assertThat(explanation.treatment()).isEmpty();
    assertThat(explanation.circuit()).isEmpty();
  }

  @Test
  void ofManyInstancesThoseThatAreCalledAreAmongTheHundredThatAreListed() {
    for (int port = 1; port <= 150; port++) {
      meshes.consul.put(SERVICE, "127.0.0.1", port);
      meshes.consul.fail(port);
    }
    Instance well = meshes.echo(SERVICE);
    assertThat(stub().read(REQUEST).getText()).isEqualTo("a");

    Place place = taken(caller().explain(SERVICE, READ, headers()));

    assertThat(place.endpoints()).hasSize(100);
    assertThat(place.endpoints().getFirst().address()).isEqualTo(well.address());
    assertThat(place.more()).isEqualTo(51);
  }

  @Test
  void refusesWhatIsNoQuestion() {
    assertThatThrownBy(() -> caller().explain(SERVICE, "Read", headers()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("method: Read (expected: package.Service/Method)");
    assertThatThrownBy(() -> explain(headers(), 100))
        .hasMessage("draw: 100.0 (expected: 0 to less than 100)");
  }
}
