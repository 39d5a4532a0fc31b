package dev.weft.user;

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
    RemoteError error = error(call);
    assertThat(error.code()).as(error.toString()).isEqualTo(code);
    assertThat(error.reason()).isEqualTo(reason);
    assertThat(error.domain()).isEqualTo("user-svc.weft");
    return error;
  }

  /** Makes the call and returns what became of it. */
  static RemoteError error(ThrowingCallable call) {
    Throwable thrown = catchThrowable(call);
    assertThat(thrown).as("the call should have been refused").isNotNull();
    return RemoteError.of(thrown).orElseThrow(() -> new AssertionError("no status", thrown));
  }
}
