package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What counts against an instance; that it does so is in {@link RoutingTest}. */
class OutlierDetectionTest {
  private static final Set<Status.Code> FAILURES =
      Set.of(
          Status.Code.UNAVAILABLE,
          Status.Code.DEADLINE_EXCEEDED,
          Status.Code.INTERNAL,
          Status.Code.UNKNOWN);

  @ParameterizedTest
  @EnumSource(Status.Code.class)
  void onlyWhatTheInstanceIsToBlameForIsAFailureAndTheEndIsNotLost(Status.Code code) {
    Status judged = OutlierDetection.judged(code.toStatus());

    assertThat(!judged.isOk()).isEqualTo(FAILURES.contains(code));
    assertThat(OutlierDetection.end(judged).getCode()).isEqualTo(code);
  }
}
