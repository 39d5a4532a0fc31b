package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** What cannot be proved is said before anything is started. */
final class ProveTest {
  private final StringWriter said = new StringWriter();

  @ParameterizedTest
  @ValueSource(strings = {"--cells=nonsense", "--cells=(", "--seeds=0", "--only=["})
  void refusesWhatChoosesNothing(String option) {
    assertThat(run(option)).isEqualTo(2);
    assertThat(said.toString()).contains(option.split("=", 2)[0], "Usage:");
  }

  @Test
  void saysWhyACrashIsNone() {
    assertThat(run("--cells=money-owed/published")).isEqualTo(2);
    assertThat(said.toString())
        .contains("money-owed/published is none: events go by gRPC; a broker is there with");
  }

  @Test
  void takesWhatChoosesSomething() {
    // Further than this it needs ./weft.
    assertThat(run("--cells=capture/.*")).isNotEqualTo(2);
  }

  private int run(String... arguments) {
    return new CommandLine(new Prove())
        .setErr(new PrintWriter(said))
        .setExecutionExceptionHandler((e, _, _) -> 4)
        .execute(arguments);
  }
}
