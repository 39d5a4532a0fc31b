package dev.weft.order;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.weft.mesh.RemoteError;
import io.grpc.Status;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** Calls that have to be refused. */
final class Refused {
  private Refused() {}

  /** Makes the call and returns the refusal, after a look at its code and reason. */
  static RemoteError refused(Status.Code code, String reason, ThrowingCallable call) {
    Throwable thrown = catchThrowable(call);
    assertThat(thrown).as("the call should have been refused").isNotNull();
    RemoteError error =
        RemoteError.of(thrown).orElseThrow(() -> new AssertionError("no status", thrown));
    assertThat(error.code()).as(error.toString()).isEqualTo(code);
    assertThat(error.reason()).isEqualTo(reason);
    return error;
  }
}
