package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.MethodOptions;
import com.google.protobuf.DescriptorProtos.MethodOptions.IdempotencyLevel;
import com.google.protobuf.Message;
import dev.weft.edge.advice.AdviceGrpc;
import dev.weft.edge.advice.AdviceProto;
import dev.weft.edge.advice.AdviseRequest;
import dev.weft.edge.advice.AdviseResponse;
import dev.weft.edge.advice.ConfideRequest;
import dev.weft.edge.advice.ConfideResponse;
import dev.weft.edge.advice.RecallRequest;
import dev.weft.edge.advice.RecallResponse;
import dev.weft.edge.advice.Tip;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What contracts declare to be answered while a service cannot be asked, through a whole edge. */
@Timeout(60)
class FallbackTest {
  private static final String TIP = "{\"text\":\"wait\"}";
  private static final String NONE = "{\"tip\":{\"text\":\"none\"}}";
  private static final String UNAVAILABLE =
      "weft; error=destination_unavailable; details=\"fallback\"";

  private final AtomicLong clock = new AtomicLong();
  private final Adviser adviser = new Adviser();
  private EdgeFixture fixture;
  private TestBackend backend;

  /** Answers as it is told to: with a status, or never. */
  private static final class Adviser extends AdviceGrpc.AdviceImplBase {
    volatile Status answer = Status.OK;
    volatile boolean silent;

    @Override
    public void advise(AdviseRequest request, StreamObserver<AdviseResponse> out) {
      answer(out, AdviseResponse.newBuilder().setTip(Tip.newBuilder().setText("go")).build());
    }

    @Override
    public void recall(RecallRequest request, StreamObserver<RecallResponse> out) {
      answer(out, RecallResponse.newBuilder().setTip(Tip.newBuilder().setText("go")).build());
    }

    @Override
    public void confide(ConfideRequest request, StreamObserver<ConfideResponse> out) {
      answer(out, ConfideResponse.newBuilder().setTip(Tip.newBuilder().setText("go")).build());
    }

    private <T extends Message> void answer(StreamObserver<T> out, T message) {
      if (silent) {
        ((ServerCallStreamObserver<?>) out).setOnCancelHandler(() -> {});
      } else if (answer.isOk()) {
        out.onNext(message);
        out.onCompleted();
      } else {
        out.onError(answer.asRuntimeException());
      }
    }
  }

