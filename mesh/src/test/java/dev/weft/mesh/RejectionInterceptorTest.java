package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.BindableService;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

@Timeout(30)
class RejectionInterceptorTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final Metadata.Key<String> SECRET =
      Metadata.Key.of("secret", Metadata.ASCII_STRING_MARSHALLER);

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final ListAppender<ILoggingEvent> logged = new ListAppender<>();
  private final Logger log = (Logger) LoggerFactory.getLogger(RejectionInterceptor.class);
  private final List<Runnable> closing = new ArrayList<>();

  @BeforeEach
  void listen() {
    logged.start();
    log.addAppender(logged);
  }

  @AfterEach
  void close() {
    closing.reversed().forEach(Runnable::run);
    log.detachAppender(logged);
    threads.shutdownNow();
  }

  /** A stub of a service that does this with each call. */
  private EchoServiceGrpc.EchoServiceBlockingStub service(
      Consumer<StreamObserver<EchoResponse>> body) {
    BindableService service =
        new EchoServiceGrpc.EchoServiceImplBase() {
          @Override
          public void read(EchoRequest request, StreamObserver<EchoResponse> observer) {
            body.accept(observer);
          }

          @Override
          public void watch(EchoRequest request, StreamObserver<EchoResponse> observer) {
            body.accept(observer);
          }
        };
    String name = InProcessServerBuilder.generateName();
    try {
      Server server =
          InProcessServerBuilder.forName(name)
              .executor(threads)
              .addService(
                  ServerInterceptors.intercept(service, new RejectionInterceptor("echo-svc")))
              .build()
              .start();
      closing.add(server::shutdownNow);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    ManagedChannel channel = InProcessChannelBuilder.forName(name).build();
    closing.add(channel::shutdownNow);
    return EchoServiceGrpc.newBlockingStub(channel);
  }

  private StatusRuntimeException failureOf(Consumer<StreamObserver<EchoResponse>> body) {
    return (StatusRuntimeException) catchThrowable(() -> service(body).read(REQUEST));
  }

  private RemoteError errorOf(RuntimeException thrown) {
    return RemoteError.of(
            failureOf(
                _ -> {
                  throw thrown;
                }))
        .orElseThrow();
  }

  private static StatusRuntimeException of(String service, Status status) {
    Metadata trailers =
        ErrorDetails.trailers(service, status.getCode(), "what " + service + " said");
    trailers.put(SECRET, "x");
    return status.withDescription("what " + service + " said").asRuntimeException(trailers);
  }

  static Stream<Rejection> everyKind() {
    return Stream.of(
        Rejection.invalid("items[0].quantity", "must be at least 1"),
        Rejection.invalid(
            List.of(
                new Rejection.FieldViolation("a", "is wrong", "A_WRONG"),
                new Rejection.FieldViolation("b", "is wrong", "B_WRONG"))),
        Rejection.invalid("BAD_THING", new Rejection.FieldViolation("a", "is wrong")),
        Rejection.notFound("ORDER_NOT_FOUND", "no such order"),
        Rejection.alreadyExists("EMAIL_TAKEN", "there is an account"),
        Rejection.conflict("CHANGED", "it changed"),
        Rejection.notAllowedNow("NOT_YET", "not yet"),
        Rejection.tooMany("SLOW_DOWN", "too many", Duration.ofMillis(1_500)),
        Rejection.unauthenticated("WHO", "who is it"),
        Rejection.forbidden("NOT_YOU", "not you"),
        Rejection.unavailable("LATER", "later", Duration.ofSeconds(2)),
        Rejection.requestIdReused(),
        Rejection.requestInProgress(),
        Rejection.etagMismatch(),
        Rejection.wrongState("SHIPPED", "it is shipped").with("state", "SHIPPED"));
  }

  @ParameterizedTest
  @MethodSource("everyKind")
  void aRejectionArrivesWithEverythingItSays(Rejection rejection) {
    RemoteError error = errorOf(rejection);

    assertThat(error.code()).isEqualTo(rejection.code());
    assertThat(error.reason()).isEqualTo(rejection.reason());
    assertThat(error.domain()).isEqualTo("echo-svc.weft");
    assertThat(error.message()).isEqualTo(rejection.getMessage());
    assertThat(error.metadata()).isEqualTo(rejection.metadata());
    assertThat(error.retryAfter()).isEqualTo(rejection.retryAfter());
    assertThat(error.violations()).isEqualTo(rejection.violations());
    assertThat(logged.list).isEmpty();
  }

  @Test
  void theReadyMadeOnesSayTheirHttpStatus() {
    assertThat(
            Stream.of(
                    Rejection.requestIdReused(),
                    Rejection.requestInProgress(),
                    Rejection.etagMismatch(),
                    Rejection.wrongState("SHIPPED", "it is shipped"))
                .map(r -> r.code() + " " + r.reason() + " " + r.metadata()))
        .containsExactly(
            "INVALID_ARGUMENT IDEMPOTENCY_KEY_REUSED {http_status=422}",
            "ABORTED IDEMPOTENCY_IN_PROGRESS {http_status=409}",
            "ABORTED ETAG_MISMATCH {http_status=412}",
            "FAILED_PRECONDITION SHIPPED {http_status=409}");
    assertThat(Rejection.requestInProgress().retryAfter()).hasValue(Duration.ofSeconds(1));
  }

  @Test
  void aRejectionIsFoundAmongTheCauses() {
    assertThat(
            errorOf(new IllegalStateException(new RuntimeException(Rejection.etagMismatch())))
                .reason())
        .isEqualTo("ETAG_MISMATCH");
  }

  @Test
  void anythingElseIsInternalWithoutAWordOfItAndLoggedOnce() {
    StatusRuntimeException failure =
        failureOf(
            _ -> {
              throw new IllegalStateException("password=hunter2");
            });

    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.INTERNAL);
    assertThat(failure.getStatus().getDescription()).isEqualTo("internal error");
    assertThat(String.valueOf(failure.getTrailers())).doesNotContain("hunter2");
    assertThat(RemoteError.of(failure).orElseThrow().reason()).isEqualTo("INTERNAL");
    assertThat(logged.list)
        .singleElement()
        .satisfies(
            event -> {
              assertThat(event.getLevel()).isEqualTo(Level.ERROR);
              assertThat(event.getThrowableProxy().getMessage()).isEqualTo("password=hunter2");
            });
  }

  @Test
  void anErrorOfTheJvmIsAnsweredToo() {
    assertThat(
            failureOf(
                    _ -> {
                      throw new StackOverflowError();
                    })
                .getStatus()
                .getCode())
        .isEqualTo(Status.Code.INTERNAL);
  }

  @Test
  void whatIsHandedToOnErrorIsTreatedAlike() {
    assertThat(
            RemoteError.of(failureOf(o -> o.onError(Rejection.etagMismatch())))
                .orElseThrow()
                .reason())
        .isEqualTo("ETAG_MISMATCH");

    StatusRuntimeException bug =
        failureOf(o -> o.onError(new IllegalStateException("password=hunter2")));
    assertThat(bug.getStatus().getCode()).isEqualTo(Status.Code.INTERNAL);
    assertThat(bug.getStatus().getDescription()).isEqualTo("internal error");

    StatusRuntimeException remote =
        failureOf(o -> o.onError(of("other-svc", Status.INTERNAL.withCause(new Error()))));
    assertThat(remote.getStatus().getDescription()).isEqualTo("internal error");
    assertThat(remote.getTrailers().containsKey(SECRET)).isFalse();
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      names = {
        "NOT_FOUND",
        "INVALID_ARGUMENT",
        "FAILED_PRECONDITION",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED"
      })
  void anotherServicesStatusIsPassedOnWithItsDetailsAndNothingElse(Status.Code code) {
    StatusRuntimeException failure =
        failureOf(
            _ -> {
              throw of("other-svc", code.toStatus());
            });

    assertThat(failure.getStatus().getCode()).isEqualTo(code);
    assertThat(RemoteError.of(failure).orElseThrow().domain()).isEqualTo("other-svc.weft");
    assertThat(failure.getTrailers().containsKey(SECRET)).isFalse();
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      names = {"INTERNAL", "UNKNOWN", "DATA_LOSS", "UNAUTHENTICATED", "PERMISSION_DENIED"})
  void whatAnotherServiceSaidOfUsIsNotForTheCaller(Status.Code code) {
    RemoteError error = errorOf(of("other-svc", code.toStatus()));

    assertThat(error.code()).isEqualTo(Status.Code.INTERNAL);
    assertThat(error.message()).isEqualTo("internal error");
    assertThat(error.domain()).isEqualTo("echo-svc.weft");
    assertThat(logged.list).hasSize(1);
  }

  @Test
  void whatWasRetriedBelowIsNotRetriedAbove() {
    StatusRuntimeException failure =
        failureOf(
            _ -> {
              throw of("other-svc", Status.UNAVAILABLE);
            });

    assertThat(failure.getTrailers().get(RejectionInterceptor.PUSHBACK)).isEqualTo("-1");
  }

  @Test
  void whatAnotherServiceIsTheCauseOfIsNotRetriedAbove() {
    StatusRuntimeException failure =
        failureOf(
            _ -> {
              throw Rejection.unavailable("NO_STOCK", "no stock", Duration.ofSeconds(1))
                  .causedBy("stock-svc");
            });

    assertThat(failure.getTrailers().get(RejectionInterceptor.PUSHBACK)).isEqualTo("-1");
  }

  @Test
  void aStatusWithoutDetailsGetsThem() {
    assertThat(errorOf(Status.ABORTED.asRuntimeException()))
        .satisfies(
            error -> {
              assertThat(error.reason()).isEqualTo("ABORTED");
              assertThat(error.domain()).isEqualTo("echo-svc.weft");
            });
  }

  @ParameterizedTest
  @ValueSource(strings = {"08006", "57P01", "53300", "57014"})
  void aDatabaseThatIsAwayOrTooBusyIsUnavailable(String sqlState) {
    RemoteError error =
        errorOf(new IllegalStateException(new SQLException("db.internal:5432", sqlState)));

    assertThat(error.code()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(error.reason()).isEqualTo("DATABASE_UNAVAILABLE");
    assertThat(error.retryAfter()).isPresent();
    assertThat(error.message()).doesNotContain("db.internal");
  }

  @ParameterizedTest
  @ValueSource(strings = {"55P03", "40001", "40P01"})
  void dataThatOthersHoldIsNoFaultOfTheService(String sqlState) {
    RemoteError error =
        errorOf(new IllegalStateException(new SQLException("tuple (0,1) of stock", sqlState)));

    assertThat(error.code()).isEqualTo(Status.Code.ABORTED);
    assertThat(error.reason()).isEqualTo("DATA_BUSY");
    assertThat(error.retryAfter()).isPresent();
    assertThat(error.message()).doesNotContain("stock");
  }

  @Test
  void aPoolWithNothingLeftIsUnavailable() {
    assertThat(
            errorOf(new IllegalStateException(new SQLTransientConnectionException("timed out")))
                .reason())
        .isEqualTo("DATABASE_UNAVAILABLE");
  }

  @Test
  void anotherFailureOfTheDatabaseIsABug() {
    assertThat(errorOf(new IllegalStateException(new SQLException("orders_pkey", "23505"))).code())
        .isEqualTo(Status.Code.INTERNAL);
  }

  @Test
  void aThrowAfterTheFirstReplyEndsTheStream() {
    var replies =
        service(
                observer -> {
                  observer.onNext(EchoResponse.newBuilder().setText("1").build());
                  throw Rejection.notFound("GONE_NOW", "gone");
                })
            .watch(REQUEST);

    assertThat(replies.next().getText()).isEqualTo("1");
    assertThat(RemoteError.of(catchThrowable(replies::hasNext)).orElseThrow().reason())
        .isEqualTo("GONE_NOW");
  }

  @Test
  void aThrowAfterTheEndIsOnlyLogged() {
    EchoResponse reply =
        service(
                observer -> {
                  observer.onNext(EchoResponse.newBuilder().setText("1").build());
                  observer.onCompleted();
                  throw new IllegalStateException("too late");
                })
            .read(REQUEST);

    assertThat(reply.getText()).isEqualTo("1");
    await().untilAsserted(() -> assertThat(logged.list).hasSize(1));
  }

  @Test
  void detailsThatAreNoneAreLeftAside() {
    Metadata broken = new Metadata();
    broken.put(
        Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER),
        new byte[] {1, 2, 3});

    RemoteError error = errorOf(Status.NOT_FOUND.asRuntimeException(broken));

    assertThat(error.code()).isEqualTo(Status.Code.NOT_FOUND);
    assertThat(error.metadata()).isEqualTo(Map.of());
  }
}
