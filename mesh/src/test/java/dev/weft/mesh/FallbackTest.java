package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.weft.mesh.test.AdviseRequest;
import dev.weft.mesh.test.AdviseResponse;
import dev.weft.mesh.test.FallbackServiceGrpc;
import dev.weft.mesh.test.FallbackServiceProto;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What a contract declares to be answered while its service cannot be asked. */
@Timeout(30)
class FallbackTest {
  private static final AdviseRequest REQUEST = AdviseRequest.getDefaultInstance();
  private static final AdviseResponse OWN = AdviseResponse.newBuilder().addAdvice("go").build();
  private static final AdviseResponse DECLARED =
      AdviseResponse.newBuilder().addAdvice("wait").build();

  private final Timer timer = new Timer();
  private final Circuits circuits = new Circuits("advice-svc", Circuit.Pause.DEFAULT, () -> {});
  private final Circuit circuit =
      circuits.of(FallbackServiceGrpc.getAdviseMethod().getFullMethodName());
  private final Adviser adviser = new Adviser();
  private final AtomicReference<Metadata> headers = new AtomicReference<>();
  private final AtomicReference<Metadata> trailers = new AtomicReference<>();
  private Server server;
  private ManagedChannel transport;
  private FallbackServiceGrpc.FallbackServiceBlockingStub stub;

  /** Answers as it is told to: with a status, or never. */
  private static final class Adviser extends FallbackServiceGrpc.FallbackServiceImplBase {
    final AtomicInteger calls = new AtomicInteger();
    volatile Status answer = Status.OK;
    volatile boolean silent;

    @Override
    public void advise(AdviseRequest request, StreamObserver<AdviseResponse> out) {
      calls.incrementAndGet();
      if (silent) {
        ((ServerCallStreamObserver<?>) out).setOnCancelHandler(() -> {});
      } else if (answer.isOk()) {
        out.onNext(OWN);
        out.onCompleted();
      } else {
        out.onError(answer.asRuntimeException());
      }
    }
  }

  @BeforeEach
  void open() throws IOException {
    String name = InProcessServerBuilder.generateName();
    server = InProcessServerBuilder.forName(name).addService(adviser).build().start();
    transport = InProcessChannelBuilder.forName(name).build();
    RetryBudget budget = new RetryBudget(System::nanoTime);
    stub =
        FallbackServiceGrpc.newBlockingStub(
            ClientInterceptors.interceptForward(
                transport,
                MetadataUtils.newCaptureMetadataInterceptor(headers, trailers),
                new ResilientUnaryInterceptor(
                    "advice-svc", circuits, budget, timer, System::nanoTime)));
  }

  @AfterEach
  void close() {
    transport.shutdownNow();
    server.shutdownNow();
    timer.close();
  }

  private Metadata said() {
    return Objects.requireNonNull(headers.get());
  }

  @Test
  void isNotSeenWhileTheServiceAnswers() {
    assertThat(stub.advise(REQUEST)).isEqualTo(OWN);
    assertThat(said().containsKey(CallPolicy.FALLBACK)).isFalse();
    assertThat(circuit.fallbacks()).isZero();
  }

  @Test
  void isAnsweredWhileTheServiceIsUnavailableAndSaysSo() {
    adviser.answer = Status.UNAVAILABLE;

    assertThat(stub.advise(REQUEST)).isEqualTo(DECLARED);
    assertThat(adviser.calls).as("it is tried again first").hasValue(2);
    assertThat(said().get(CallPolicy.FALLBACK)).isEqualTo("UNAVAILABLE");
    assertThat(circuit.fallbacks()).isEqualTo(1);
  }

  @Test
  void isAnsweredWhileTheCircuitIsOpenAndNobodyIsCalled() {
    circuit.breaker().open();

    assertThat(stub.advise(REQUEST)).isEqualTo(DECLARED);
    assertThat(adviser.calls).hasValue(0);
    assertThat(said().get(CallPolicy.FALLBACK)).isEqualTo("UNAVAILABLE");
  }

  @Test
  void isAnsweredWhenTheTimeIsOver() {
    adviser.silent = true;

    assertThat(stub.withDeadlineAfter(100, TimeUnit.MILLISECONDS).advise(REQUEST))
        .isEqualTo(DECLARED);
    assertThat(said().get(CallPolicy.FALLBACK)).isEqualTo("DEADLINE_EXCEEDED");
  }

  @Test
  void isAFailureToTheCircuit() {
    adviser.answer = Status.UNAVAILABLE;

    for (int i = 0; i < 20; i++) {
      assertThat(stub.advise(REQUEST)).isEqualTo(DECLARED);
    }

    assertThat(circuit.isOpen()).isTrue();
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      mode = EnumSource.Mode.EXCLUDE,
      names = {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"})
  void hidesNothingElse(Status.Code code) {
    adviser.answer = code.toStatus();

    assertThat(
            catchThrowableOfType(StatusRuntimeException.class, () -> stub.advise(REQUEST))
                .getStatus()
                .getCode())
        .isEqualTo(code);
    assertThat(circuit.fallbacks()).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "Act,has effects or streams",
    "Follow,has effects or streams",
    "Mistake,a weft.test.v1.AdviseResponse (expected: weft.test.v1.MistakeResponse)",
    "Torn,no weft.test.v1.TornResponse",
  })
  void isRefusedWhereItCannotBe(String method, String why) {
    assertThatThrownBy(
            () ->
                CallPolicy.of(
                    FallbackServiceProto.getDescriptor()
                        .findServiceByName("FallbackService")
                        .findMethodByName(method)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("fallback: ")
        .hasMessageContaining(why);
  }
}