  @BeforeEach
  void open() throws Exception {
    fixture = EdgeFixture.keeping(1 << 20, clock::get);
    backend = fixture.add("advice", adviser);
    await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> fixture.status("/advice") == 200);
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void isNotSeenWhileTheServiceAnswers() throws Exception {
    HttpResponse<String> answer = fixture.get("/advice");

    assertThat(answer.body()).isEqualTo("{\"text\":\"go\"}");
    assertThat(header(answer, "proxy-status")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"GET", "POST"})
  void isAnsweredWhileTheServiceIsUnavailableAndSaysSo(String method) throws Exception {
    adviser.answer = Status.UNAVAILABLE;
    HttpResponse<String> answer =
        method.equals("GET") ? fixture.get("/advice") : fixture.post("/advice:ask", "{}");

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body()).isEqualTo(TIP);
    assertThat(header(answer, "proxy-status")).isEqualTo(UNAVAILABLE);
    assertThat(header(answer, "cache-control")).isEqualTo("no-store");
    assertThat(header(answer, "etag")).isEmpty();
  }

  @Test
  void isAnsweredWhenTheTimeIsOver() throws Exception {
    adviser.silent = true;
    HttpResponse<String> answer = fixture.get("/advice", "Grpc-Timeout", "100m");

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body()).isEqualTo(TIP);
    assertThat(header(answer, "proxy-status"))
        .isEqualTo("weft; error=http_response_timeout; details=\"fallback\"");
  }

  @Test
  void isAnsweredWhenTheServiceHasLeft() throws Exception {
    backend.close();
    await().until(() -> !header(fixture.get("/advice"), "proxy-status").isEmpty());

    assertThat(fixture.get("/advice").body()).isEqualTo(TIP);
    assertThat(fixture.get("/advice/last").body()).isEqualTo(NONE);
    assertThat(fixture.get("/advice/last", "Cache-Control", "no-store").body()).isEqualTo(NONE);
    assertThat(connect().body()).isEqualTo("{\"tip\":" + TIP + "}");
  }

  @Test
  void isAnsweredWhileTheCircuitIsOpen() throws Exception {
    adviser.answer = Status.UNAVAILABLE;
    await()
        .until(
            () -> {
              fixture.get("/advice");
              return fixture
                  .management("/metrics")
                  .body()
                  .lines()
                  .anyMatch(
                      line ->
                          line.startsWith("weft_rpc_client_circuit{")
                              && line.contains("advice.v1.Advice/Advise")
                              && line.endsWith(" 1.0"));
            });

    assertThat(fixture.get("/advice").body()).isEqualTo(TIP);
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      names = {"NOT_FOUND", "INTERNAL", "RESOURCE_EXHAUSTED", "PERMISSION_DENIED"})
  void hidesNothingElse(Status.Code code) throws Exception {
    adviser.answer = code.toStatus();

    assertThat(fixture.get("/advice").statusCode()).isGreaterThanOrEqualTo(400);
    assertThat(fixture.get("/advice/last").statusCode()).isGreaterThanOrEqualTo(400);
  }

  @Test
  void isForThoseOnlyWhoMayAsk() throws Exception {
    adviser.answer = Status.UNAVAILABLE;

    assertThat(fixture.get("/advice/mine").statusCode()).isEqualTo(401);
    assertThat(fixture.get("/advice?unknown=1").statusCode()).isEqualTo(400);
    assertThat(
            fixture.get("/advice/mine", "Authorization", "Bearer " + EdgeFixture.USER_TOKEN).body())
        .isEqualTo("{}");
  }

  @Test
  void comesAfterWhatIsKeptAndIsNotKeptItself() throws Exception {
    adviser.answer = Status.UNAVAILABLE;
    HttpResponse<String> declared = fixture.get("/advice/last");
    adviser.answer = Status.OK;
    HttpResponse<String> own = fixture.get("/advice/last");
    pass(30);
    adviser.answer = Status.UNAVAILABLE;
    HttpResponse<String> kept = fixture.get("/advice/last");
    pass(60);
    HttpResponse<String> again = fixture.get("/advice/last");

    assertThat(declared.body()).isEqualTo(NONE);
    assertThat(header(declared, "cache-control")).isEqualTo("no-store");
    assertThat(header(declared, "cache-status")).isEqualTo("weft; fwd=miss; fwd-status=503");
    assertThat(own.body()).isEqualTo("{\"tip\":{\"text\":\"go\"}}");
    assertThat(kept.body()).as("that is too old").isEqualTo(own.body());
    assertThat(header(kept, "proxy-status")).isEmpty();
    assertThat(again.body()).isEqualTo(NONE);
    assertThat(header(again, "proxy-status")).isEqualTo(UNAVAILABLE);
    assertThat(fixture.get("/advice/last", "Cache-Control", "only-if-cached").statusCode())
        .isEqualTo(504);
    await()
        .untilAsserted(
            () ->
                assertThat(fixture.management("/metrics").body().lines())
                    .anyMatch(
                        line ->
                            line.startsWith("weft_edge_cache_requests")
                                && line.contains("weft_cache_result=\"fallback\"")
                                && line.endsWith(" 2.0")));
  }

  @Test
  void isAnsweredToCallsByName() throws Exception {
    adviser.answer = Status.UNAVAILABLE;
    HttpResponse<String> json = connect();
    HttpResponse<String> get =
        fixture.get("/advice.v1.Advice/Recall?connect=v1&encoding=json&message=%7B%7D");
    HttpResponse<byte[]> web =
        fixture.client.send(
            HttpRequest.newBuilder(fixture.uri("/advice.v1.Advice/Advise"))
                .header("Content-Type", "application/grpc-web+proto")
                .POST(HttpRequest.BodyPublishers.ofByteArray(new byte[5]))
                .build(),
            HttpResponse.BodyHandlers.ofByteArray());

    assertThat(json.statusCode()).isEqualTo(200);
    assertThat(json.body()).isEqualTo("{\"tip\":" + TIP + "}");
    assertThat(header(json, "proxy-status")).isEqualTo(UNAVAILABLE);
    assertThat(get.body()).isEqualTo(NONE);
    assertThat(header(get, "cache-control")).isEqualTo("no-store");
    assertThat(new String(web.body(), ISO_8859_1)).contains("wait", "grpc-status: 0");
    assertThat(header(web, "proxy-status")).isEqualTo(UNAVAILABLE);
  }

  private HttpResponse<String> connect() throws Exception {
    return fixture.post("/advice.v1.Advice/Advise", "{}");
  }

  @ParameterizedTest
  @CsvSource({
    "advice.v1.RecallResponse,'',NO_SIDE_EFFECTS,a advice.v1.RecallResponse",
    "advice.v1.AdviseResponse,'',IDEMPOTENT,has effects",
    "advice.v1.AdviseResponse,0aff,NO_SIDE_EFFECTS,no advice.v1.AdviseResponse",
  })
  void servesNoMethodWhoseFallbackIsNone(
      String type, String hex, IdempotencyLevel level, String why) {
    ByteString value = ByteString.copyFrom(HexFormat.of().parseHex(hex));
    FileDescriptorProto.Builder file = AdviceProto.getDescriptor().toProto().toBuilder();
    MethodOptions.Builder options =
        file.getServiceBuilder(0).getMethodBuilder(0).getOptionsBuilder();
    MethodPolicy.Builder policy = options.getExtension(OptionsProto.method).toBuilder();
    policy.setFallback(Any.newBuilder().setTypeUrl("type.googleapis.com/" + type).setValue(value));
    options.setExtension(OptionsProto.method, policy.build()).setIdempotencyLevel(level);

    ServiceSchema schema =
        ServiceSchema.of(
            "advice",
            Contracts.changed(AdviceProto.getDescriptor(), file.build()),
            new Access.Public());

    assertThat(schema.skipped())
        .extracting(ServiceSchema.Skipped::rpc)
        .containsExactly("advice.v1.Advice.Advise");
    assertThat(schema.skipped().getFirst().why()).startsWith("fallback: ").contains(why);
    assertThat(schema.named()).hasSize(2);
  }

  private void pass(long seconds) {
    clock.addAndGet(Duration.ofSeconds(seconds).toNanos());
  }

  private static String header(HttpResponse<?> answer, String name) {
    return String.join(", ", answer.headers().map().getOrDefault(name, List.of()));
  }
}
