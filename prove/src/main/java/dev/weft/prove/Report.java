package dev.weft.prove;

import dev.weft.prove.Judge.Invariant;
import dev.weft.prove.Judge.Verdict;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Says what a proof does and what it came to. */
final class Report {
  private static final Pattern ID =
      Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
  private static final int SHOWN = 3;

  private final PrintStream out;
  private final long began = System.nanoTime();

  Report(PrintStream out) {
    this.out = out;
  }

  void say(String line) {
    out.printf("%6.1f s  %s%n", (System.nanoTime() - began) / 1e9, line);
  }

  void grid(Cell.Grid all, List<Cell> chosen, int seeds) {
    Map<String, List<String>> reasons = new TreeMap<>();
    all.omitted()
        .forEach(
            one ->
                reasons
                    .computeIfAbsent(one.reason(), _ -> new ArrayList<>())
                    .add(one.step() + "/" + one.point()));
    say(
        "%d of %d cells, %d times each; %d omitted:"
            .formatted(chosen.size(), all.cells().size(), seeds, all.omitted().size()));
    reasons.forEach((reason, cells) -> out.println("            " + reason + ": " + cells.size()));
  }

  void cell(Crash.Outcome outcome) {
    say(
        "%-4s %-34s %-13s ends %-16s after %5d ms"
            .formatted(
                outcome.asPromised() ? "ok" : outcome.fired() ? "BAD" : "idle",
                outcome.cell().name(),
                outcome.cell().process(),
                outcome.state().replace("STATE_", ""),
                outcome.millis()));
  }

  void fault(Fault.Outcome outcome) {
    say(
        "%-4s %-64s sells again after %5d ms; %s"
            .formatted(
                !outcome.recovered() ? "BAD" : outcome.bite().felt() ? "ok" : "idle",
                outcome.name(),
                outcome.millis(),
                outcome.bite()));
  }

  void omitted(Fault.Omitted one) {
    say("%-4s %-64s %s".formatted("--", one.name(), one.reason()));
  }

  /** Prints the verdict and returns the exit code. */
  int end(
      History history,
      List<Crash.Outcome> outcomes,
      List<Fault.Outcome> faults,
      int faultsOmitted,
      Verdict verdict,
      List<String> needed) {
    matrix(outcomes);
    out.println("\nInvariants (how often each was tried; - is not by this run):");
    for (Invariant invariant : Invariant.values()) {
      List<String> violations = verdict.violations().getOrDefault(invariant, List.of());
      long checked = verdict.checked().getOrDefault(invariant, 0L);
      String word = !violations.isEmpty() ? "BAD" : checked > 0 ? "ok" : "-";
      out.printf("  %-4s %-5s %7d  %s%n", word, invariant, checked, invariant.text);
      violations.stream().limit(SHOWN).forEach(what -> violated(history, what));
    }
    out.println(
        "\nClients did %d operations: %s; %d orders."
            .formatted(history.size(), history.results(), history.placed().size()));
    out.println("\nSeen on the way:");
    history.counts().forEach((what, times) -> out.printf("  %7d  %s%n", times, what));
    needed.stream()
        .filter(what -> !history.counts().containsKey(what))
        .forEach(what -> out.printf("  %7s  %s%n", "never", what));
    if (!faults.isEmpty()) {
      out.println(
          "\n%d faults of %d did something; %d are omitted on this machine."
              .formatted(
                  faults.stream().filter(one -> one.bite().felt()).count(),
                  faults.size(),
                  faultsOmitted));
    }
    List<String> missing =
        new ArrayList<>(
            needed.stream().filter(what -> !history.counts().containsKey(what)).toList());
    outcomes.stream()
        .filter(outcome -> !outcome.fired())
        .forEach(outcome -> missing.add("the crash " + outcome.cell().name()));
    faults.stream()
        .filter(outcome -> !outcome.bite().felt())
        .forEach(outcome -> missing.add("the fault " + outcome.name()));
    boolean ended = outcomes.stream().allMatch(o -> !o.fired() || o.asPromised());
    boolean recovered = faults.stream().allMatch(Fault.Outcome::recovered);
    if (!verdict.holds() || !ended || !recovered) {
      out.println("\nNOT PROVED: a promise was broken.");
      return 1;
    }
    if (!missing.isEmpty()) {
      out.println("\nUNKNOWN: every promise held, but this never happened: " + missing);
      return 3;
    }
    out.println("\nPROVED: every promise held.");
    return 0;
  }

  /** A violation, and all that clients did with the order it names. */
  private void violated(History history, String what) {
    out.println("         " + what);
    Matcher id = ID.matcher(what);
    while (id.find()) {
      for (Op op : history.about(id.group())) {
        out.printf(
            "           %9.3f s  %-11s %-8s %-7s %3d %s%n",
            op.startMicros() / 1e6, op.client(), op.kind(), op.result(), op.status(), op.note());
      }
    }
  }

  private void matrix(List<Crash.Outcome> outcomes) {
    if (outcomes.isEmpty()) {
      return;
    }
    Map<String, Map<String, String>> rows = new LinkedHashMap<>();
    List<String> points = new ArrayList<>();
    for (Cell cell : Cell.grid().cells()) {
      rows.putIfAbsent(cell.step(), new LinkedHashMap<>());
      if (!points.contains(cell.point())) {
        points.add(cell.point());
      }
    }
    for (Crash.Outcome outcome : outcomes) {
      rows.computeIfAbsent(outcome.cell().step(), _ -> new LinkedHashMap<>())
          .merge(
              outcome.cell().point(),
              outcome.asPromised() ? "+" : outcome.fired() ? "X" : "?",
              String::concat);
    }
    out.println("\nThe grid (+ as promised, X not, ? did not crash, . omitted or not chosen):");
    out.printf("  %-17s", "");
    points.forEach(point -> out.printf(" %-17s", point));
    out.println();
    rows.forEach(
        (step, row) -> {
          out.printf("  %-17s", step);
          points.forEach(point -> out.printf(" %-17s", row.getOrDefault(point, ".")));
          out.println();
        });
  }
}
