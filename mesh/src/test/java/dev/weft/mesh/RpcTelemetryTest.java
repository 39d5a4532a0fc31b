package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.stub.MetadataUtils;
import io.opentelemetry.api.baggage.Baggage;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.trace.data.SpanData;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class RpcTelemetryTest {
  private static final String READ = "weft.test.v1.EchoService/Read";
  private static final Metadata.Key<String> TRACEPARENT =
      Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);

  private final CapturedSpans spans = new CapturedSpans();
  private final Telemetry telemetry =
      Telemetry.open(
          new TelemetryConfig(
              "echo-svc",
              "1.2.3",
              true,
              Optional.empty(),
              Map.of(),
              new TelemetryConfig.TraceSampler(1, true),
              Map.of(),
              Duration.ofMinutes(1),
              Set.of("tenant")),
          List.of(spans));
  private final Echo echo = new Echo();
  private final Server server;
  private final ManagedChannel bare;
  private final Channel channel;

  RpcTelemetryTest() throws Exception {
    String name = InProcessServerBuilder.generateName();
    server =
        InProcessServerBuilder.forName(name)
            .executor(Executors.newVirtualThreadPerTaskExecutor())
            .addService(echo)
            .addService(new HealthStatusManager().getHealthService())
            .intercept(new RejectionInterceptor("echo-svc"))
            .intercept(telemetry.serverInterceptor())
            .build()
            .start();
    bare = InProcessChannelBuilder.forName(name).build();
    channel = ClientInterceptors.intercept(bare, telemetry.clientInterceptor("echo-svc"));
  }

  @AfterEach
  void close() {
    bare.shutdownNow();
    server.shutdownNow();
    telemetry.close();
  }

  private static EchoRequest request(String text) {
    return EchoRequest.newBuilder().setText(text).build();
  }

  private SpanData span(SpanKind kind, String name) {
    return await()
        .until(
            () ->
                spans.ended.stream()
                    .filter(s -> s.getKind() == kind && s.getName().equals(name))
                    .findFirst(),
            Optional::isPresent)
        .orElseThrow();
  }

  private String metrics() {
    return telemetry.exposition("").body();
  }

  @Test
  void bothSidesOfACallShareATraceAndAreNamedByTheirMethod() {
    EchoServiceGrpc.newBlockingStub(channel).read(request("x"));

    SpanData client = span(SpanKind.CLIENT, READ);
    SpanData served = span(SpanKind.SERVER, READ);
    assertThat(served.getTraceId()).isEqualTo(client.getTraceId());
    assertThat(served.getParentSpanId()).isEqualTo(client.getSpanId());
    assertThat(client.getAttributes().asMap())
        .containsOnly(
            Map.entry(RpcTelemetry.SYSTEM, "grpc"),
            Map.entry(RpcTelemetry.METHOD, READ),
            Map.entry(RpcTelemetry.SERVER_ADDRESS, "echo-svc"),
            Map.entry(RpcTelemetry.STATUS, "OK"));
    assertThat(served.getResource().getAttribute(AttributeKey.stringKey("service.name")))
        .isEqualTo("echo-svc");
  }

  @Test
  void aCallMadeWhileServingContinuesTheTraceAlsoFromAnotherThread() {
    echo.answer =
        text -> {
          if (text.equals("outer")) {
            EchoServiceGrpc.newBlockingStub(channel).put(request("inner"));
            CompletableFuture<Void> other = new CompletableFuture<>();
            Thread.ofVirtual()
                .start(
                    Context.current()
                        .wrap(
                            () -> {
                              EchoServiceGrpc.newBlockingStub(channel).write(request("inner"));
                              other.complete(null);
                            }));
            other.get(10, TimeUnit.SECONDS);
          }
          return text;
        };

    EchoServiceGrpc.newBlockingStub(channel).read(request("outer"));

    SpanData served = span(SpanKind.SERVER, READ);
    for (String method : List.of("Put", "Write")) {
      SpanData inner = span(SpanKind.CLIENT, "weft.test.v1.EchoService/" + method);
      assertThat(inner.getTraceId()).isEqualTo(served.getTraceId());
      assertThat(inner.getParentSpanId()).isEqualTo(served.getSpanId());
    }
  }

  @Test
  void theRequestIdTravelsAndOneThatIsUnfitDoesNot() {
    List<String> seen = new ArrayList<>();
    echo.answer =
        text -> {
          seen.add(RequestId.current().orElse("-"));
          if (text.equals("outer")) {
            EchoServiceGrpc.newBlockingStub(channel).put(request("inner"));
          }
          return text;
        };
    for (String id : List.of("req-1", "a b", "x".repeat(129), "${jndi:x}")) {
      Metadata headers = new Metadata();
      headers.put(RequestId.HEADER, id);
      EchoServiceGrpc.newBlockingStub(bare)
          .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
          .read(request("outer"));
    }

    assertThat(seen).containsExactly("req-1", "req-1", "-", "-", "-", "-", "-", "-");
  }

  @Test
  void aTraceParentThatIsNotOneBeginsANewTrace() {
    for (String hostile :
        List.of(
            "00-00000000000000000000000000000000-0000000000000000-01",
            "ff-x",
            "${jndi:x}",
            "0".repeat(5000))) {
      Metadata headers = new Metadata();
      headers.put(TRACEPARENT, hostile);
      EchoServiceGrpc.newBlockingStub(bare)
          .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
          .read(request("x"));
    }

    assertThat(spans.ended)
        .filteredOn(s -> s.getKind() == SpanKind.SERVER)
        .hasSize(4)
        .allSatisfy(
            s -> {
              assertThat(s.getParentSpanContext().isValid()).isFalse();
              assertThat(s.getSpanContext().isValid()).isTrue();
            });
  }

  @Test
  void aTraceParentIsFollowed() {
    Metadata headers = new Metadata();
    headers.put(TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    EchoServiceGrpc.newBlockingStub(bare)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
        .read(request("x"));

    assertThat(span(SpanKind.SERVER, READ).getTraceId())
        .isEqualTo("0af7651916cd43dd8448eb211c80319c");
    assertThat(span(SpanKind.SERVER, READ).getParentSpanId()).isEqualTo("b7ad6b7169203331");
  }

  @Test
  void onlyListedBaggageIsPassedOn() {
    List<Map<String, String>> seen = new ArrayList<>();
    echo.answer =
        text -> {
          Map<String, String> baggage = new HashMap<>();
          Baggage.current().forEach((key, entry) -> baggage.put(key, entry.getValue()));
          seen.add(baggage);
          return text;
        };
    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of("baggage", Metadata.ASCII_STRING_MARSHALLER), "tenant=a,secret=b");
    EchoServiceGrpc.newBlockingStub(bare)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
        .read(request("from outside"));
    try (Scope _ = Baggage.builder().put("tenant", "c").put("secret", "d").build().makeCurrent()) {
      EchoServiceGrpc.newBlockingStub(channel).read(request("from inside"));
    }

    assertThat(seen).containsExactly(Map.of("tenant", "a"), Map.of("tenant", "c"));
  }

  @Test
  void aRefusalIsAnErrorOfTheClientAndNotOfTheServer() {
    echo.answer =
        text -> {
          throw Rejection.notFound("ECHO_NOT_FOUND", "no such echo");
        };
    assertThatThrownBy(() -> EchoServiceGrpc.newBlockingStub(channel).read(request("x")))
        .isNotNull();

    assertThat(span(SpanKind.CLIENT, READ).getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
    assertThat(span(SpanKind.CLIENT, READ).getAttributes().get(RpcTelemetry.ERROR_TYPE))
        .isEqualTo("NOT_FOUND");
    assertThat(span(SpanKind.SERVER, READ).getStatus().getStatusCode()).isEqualTo(StatusCode.UNSET);
    assertThat(span(SpanKind.SERVER, READ).getAttributes().get(RpcTelemetry.STATUS))
        .isEqualTo("NOT_FOUND");
  }

  @Test
  void whatNobodyExpectedIsAnEventOfTheSpan() {
    echo.answer =
        text -> {
          throw new IllegalStateException("a bug");
        };
    assertThatThrownBy(() -> EchoServiceGrpc.newBlockingStub(channel).read(request("x")))
        .isNotNull();

    assertThat(span(SpanKind.SERVER, READ).getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
    assertThat(span(SpanKind.SERVER, READ).getEvents())
        .singleElement()
        .satisfies(
            event ->
                assertThat(event.getAttributes().get(AttributeKey.stringKey("exception.type")))
                    .isEqualTo("java.lang.IllegalStateException"));
    assertThat(span(SpanKind.CLIENT, READ).getEvents()).isEmpty();
  }

  @Test
  void durationsAreInSecondsWithTheConventionsNamesAndBuckets() {
    EchoServiceGrpc.newBlockingStub(channel).read(request("x"));
    echo.answer =
        text -> {
          throw new IllegalStateException("a bug");
        };
    assertThatThrownBy(() -> EchoServiceGrpc.newBlockingStub(channel).read(request("x")))
        .isNotNull();
    span(SpanKind.SERVER, READ);

    String labels =
        "rpc_method=\"weft.test.v1.EchoService/Read\",rpc_response_status_code=\"%s\",rpc_system_name=\"grpc\"";
    assertThat(metrics())
        .contains("# TYPE rpc_server_call_duration_seconds histogram")
        .contains(
            "rpc_server_call_duration_seconds_bucket{" + labels.formatted("OK") + ",le=\"0.005\"}")
        .contains("rpc_server_call_duration_seconds_count{" + labels.formatted("OK") + "} 1")
        .contains(
            "rpc_server_call_duration_seconds_count{error_type=\"INTERNAL\","
                + labels.formatted("INTERNAL")
                + "} 1")
        .contains(
            "rpc_client_call_duration_seconds_count{"
                + labels.formatted("OK")
                + ",server_address=\"echo-svc\"} 1")
        .contains("target_info{")
        .contains("service_name=\"echo-svc\"")
        .doesNotContain("otel_scope_name");
    for (String bound :
        List.of(
            "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5",
            "5.0", "7.5", "10.0", "+Inf")) {
      assertThat(metrics()).contains("le=\"" + bound + "\"");
    }
  }

  @Test
  void theJvmIsMeasuredToo() {
    assertThat(metrics())
        .contains("jvm_memory_used_bytes{")
        .contains("jvm_thread_count{")
        .contains("jvm_cpu_time_seconds_total ")
        .contains("process_memory_usage_bytes ")
        .contains("weft_jvm_gc_count_total{");
  }

  @Test
  void aCancelledCallIsCountedOnce() throws Exception {
    ClientCall<EchoRequest, ?> call =
        channel.newCall(EchoServiceGrpc.getWatchMethod(), CallOptions.DEFAULT);
    start(call);
    call.sendMessage(request("x"));
    call.halfClose();
    call.request(2);
    assertThat(echo.watchers.poll(10, TimeUnit.SECONDS)).isNotNull();
    call.cancel("enough", null);

    String watch = "weft.test.v1.EchoService/Watch";
    assertThat(span(SpanKind.SERVER, watch).getAttributes().get(RpcTelemetry.STATUS))
        .isEqualTo("CANCELLED");
    assertThat(span(SpanKind.CLIENT, watch).getAttributes().get(RpcTelemetry.STATUS))
        .isEqualTo("CANCELLED");
    assertThat(metrics().lines().filter(line -> line.contains(watch) && line.contains("_count")))
        .hasSize(2)
        .allMatch(line -> line.contains("CANCELLED") && line.endsWith(" 1"));
  }

  private static <P> void start(ClientCall<?, P> call) {
    call.start(new ClientCall.Listener<>() {}, new Metadata());
  }

  @Test
  void methodsBeyondTheBoundShareOneName() {
    MethodDescriptor<EchoRequest, ?> read = EchoServiceGrpc.getReadMethod();
    for (int i = 0; i < RpcTelemetry.MAX_METHODS + 50; i++) {
      ClientCall<EchoRequest, ?> call =
          channel.newCall(
              read.toBuilder().setFullMethodName("x.Y/Method" + i).build(), CallOptions.DEFAULT);
      start(call);
      call.cancel("enough", null);
    }

    // Whether the server's answer or the cancellation comes first does not matter here.
    await().untilAsserted(() -> assertThat(countsOf("_OTHER")).isEqualTo(50));
    assertThat(
            metrics()
                .lines()
                .filter(line -> line.startsWith("rpc_client_call_duration_seconds_count"))
                .map(line -> line.replaceAll(".*rpc_method=\"([^\"]*)\".*", "$1"))
                .distinct())
        .hasSize(RpcTelemetry.MAX_METHODS + 1);
  }

  private double countsOf(String method) {
    return metrics()
        .lines()
        .filter(line -> line.startsWith("rpc_client_call_duration_seconds_count"))
        .filter(line -> line.contains("rpc_method=\"" + method + "\""))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }

  @Test
  void probesAreMeasuredButNotTraced() {
    HealthGrpc.newBlockingStub(channel).check(HealthCheckRequest.getDefaultInstance());

    assertThat(metrics()).contains("rpc_method=\"grpc.health.v1.Health/Check\"");
    assertThat(spans.ended).isEmpty();
  }

  @Test
  void aDisabledTelemetryStillPassesTracesOn() throws Exception {
    TelemetryConfig off =
        TelemetryConfig.from(Env.of(Map.of("OTEL_SDK_DISABLED", "true")), "a", "1");
    try (Telemetry none = Telemetry.open(off)) {
      String name = InProcessServerBuilder.generateName();
      Echo behind = new Echo();
      Server relay =
          InProcessServerBuilder.forName(name)
              .addService(behind)
              .intercept(none.serverInterceptor())
              .build()
              .start();
      Channel through = ClientInterceptors.intercept(bare, none.clientInterceptor("echo-svc"));
      behind.answer =
          text -> EchoServiceGrpc.newBlockingStub(through).read(request(text)).getText();
      ManagedChannel toRelay = InProcessChannelBuilder.forName(name).build();
      Metadata headers = new Metadata();
      headers.put(TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
      EchoServiceGrpc.newBlockingStub(toRelay)
          .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
          .read(request("x"));
      toRelay.shutdownNow();
      relay.shutdownNow();

      assertThat(span(SpanKind.SERVER, READ).getTraceId())
          .isEqualTo("0af7651916cd43dd8448eb211c80319c");
      assertThat(none.exposition("").body()).isEmpty();
    }
  }

  @Test
  void aCallThatWasNeverServedIsMeasuredByItsClient() {
    server.shutdownNow();
    Throwable thrown =
        catchThrowable(() -> EchoServiceGrpc.newBlockingStub(channel).read(request("x")));

    assertThat(Status.fromThrowable(thrown).getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(metrics()).contains("error_type=\"UNAVAILABLE\"");
  }
}
