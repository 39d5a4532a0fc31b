package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import dev.weft.admin.v1.AdminServiceGrpc;
import dev.weft.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import dev.weft.admin.v1.CallExplanation;
import dev.weft.admin.v1.CircuitStatus;
import dev.weft.admin.v1.ExplainCallRequest;
import dev.weft.admin.v1.Header;
import dev.weft.admin.v1.ListCircuitsRequest;
import dev.weft.admin.v1.ResetCircuitsRequest;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import dev.weft.mesh.test.EchoServiceGrpc.EchoServiceBlockingStub;
import io.grpc.BindableService;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What operators ask a process, over real connections, with keys. */
@Timeout(60)
class AdminServiceTest {
  private static final String READ = "weft.test.v1.EchoService/Read";
  private static final String WRITE = "weft.test.v1.EchoService/Write";
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final String ADMINS = "WEFT_ADMIN_CALLERS";

  @TempDir Path keys;
  private final FakeConsul consul = new FakeConsul();
  private final Echo echo = new Echo();
  private final List<Mesh> open = new ArrayList<>();

  @BeforeEach
  void start() {
    ServiceKeys.generate(keys, List.of("echo-svc", "order-svc", "payment-svc", "operator"));
    serve(open("echo-svc", Map.of()), "echo-svc", echo);
  }

  /** Until it is in the registry. */
  private void serve(Mesh mesh, String service, BindableService... services) {
    mesh.server(services).start();
    await().until(() -> consul.registration(service).isPresent());
  }

  @AfterEach
  void stop() {
    open.reversed().forEach(Mesh::close);
    consul.close();
  }

  private Mesh open(String service, Map<String, String> more) {
    Map<String, String> environment = new HashMap<>(more);
    environment.put("PORT", "0");
    environment.put("WEFT_MANAGEMENT_PORT", "0");
    environment.put("CONSUL_HTTP_ADDR", consul.config().address().toString());
    environment.put("WEFT_SERVICE_KEY_FILE", ServiceKeys.keyFile(keys, service).toString());
    environment.put("WEFT_SERVICE_KEYS_FILE", ServiceKeys.keysFile(keys).toString());
    environment.put("WEFT_ISSUER_WAIT", "PT0.001S");
    environment.put("WEFT_DRAIN_WAIT", "PT0.001S");
    environment.put("WEFT_TLS", "off");
    environment.put("OTEL_SDK_DISABLED", "true");
    Mesh mesh = Mesh.open(MeshConfig.from(Env.of(environment), service));
    open.add(mesh);
    return mesh;
  }

  /** One that serves, and lets the operator ask. */
  private Mesh served() {
    Mesh mesh = open("order-svc", Map.of(ADMINS, "operator"));
    serve(mesh, "order-svc");
    return mesh;
  }

  private static EchoServiceBlockingStub echoOf(Mesh caller) {
    return EchoServiceGrpc.newBlockingStub(caller.channel("echo-svc"))
        .withDeadlineAfter(25, TimeUnit.SECONDS);
  }

  private static AdminServiceBlockingStub admin(Channel channel) {
    return AdminServiceGrpc.newBlockingStub(channel).withDeadlineAfter(25, TimeUnit.SECONDS);
  }

  private AdminServiceBlockingStub as(String service) {
    return admin(open(service, Map.of()).channel("order-svc"));
  }

  private static ExplainCallRequest.Builder why(String method) {
    return ExplainCallRequest.newBuilder().setMethod(method);
  }

  /** Makes calls that fail until the circuit of their method is open. */
  private void failUntilOpen(Mesh caller, String method, Consumer<EchoServiceBlockingStub> call) {
    echo.answer =
        text -> {
          throw Rejection.unavailable("BUSY", "never", Duration.ZERO);
        };
    await()
        .until(
            () -> {
              for (int i = 0; i < 25; i++) {
                assertThat(catchThrowable(() -> call.accept(echoOf(caller)))).isNotNull();
              }
              return caller.circuit("echo-svc", method) == CircuitState.OPEN;
            });
    echo.answer = text -> text;
  }

