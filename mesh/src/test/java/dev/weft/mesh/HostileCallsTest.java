package dev.weft.mesh;

import static dev.weft.mesh.RawHttp2.NO_STATUS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.ListenableFuture;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.util.internal.PlatformDependent;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What no decent client sends, over real connections. */
@Timeout(30)
class HostileCallsTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final String READ = "weft.test.v1.EchoService/Read";

  private static final MethodDescriptor.Marshaller<byte[]> BYTES =
      new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(byte[] message) {
          return new ByteArrayInputStream(message);
        }

        @Override
        public byte[] parse(InputStream message) {
          try {
            return message.readAllBytes();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }
      };

  private static Held before;

  private final Meshes meshes = new Meshes();
  private final Echo echo = new Echo();
  private final Set<String> requestIds = ConcurrentHashMap.newKeySet();
  private MeshServer server;
  private ManagedChannel channel;
  private EchoServiceGrpc.EchoServiceBlockingStub stub;

  /** What this process has of what strangers can make grow. */
  private record Held(long threads, long heapBytes, long directBytes) {
    static Held now() {
      System.gc();
      return new Held(
          Thread.getAllStackTraces().size(),
          ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed(),
          PlatformDependent.usedDirectMemory());
    }
  }

  @BeforeAll
  static void look() {
    before = Held.now();
  }

  @AfterAll
  static void leaveNothingBehind() {
    await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(250))
        .untilAsserted(
            () -> {
              Held now = Held.now();
              // Pools that gRPC shares among all of a process, and classes.
              assertThat(now.threads).isLessThanOrEqualTo(before.threads + 12);
              assertThat(now.heapBytes).isLessThanOrEqualTo(before.heapBytes + (24L << 20));
              assertThat(now.directBytes).isLessThanOrEqualTo(before.directBytes + (48L << 20));
            });
  }

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
    "x-new, '\u00ff\u0080'",
    "x-new-bin, '***'",
    "x-new-bin, 'a'",
    "grpc-status-details-bin, '\u00ff'",
    "grpc-trace-bin, '!'",
    "grpc-timeout, 0n",
    "grpc-timeout, -1S",
    "grpc-timeout, 999999999S",
    "grpc-timeout, 1",
    "grpc-previous-rpc-attempts, 9999",
    "grpc-status, 0",
    "x-user-id, forged"
  })
  void aValueThatIsNoTextHarmsNobody(String name, String value) throws Exception {
    try (RawHttp2 raw = new RawHttp2(server.port())) {
      RawHttp2.End _ = raw.call(READ, name, value);
    }

    assertThat(requestIds).doesNotContain(value);
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
    assertThat(requestIds).contains("none");
  }

  /** Name, body with the five bytes before each message, encoding, status of gRPC. */
  static Stream<Arguments> frames() {
    return Stream.of(
        Arguments.of("more promised than sent", hex("000000000a0a0161"), "identity", 13),
        Arguments.of("half a prefix", hex("000000"), "identity", 13),
        Arguments.of("longer than a message may be", hex("0000400001"), "identity", 8),
        Arguments.of("longer than an int", hex("00ffffffff"), "identity", 8),
        Arguments.of("a flag of nothing", hex("0200000000"), "identity", 13),
        Arguments.of("compressed with nothing", hex("0100000000"), "identity", 13),
        Arguments.of("compressed and it is not", hex("01000000020a00"), "gzip", 3),
        Arguments.of("an unknown encoding", hex("0000000000"), "lzma", 12),
        Arguments.of("two messages for one", hex("00000000000000000000"), "identity", NO_STATUS),
        Arguments.of("a bomb", bomb(), "gzip", 8));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("frames")
  void aFrameThatIsNoneReachesNobody(String name, byte[] body, String encoding, int status)
      throws Exception {
    try (RawHttp2 raw = new RawHttp2(server.port())) {
      RawHttp2.End _ = raw.call(body, READ, "grpc-encoding", encoding);
      assertThat(raw.status()).isEqualTo(status);
    }

    assertThat(echo.calls).hasValue(0);
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
  }

  private static byte[] hex(String hex) {
    return HexFormat.of().parseHex(hex);
  }

  /** A message of two mebibytes in two kilobytes. */
  private static byte[] bomb() {
    ByteArrayOutputStream small = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(small)) {
      gzip.write(EchoRequest.newBuilder().setText("a".repeat(2 << 20)).build().toByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return ByteBuffer.allocate(5 + small.size())
        .put((byte) 1)
        .putInt(small.size())
        .put(small.toByteArray())
        .array();
  }

  static Stream<Arguments> noMessages() {
    return Stream.of(
        Arguments.of("a number of 11 bytes", hex("10" + "ff".repeat(10) + "01")),
        Arguments.of("a negative length", hex("0affffffff0f")),
        Arguments.of("a length beyond the end", hex("0a0561")),
        Arguments.of("half a tag", hex("ff")),
        Arguments.of("the field 0", hex("0001")),
        Arguments.of("a kind of field that there is not", hex("1601")),
        Arguments.of("the end of no group", hex("14")),
        Arguments.of("a group without an end", hex("13")),
        Arguments.of("text that is none", hex("0a01ff")),
        Arguments.of("101 groups", hex("13".repeat(101) + "14".repeat(101))),
        Arguments.of("200,000 groups", hex("13".repeat(200_000) + "14".repeat(200_000))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("noMessages")
  void bytesThatAreNoMessageReachNobody(String name, byte[] message) {
    assertThat(Status.fromThrowable(catchThrowable(() -> sent(message))).getCode())
        .isEqualTo(Status.Code.INVALID_ARGUMENT);

    assertThat(echo.calls).hasValue(0);
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
  }

  /**
   * What the format allows: of a field that comes twice the last counts, others are passed over.
   */
  @ParameterizedTest
  @MethodSource("oddMessages")
  void bytesThatAreAMessageAreReadAsTheFormatHasIt(byte[] message, String text) throws Exception {
    assertThat(EchoResponse.parseFrom(sent(message)).getText()).isEqualTo(text);
  }

  static Stream<Arguments> oddMessages() {
    return Stream.of(
        Arguments.of(hex(""), ""),
        Arguments.of(hex("0a01610a0162"), "b"),
        Arguments.of(hex("08010a0162"), "b"),
        Arguments.of(hex("1001".repeat(400_000) + "0a0163"), "c"),
        Arguments.of(hex("13".repeat(90) + "14".repeat(90) + "0a0164"), "d"));
  }

  private byte[] sent(byte[] message) {
    MethodDescriptor<byte[], byte[]> method =
        MethodDescriptor.newBuilder(BYTES, BYTES)
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName(READ)
            .build();
    return ClientCalls.blockingUnaryCall(
        channel, method, CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS), message);
  }

  @Test
  void callsThatNeverEndAreBoundedAndHinderNobody() throws Exception {
    try (RawHttp2 raw = new RawHttp2(server.port())) {
      raw.beginUntilRefused(READ, 2_100);

      assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
    }
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
    AtomicInteger left = new AtomicInteger();
    echo.answer =
        text -> {
          switch (text) {
            case "stays" -> release.await();
            case "leaves" -> {
              awaitCancellation();
              left.incrementAndGet();
            }
            default -> {}
          }
          return text;
        };
    var future = EchoServiceGrpc.newFutureStub(channel);
    EchoRequest stays = REQUEST.toBuilder().setText("stays").build();
    ListenableFuture<EchoResponse> first = future.read(stays);
    EchoRequest leaves = REQUEST.toBuilder().setText("leaves").build();
    // Not all at once, for which the server would have no room.
    for (int gone = 50; gone <= 500; gone += 50) {
      int all = gone;
      List<ListenableFuture<EchoResponse>> leaving =
          Stream.generate(() -> future.read(leaves)).limit(50).toList();
      await().until(() -> echo.calls.get() == all + 1);
      leaving.forEach(reply -> reply.cancel(true));
      await().until(() -> left.get() == all);
    }

    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
    release.countDown();

    assertThat(first.get(10, TimeUnit.SECONDS).getText()).isEqualTo("stays");
  }

  private static void awaitCancellation() throws InterruptedException {
    CountDownLatch cancelled = new CountDownLatch(1);
    Context.current().addListener(_ -> cancelled.countDown(), Runnable::run);
    cancelled.await();
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
