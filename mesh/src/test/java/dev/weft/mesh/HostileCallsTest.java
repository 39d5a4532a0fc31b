package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.ListenableFuture;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What no decent client sends, over real connections. */
@Timeout(30)
class HostileCallsTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final String READ = "weft.test.v1.EchoService/Read";

  private final Meshes meshes = new Meshes();
  private final Echo echo = new Echo();
  private final Set<String> requestIds = ConcurrentHashMap.newKeySet();
  private MeshServer server;
  private ManagedChannel channel;
  private EchoServiceGrpc.EchoServiceBlockingStub stub;

  @BeforeEach
  void open() {
    Mesh mesh = meshes.open("echo-svc");
    echo.answer =
        text -> {
          requestIds.add(RequestId.current().orElse("none"));
          return text;
        };
    server = mesh.server(echo);
    server.start();
    channel = mesh.instanceChannel("echo-svc", "127.0.0.1", server.port());
    stub = EchoServiceGrpc.newBlockingStub(channel).withDeadlineAfter(20, TimeUnit.SECONDS);
  }

  @AfterEach
  void close() throws InterruptedException {
    channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    meshes.close();
  }

  private EchoServiceGrpc.EchoServiceBlockingStub with(Metadata headers) {
    return EchoServiceGrpc.newBlockingStub(
            ClientInterceptors.intercept(
                channel, MetadataUtils.newAttachHeadersInterceptor(headers)))
        .withDeadlineAfter(20, TimeUnit.SECONDS);
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  @Test
  void oneHugeHeaderIsRefusedAndTheConnectionServesOn() {
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
    Metadata headers = new Metadata();
    headers.put(key("x-huge"), "x".repeat(9 * 1024));

    assertThat(catchThrowable(() -> with(headers).read(REQUEST))).isNotNull();

    assertThat(echo.calls).hasValue(1);
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void manyHeadersAreRefusedToo() {
    Metadata headers = new Metadata();
    for (int i = 0; i < 500; i++) {
      headers.put(key("x-" + i), "value");
    }

    assertThat(catchThrowable(() -> with(headers).read(REQUEST))).isNotNull();

    assertThat(echo.calls).hasValue(0);
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void aMessageLongerThanAMebibyteIsRefused() {
    EchoRequest huge = EchoRequest.newBuilder().setText("x".repeat(1024 * 1024)).build();

    Status status = Status.fromThrowable(catchThrowable(() -> stub.read(huge)));

    assertThat(status.getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(echo.calls).hasValue(0);
  }

  @ParameterizedTest
  @CsvSource({
    "x-request-id, 'a\0b'",
    "x-request-id, 'a\nb'",
    "x-request-id, 'a\u001b[31mb'",
    "authorization, 'Bearer a\0b'",
    "weft-service-token, 'a\0b'",
    "traceparent, '00-\0-\0-01'",
    "tracestate, '\0'",
    "baggage, 'a=\0'",
    "grpc-timeout, '\0'",
    "grpc-timeout, '99999999999999H'",
    "grpc-encoding, '\0'",
    "x-new, '\u00ff\u0080'"
  })
  void aValueThatIsNoTextHarmsNobody(String name, String value) throws Exception {
    try (RawHttp2 raw = new RawHttp2(server.port())) {
      RawHttp2.End _ = raw.call(READ, name, value);
    }

    assertThat(requestIds).doesNotContain(value);
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
    assertThat(requestIds).contains("none");
  }

  @Test
  void aRequestIdThatIsOneArrives() throws Exception {
    try (RawHttp2 raw = new RawHttp2(server.port())) {
      assertThat(raw.call(READ, "x-request-id", "abc-1")).isEqualTo(RawHttp2.End.ANSWERED);
    }

    assertThat(requestIds).containsExactly("abc-1");
  }

  @Test
  void everyConnectionIsToldTheLimits() throws Exception {
    try (RawHttp2 raw = new RawHttp2(server.port())) {
      assertThat(raw.settings())
          .as("MAX_CONCURRENT_STREAMS and MAX_HEADER_LIST_SIZE")
          .containsEntry(3, 2_000)
          .containsEntry(6, 8 * 1024);
    }
  }

  /** Many users share the connection between two services; some of them always leave. */
  @Test
  void manyWhoLeaveDoNotCostTheOthersTheirConnection() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    echo.answer =
        text -> {
          if (!text.equals("last")) {
            release.await();
          }
          return text;
        };
    var future = EchoServiceGrpc.newFutureStub(channel);
    ListenableFuture<EchoResponse> stays = future.read(REQUEST);
    List<ListenableFuture<EchoResponse>> leave =
        Stream.generate(() -> future.read(REQUEST)).limit(500).toList();
    await().until(() -> echo.calls.get() == 501);

    leave.forEach(reply -> reply.cancel(true));
    stub.read(REQUEST.toBuilder().setText("last").build());
    release.countDown();

    assertThat(stays.get(10, TimeUnit.SECONDS).getText()).isEqualTo("a");
  }

  @Test
  void aRefusalFitsIntoTheTrailersWhateverItSays() {
    List<Rejection.FieldViolation> violations =
        Collections.nCopies(200, new Rejection.FieldViolation("feld", "説明".repeat(400), "WRONG"));
    echo.answer =
        _ -> {
          throw Rejection.invalid(violations);
        };

    RemoteError error = RemoteError.of(catchThrowable(() -> stub.read(REQUEST))).orElseThrow();

    assertThat(error.code()).isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(error.violations()).hasSizeBetween(1, 199);

    echo.answer =
        _ -> {
          throw Rejection.unavailable("BUSY", "説".repeat(10_000), Duration.ofSeconds(1));
        };
    assertThat(RemoteError.of(catchThrowable(() -> stub.read(REQUEST))).orElseThrow().reason())
        .isEqualTo("BUSY");
  }
}