  private static Status.Code refusal(Runnable call) {
    Throwable thrown = catchThrowable(call::run);
    assertThat(thrown).isInstanceOf(StatusRuntimeException.class);
    return ((StatusRuntimeException) thrown).getStatus().getCode();
  }

  @Test
  void tellsWhomItsConfigurationNamesAboutCallsThatItMakes() {
    Mesh order = served();
    assertThat(echoOf(order).read(REQUEST).getText()).isEqualTo("a");

    CallExplanation explanation = as("operator").explainCall(why(READ).build()).getExplanation();

    assertThat(explanation.getCaller()).isEqualTo("order-svc");
    assertThat(explanation.getService()).as("found by its method").isEqualTo("echo-svc");
    assertThat(explanation.getPlacesCount()).isEqualTo(1);
    assertThat(explanation.getPlaces(0).getBalancing()).isEqualTo("round_robin");
    assertThat(explanation.getPlaces(0).getEndpointsList())
        .singleElement()
        .satisfies(
            endpoint -> {
              assertThat(endpoint.getConnection()).isEqualTo("ready");
              assertThat(endpoint.getHealth()).isEqualTo("passing");
              assertThat(endpoint.getWhyNot()).isEmpty();
            });
    assertThat(explanation.getTreatment().getTimeout().getSeconds()).isEqualTo(1);
    assertThat(explanation.getTreatment().getRepeatable()).isTrue();
    assertThat(explanation.getCircuit().getState()).isEqualTo(CircuitStatus.State.STATE_CLOSED);
    assertThat(explanation.getObstaclesList()).isEmpty();
  }

  @Test
  void tellsNobodyElse() {
    serve(open("order-svc", Map.of()), "order-svc");
    AdminServiceBlockingStub operator = as("operator");

    assertThat(refusal(() -> operator.explainCall(why(READ).build())))
        .as("nobody is named by default")
        .isEqualTo(Status.Code.PERMISSION_DENIED);
    assertThat(refusal(() -> operator.listCircuits(ListCircuitsRequest.getDefaultInstance())))
        .isEqualTo(Status.Code.PERMISSION_DENIED);
    assertThat(
            refusal(
                () ->
                    operator.resetCircuits(
                        ResetCircuitsRequest.newBuilder().setService("echo-svc").build())))
        .isEqualTo(Status.Code.PERMISSION_DENIED);
  }

  @Test
  void tellsNoOtherServiceAndNoStranger() {
    served();

    assertThat(refusal(() -> as("payment-svc").explainCall(why(READ).build())))
        .isEqualTo(Status.Code.PERMISSION_DENIED);
    Mesh own = open("operator", Map.of());
    ManagedChannel plain =
        own.instanceChannel(
            "order-svc", "127.0.0.1", own.consul().instances("order-svc").getFirst().port());
    try {
      assertThat(refusal(() -> admin(plain).explainCall(why(READ).build())))
          .isEqualTo(Status.Code.UNAUTHENTICATED);
    } finally {
      plain.shutdownNow();
    }
  }

  @Test
  void namesAreNamedEachByItself() {
    assertThat(AdminConfig.from(Env.of(Map.of(ADMINS, "operator, console"))).callers())
        .containsExactlyInAnyOrder("operator", "console");
    assertThat(AdminConfig.from(Env.of(Map.of())).callers()).isEmpty();
    assertThatThrownBy(() -> AdminConfig.from(Env.of(Map.of(ADMINS, "*"))))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("names of services with commas between, and no *");
  }

