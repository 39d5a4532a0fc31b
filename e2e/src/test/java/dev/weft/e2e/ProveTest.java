package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.e2e.Command.Outcome;
import org.junit.jupiter.api.Test;

/** A slice of {@code ./weft prove}; the whole of it is a command of its own. */
@BesideSharedWeft
final class ProveTest {
  /**
   * Crashes of three processes: at the door, after the capture, and of a service that has handled
   * an event and not said so. CI has more of them on a line of its own.
   */
  private static final String SLICE =
      "accept/answered|capture/network-committed|money-owed/consumed";

  @Test
  void everyPromiseHoldsThroughCrashesAtChosenPoints() {
    Outcome proof = Command.weft("prove", "--cells", SLICE, "--seeds", "1");

    assertThat(proof.exitCode()).as(proof.all()).isZero();
    assertThat(proof.out())
        .contains("PROVED: every promise held.", "3 of 104 cells")
        .doesNotContain("BAD");
  }
}
