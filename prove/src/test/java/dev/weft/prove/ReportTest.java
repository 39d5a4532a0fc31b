package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.prove.Fault.Bite;
import dev.weft.prove.Judge.Invariant;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a proof comes to, by what was seen. */
final class ReportTest {
  private static final String NEEDED = "a circuit opened";
  private static final Judge.Verdict HOLDS = new Judge.Verdict(Map.of(), Map.of());

  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private final Report report = new Report(new PrintStream(said, true, StandardCharsets.UTF_8));
  private final History history;

  ReportTest(@TempDir Path folder) {
    history = new History(folder.resolve("history.jsonl"));
  }

  @AfterEach
  void close() {
    history.close();
  }

  @Test
  void isProvedWhenEveryFaultDidSomethingAndEveryBranchWasTaken() {
    history.count(NEEDED);

    assertThat(end(fault(true, 7), HOLDS)).isZero();
    assertThat(said()).contains("PROVED", "1 faults of 1 did something; 2 are omitted");
  }

  @Test
  void isUnknownWhenAFaultDidNothing() {
    history.count(NEEDED);

    assertThat(end(fault(true, 0), HOLDS)).isEqualTo(3);
    assertThat(said()).contains("UNKNOWN", "the fault a cut", "0 faults of 1 did something");
  }

  @Test
  void isUnknownWhenABranchWasNeverTaken() {
    assertThat(end(fault(true, 7), HOLDS)).isEqualTo(3);
    assertThat(said()).contains("UNKNOWN", "never  " + NEEDED);
  }

  @Test
  void isNotProvedWhenSomethingDidNotRecoverWhateverElseWasSeen() {
    assertThat(end(fault(false, 0), HOLDS)).isEqualTo(1);
    assertThat(said()).contains("NOT PROVED");
  }

  @Test
  void isNotProvedWhenAPromiseWasBroken() {
    history.count(NEEDED);
    Judge.Verdict broken = new Judge.Verdict(Map.of(Invariant.M1, List.of("money")), Map.of());

    assertThat(end(fault(true, 7), broken)).isEqualTo(1);
    assertThat(said()).contains("NOT PROVED", "money");
  }

  private int end(Fault.Outcome fault, Judge.Verdict verdict) {
    report.fault(fault);
    return report.end(history, List.of(), List.of(fault), 2, verdict, List.of(NEEDED));
  }

  private String said() {
    return said.toString(StandardCharsets.UTF_8);
  }

  private static Fault.Outcome fault(boolean recovered, long bites) {
    return new Fault.Outcome("a cut", recovered, 12, new Bite(bites, "bytes held"));
  }
}
