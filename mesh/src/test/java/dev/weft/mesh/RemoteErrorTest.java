package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RemoteErrorTest {
  @Test
  void isFoundAmongTheCauses() {
    Throwable thrown =
        new IllegalStateException(
            new ExecutionException(Status.NOT_FOUND.withDescription("gone").asException()));

    assertThat(RemoteError.of(thrown))
        .hasValueSatisfying(
            error -> {
              assertThat(error.code()).isEqualTo(Status.Code.NOT_FOUND);
              assertThat(error.message()).isEqualTo("gone");
              assertThat(error.reason()).isEmpty();
              assertThat(error.domain()).isEmpty();
            });
    assertThat(RemoteError.of(new IllegalStateException())).isEqualTo(Optional.empty());
    assertThat(RemoteError.of(null)).isEqualTo(Optional.empty());
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      names = {"CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "INTERNAL", "DATA_LOSS", "UNAVAILABLE"})
  void nobodyKnowsWhatBecameOfACallThatBroke(Status.Code code) {
    assertThat(RemoteError.of(code.toStatus(), null).outcomeUnknown()).isTrue();
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      names = {
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "UNAUTHENTICATED"
      })
  void aRefusalIsDefinite(Status.Code code) {
    assertThat(RemoteError.of(code.toStatus(), null).outcomeUnknown()).isFalse();
  }

  @Test
  void aServiceIsAwayIfItIsItselfThatIsUnavailable() {
    Rejection busy = Rejection.unavailable("DATABASE_UNAVAILABLE", "no", Duration.ofSeconds(1));
    Rejection card = Rejection.unavailable("CARD_UNAVAILABLE", "no", Duration.ofSeconds(1));

    assertThat(RemoteError.of(Status.UNAVAILABLE, null).away()).isTrue();
    assertThat(RemoteError.of(Status.UNAVAILABLE, ErrorDetails.trailers("a.weft", busy)).away())
        .isTrue();
    assertThat(
            RemoteError.of(
                    Status.UNAVAILABLE,
                    ErrorDetails.trailers("a.weft", card.causedBy("card-network")))
                .away())
        .isFalse();
    assertThat(RemoteError.of(Status.DEADLINE_EXCEEDED, null).away()).isFalse();
  }

  @Test
  void aRefusalForWantOfRoomIsDefiniteOnlyWithAReason() {
    Status status = Status.RESOURCE_EXHAUSTED;

    assertThat(RemoteError.of(status, null).outcomeUnknown()).isTrue();
    assertThat(
            RemoteError.of(status, ErrorDetails.trailers("a", status.getCode(), "slow down"))
                .outcomeUnknown())
        .isFalse();
  }

  @Test
  void detailsThatNobodyCanReadSayNothing() {
    Metadata trailers = new Metadata();
    trailers.put(
        Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER),
        new byte[] {(byte) 0xff, 1, 2});

    RemoteError error = RemoteError.of(Status.ABORTED, trailers);

    assertThat(error.code()).isEqualTo(Status.Code.ABORTED);
    assertThat(error.reason()).isEmpty();
  }

  @Test
  void aTimeThatIsTooLongForAnyIsNotSaid() {
    RetryInfo beyond =
        RetryInfo.newBuilder()
            .setRetryDelay(
                com.google.protobuf.Duration.newBuilder()
                    .setSeconds(Long.MAX_VALUE)
                    .setNanos(Integer.MAX_VALUE))
            .build();
    Metadata trailers =
        ErrorDetails.trailers(
            com.google.rpc.Status.newBuilder().addDetails(Any.pack(beyond)).build());

    RemoteError error = RemoteError.of(Status.UNAVAILABLE, trailers);

    assertThat(error.code()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(error.retryAfter()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a", "lower_case", "WITH SPACE", "_LEADING", "TRAILING_"})
  void aReasonIsOfTheFormThatContractsUse(String reason) {
    assertThatThrownBy(() -> Rejection.notFound(reason, "message"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("UPPER_SNAKE");
  }

  @Test
  void anInvalidRequestHasAWrongField() {
    assertThatThrownBy(() -> Rejection.invalid(List.of()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
