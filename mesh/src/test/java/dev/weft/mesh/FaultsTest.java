package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.ListenableFuture;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class FaultsTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final Metadata.Key<String> TEST =
      Metadata.Key.of("x-test", Metadata.ASCII_STRING_MARSHALLER);

  private final Timer timer = new Timer();
  private final FaultRules rules = new FaultRules();
  private final AtomicInteger drawn = new AtomicInteger();
  private final Echo echo = new Echo();
  private final Echo shadow = new Echo();
  private final BlockingQueue<Metadata> mirrored = new LinkedBlockingQueue<>();
  private final List<Server> servers = new ArrayList<>();
  private final List<ManagedChannel> transports = new ArrayList<>();
  private Channel channel;
  private EchoServiceGrpc.EchoServiceBlockingStub stub;

  @BeforeEach
  void open() throws IOException {
    Channel toShadow = serve(shadow, new Recorder());
    channel =
        ClientInterceptors.interceptForward(
            serve(echo),
            new MirrorInterceptor("echo-svc", rules, _ -> toShadow, drawn::get),
            new FaultInterceptor("echo-svc", rules, timer, drawn::get));
    stub = EchoServiceGrpc.newBlockingStub(channel).withDeadlineAfter(25, TimeUnit.SECONDS);
  }

  @AfterEach
  void close() {
    transports.forEach(ManagedChannel::shutdownNow);
    servers.forEach(Server::shutdownNow);
    timer.close();
  }

  private Channel serve(Echo service, ServerInterceptor... interceptors) throws IOException {
    String name = InProcessServerBuilder.generateName();
    servers.add(
        InProcessServerBuilder.forName(name)
            .executor(timer.threads())
            .addService(ServerInterceptors.intercept(service, interceptors))
            .build()
            .start());
    ManagedChannel transport = InProcessChannelBuilder.forName(name).build();
    transports.add(transport);
    return transport;
  }

  private final class Recorder implements ServerInterceptor {
    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
      mirrored.add(headers);
      return next.startCall(call, headers);
    }
  }

  private void ask(String json) {
    rules.accept(Map.of("weft/faults/echo-svc", json));
  }

  private EchoServiceGrpc.EchoServiceBlockingStub marked(String value) {
    Metadata headers = new Metadata();
    headers.put(TEST, value);
    return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  @Test
  void nothingIsDoneUnlessItIsAskedFor() {
    rules.accept(
        Map.of("weft/faults/other-svc", "{\"abort\":{\"percent\":100,\"code\":\"INTERNAL\"}}"));

    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void abortsAShareOfTheCallsWithoutSendingThem() {
    ask("{\"abort\":{\"percent\":30,\"code\":\"UNAVAILABLE\"}}");
    drawn.set(29);

    RemoteError error = RemoteError.of(catchThrowable(() -> stub.read(REQUEST))).orElseThrow();

    assertThat(error.code()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(error.reason()).isEqualTo("FAULT_INJECTED");
    assertThat(error.domain()).as("no circuit counts it").isEqualTo("mesh.weft");
    assertThat(echo.calls).hasValue(0);
    drawn.set(30);
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
  }

  /** Clients refuse details whose code is another than that of the call. */
  @Test
  void anAbortSaysItsCodeInItsDetailsToo() {
    ask("{\"abort\":{\"percent\":100,\"code\":\"NOT_FOUND\"}}");

    StatusRuntimeException thrown =
        (StatusRuntimeException) catchThrowable(() -> stub.read(REQUEST));

    Metadata trailers = Objects.requireNonNull(thrown.getTrailers());
    com.google.rpc.Status details = Objects.requireNonNull(trailers.get(ErrorDetails.KEY));
    assertThat(details.getCode()).isEqualTo(Status.Code.NOT_FOUND.value());
    assertThat(thrown.getStatus().getCode()).isEqualTo(Status.Code.NOT_FOUND);
  }

  @Test
  void onlyCallsWithTheHeaderAreMeant() {
    ask("{\"match\":{\"x-test\":\"1\"},\"abort\":{\"percent\":100,\"code\":\"INTERNAL\"}}");

    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
    assertThat(marked("2").read(REQUEST).getText()).isEqualTo("a");
    assertThat(catchThrowable(() -> marked("1").read(REQUEST))).hasMessageContaining("INTERNAL");
  }

  @Test
  void aCallThatIsDelayedIsNotBegunBeforeAndCanBeCancelled() throws Exception {
    ask("{\"delay\":{\"percent\":100,\"millis\":1}}");
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");

    ask("{\"delay\":{\"percent\":100,\"millis\":60000}}");
    ListenableFuture<EchoResponse> late = EchoServiceGrpc.newFutureStub(channel).read(REQUEST);
    drawn.set(100);
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
    assertThat(late.isDone()).isFalse();
    assertThat(echo.calls).as("all but the late one").hasValue(2);
    late.cancel(true);
  }

  @Test
  void aCallIsMirroredAndItsCallerDoesNotHearOfIt() throws Exception {
    ask("{\"mirror\":{\"percent\":100,\"service\":\"shadow-svc\"}}");
    shadow.answer =
        _ -> {
          throw new IllegalStateException("broken");
        };

    assertThat(marked("1").read(REQUEST).getText()).isEqualTo("a");

    Metadata seen = mirrored.poll(20, TimeUnit.SECONDS);
    assertThat(seen.get(MirrorInterceptor.HEADER)).isEqualTo("1");
    assertThat(seen.get(TEST)).isEqualTo("1");
    await().until(() -> shadow.calls.get() == 1);
  }

  @Test
  void mirroredCallsAreBoundedAndHoldNobodyUp() throws Exception {
    ask("{\"mirror\":{\"percent\":100,\"service\":\"shadow-svc\"}}");
    CountDownLatch release = new CountDownLatch(1);
    shadow.answer =
        text -> {
          release.await();
          return text;
        };
    for (int i = 0; i < 3 * MirrorInterceptor.UNDER_WAY_MAX; i++) {
      assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
    }

    await().until(() -> shadow.calls.get() == MirrorInterceptor.UNDER_WAY_MAX);
    release.countDown();
    await()
        .until(
            () -> {
              stub.read(REQUEST);
              return shadow.calls.get() > MirrorInterceptor.UNDER_WAY_MAX;
            });
  }

  @Test
  void aMirroredCallThatCannotBeSentGivesItsPlaceBackOnce() throws Exception {
    ask("{\"mirror\":{\"percent\":100,\"service\":\"shadow-svc\"}}");
    MirrorInterceptor mirror =
        new MirrorInterceptor("echo-svc", rules, _ -> new Speechless(), drawn::get);
    var over =
        EchoServiceGrpc.newBlockingStub(ClientInterceptors.intercept(serve(echo), mirror))
            .withDeadlineAfter(25, TimeUnit.SECONDS);

    for (int i = 0; i < 5; i++) {
      assertThat(over.read(REQUEST).getText()).isEqualTo("a");
    }

    assertThat(mirror.underWay()).isZero();
  }

  /** To whom no message can be sent. */
  private static final class Speechless extends Channel {
    @Override
    public <Q, P> ClientCall<Q, P> newCall(MethodDescriptor<Q, P> method, CallOptions options) {
      return new ClientCall<>() {
        private @Nullable Listener<P> listener;

        @Override
        public void start(Listener<P> responseListener, Metadata headers) {
          listener = responseListener;
        }

        @Override
        public void request(int messages) {}

        @Override
        public void sendMessage(Q message) {
          throw new IllegalStateException("no words for it");
        }

        @Override
        public void halfClose() {}

        @Override
        public void cancel(@Nullable String message, @Nullable Throwable cause) {
          Objects.requireNonNull(listener).onClose(Status.CANCELLED, new Metadata());
        }
      };
    }

    @Override
    public String authority() {
      return "nowhere";
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "null",
        "",
        "{\"abort\":{\"percent\":100,\"code\":\"INTERNAL\"},\"also\":{}}",
        "{\"abort\":{\"percent\":101,\"code\":\"INTERNAL\"}}",
        "{\"abort\":{\"percent\":\"100\",\"code\":\"INTERNAL\"}}",
        "{\"abort\":{\"percent\":100,\"code\":\"OK\"}}",
        "{\"abort\":{\"percent\":100,\"code\":\"NONE\"}}",
        "{\"abort\":{\"percent\":100}}",
        "{\"abort\":null}",
        "{\"delay\":{\"percent\":100,\"millis\":60001}}",
        "{\"mirror\":{\"percent\":100,\"service\":\"\"}}",
        "{\"match\":{\"no name\":\"1\"},\"abort\":{\"percent\":100,\"code\":\"INTERNAL\"}}"
      })
  void whatIsWrittenWrongIsNotObeyed(String json) {
    ask("{\"abort\":{\"percent\":100,\"code\":\"INTERNAL\"}}");
    assertThat(catchThrowable(() -> stub.read(REQUEST))).isNotNull();

    ask(json);

    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void oneKeyThatIsNothingLeavesTheOthersAndTooManyKeysAreNone() {
    String abort = "{\"abort\":{\"percent\":100,\"code\":\"INTERNAL\"}}";
    rules.accept(Map.of("weft/faults/other-svc", "null", "weft/faults/echo-svc", abort));
    assertThat(catchThrowable(() -> stub.read(REQUEST))).isNotNull();

    Map<String, String> many = new HashMap<>();
    many.put("weft/faults/echo-svc", abort);
    for (int i = 0; i < FaultRules.KEYS_MAX; i++) {
      many.put("weft/faults/svc-" + i, abort);
    }
    rules.accept(many);
    assertThat(stub.read(REQUEST).getText()).isEqualTo("a");
  }

  @Test
  void theyHaveToBeAllowedAndNeverAreInProduction() {
    assertThat(FaultRules.areAllowed(Env.of(Map.of()))).isFalse();
    assertThat(FaultRules.areAllowed(Env.of(Map.of("WEFT_FAULTS", "allowed")))).isTrue();

    assertThatThrownBy(() -> FaultRules.areAllowed(Env.of(Map.of("WEFT_FAULTS", "yes"))))
        .isInstanceOf(ConfigException.class);
    assertThatThrownBy(
            () ->
                FaultRules.areAllowed(
                    Env.of(Map.of("WEFT_FAULTS", "allowed", "WEFT_PROFILE", "production"))))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("WEFT_FAULTS");
  }
}