  @Test
  void explainsOnlyWhatIsCalledAlready() {
    Mesh order = served();
    AdminServiceBlockingStub operator = as("operator");

    assertThat(refusal(() -> operator.explainCall(why(READ).build())))
        .isEqualTo(Status.Code.NOT_FOUND);
    assertThat(refusal(() -> operator.explainCall(why(READ).setService("echo-svc").build())))
        .isEqualTo(Status.Code.NOT_FOUND);
    assertThat(refusal(() -> operator.explainCall(why("Read").build())))
        .isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(refusal(() -> operator.explainCall(why(READ).setDraw(100).build())))
        .isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(echoOf(order).read(REQUEST).getText()).isEqualTo("a");
    assertThat(
            refusal(
                () ->
                    operator.explainCall(
                        why(READ).addHeaders(Header.newBuilder().setName("x-bin: no")).build())))
        .isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(
            operator
                .explainCall(why(READ).setService("echo-svc").build())
                .getExplanation()
                .getMethod())
        .isEqualTo(READ);
  }

  @Test
  void closesCircuitsAndSaysBeforeWhichItWould() {
    Mesh order = served();
    AdminServiceBlockingStub operator = as("operator");
    failUntilOpen(order, WRITE, stub -> stub.write(REQUEST));
    ResetCircuitsRequest.Builder reset = ResetCircuitsRequest.newBuilder().setService("echo-svc");

    assertThat(
            operator
                .listCircuits(ListCircuitsRequest.newBuilder().setService("echo-svc").build())
                .getCircuitsList())
        .extracting(CircuitStatus::getMethod, CircuitStatus::getOpenings)
        .containsExactly(tuple(WRITE, 1L));
    assertThat(operator.resetCircuits(reset.setDryRun(true).build()).getCircuitsList())
        .extracting(CircuitStatus::getMethod)
        .containsExactly(WRITE);
    assertThat(order.circuit("echo-svc", WRITE)).isNotEqualTo(CircuitState.CLOSED);

    assertThat(operator.resetCircuits(reset.setDryRun(false).build()).getCircuitsCount())
        .isEqualTo(1);
    assertThat(order.circuit("echo-svc", WRITE)).isEqualTo(CircuitState.CLOSED);
    assertThat(echoOf(order).write(REQUEST).getText()).isEqualTo("a");
    assertThat(operator.resetCircuits(reset.build()).getCircuitsList()).isEmpty();
  }

  @Test
  void closesTheCircuitOfOneMethodAlone() {
    Mesh order = served();
    AdminServiceBlockingStub operator = as("operator");
    failUntilOpen(order, WRITE, stub -> stub.write(REQUEST));
    failUntilOpen(order, READ, stub -> stub.read(REQUEST));

    ResetCircuitsRequest request =
        ResetCircuitsRequest.newBuilder().setService("echo-svc").setMethod(WRITE).build();
    assertThat(operator.resetCircuits(request).getCircuitsList())
        .extracting(CircuitStatus::getMethod)
        .containsExactly(WRITE);

    assertThat(order.circuit("echo-svc", WRITE)).isEqualTo(CircuitState.CLOSED);
    assertThat(order.circuit("echo-svc", READ)).isNotEqualTo(CircuitState.CLOSED);
    assertThat(refusal(() -> operator.resetCircuits(ResetCircuitsRequest.getDefaultInstance())))
        .as("of no service")
        .isEqualTo(Status.Code.INVALID_ARGUMENT);
  }

  @Test
  void aProcessThatServesNothingElseHasAPortForIt() {
    Mesh silent = open("payment-svc", Map.of());
    assertThat(silent.adminServer()).isEmpty();
    Mesh edge = open("order-svc", Map.of(ADMINS, "operator"));
    AdminServer server = edge.adminServer().orElseThrow();
    assertThat(echoOf(edge).read(REQUEST).getText()).isEqualTo("a");
    Mesh operator = open("operator", Map.of());
    ManagedChannel transport = operator.instanceChannel("order-svc", "127.0.0.1", server.port());

    try {
      assertThat(
              admin(operator.channel("order-svc", transport))
                  .explainCall(why(READ).build())
                  .getExplanation()
                  .getService())
          .isEqualTo("echo-svc");
    } finally {
      transport.shutdownNow();
    }
  }
}
