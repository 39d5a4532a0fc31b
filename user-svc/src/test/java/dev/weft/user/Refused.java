package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.weft.mesh.RemoteError;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** Calls that have to be refused, or some of them. */
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

  /** Makes the call and returns {@code done}, or the reason for which it was refused. */
  static String outcome(Callable<?> call) {
    try {
      call.call();
      return "done";
    } catch (Exception e) {
      return RemoteError.of(e).orElseThrow(() -> new AssertionError("no status", e)).reason();
    }
  }

  /** Makes a call so many times at the same time. */
  static List<String> atOnce(int times, Callable<String> call) throws Exception {
    return atOnce(Collections.nCopies(times, call));
  }

  /** Makes calls at the same time, and returns their outcomes in their order. */
  static List<String> atOnce(List<Callable<String>> calls) throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<String> outcomes = new ArrayList<>();
      for (Future<String> one : threads.invokeAll(calls)) {
        outcomes.add(one.get());
      }
      return outcomes;
    }
  }
}
