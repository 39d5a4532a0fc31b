package dev.weft.prove;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Says what a proof does and what it came to. */
final class Report {
  private static final int SHOWN = 3;

  private final PrintStream out;
  private final Cell.Grid grid;
  private final long began = System.nanoTime();

  /**
   * @param grid all crashes there are
   */
  Report(PrintStream out, Cell.Grid grid) {
    this.out = out;
    this.grid = grid;
  }

  void say(String line) {
    out.printf("%6.1f s  %s%n", (System.nanoTime() - began) / 1e9, line);
  }

  void grid(List<Cell> chosen, int seeds) {
    say(
        "%d of %d cells, %d times each; %d pairs of step and point are no cell:"
            .formatted(chosen.size(), grid.cells().size(), seeds, grid.omitted().size()));
    Map<String, Map<String, List<String>>> reasons = new TreeMap<>();
    grid.omitted()
        .forEach(
            one ->
                reasons
                    .computeIfAbsent(one.reason(), _ -> new LinkedHashMap<>())
                    .computeIfAbsent(one.step(), _ -> new ArrayList<>())
                    .add(one.point()));
    reasons.forEach(
        (reason, steps) -> {
          out.println("            " + reason + ":");
          steps.forEach(
              (step, points) ->
                  out.println("              " + step + "/{" + String.join(", ", points) + "}"));
        });
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
      Story story,
      List<String> needed) {
    matrix(outcomes);
    out.println("\nPromises (how often each was tried; - is not by this run):");
    for (Invariant invariant : Invariant.values()) {
      List<String> violations = verdict.violations().getOrDefault(invariant, List.of());
      long checked = verdict.checked().getOrDefault(invariant, 0L);
      String word = !violations.isEmpty() ? "BAD" : checked > 0 ? "ok" : "-";
      String why =
          word.equals("-") && !invariant.undriven.isEmpty()
              ? " (not driven: " + invariant.undriven + ")"
              : "";
      out.printf("  %-4s %-5s %7d  %s%s%n", word, invariant, checked, invariant.text, why);
      violations.stream().limit(SHOWN).forEach(what -> out.println("         " + what));
      if (violations.size() > SHOWN) {
        out.println("         and " + (violations.size() - SHOWN) + " more");
      }
      story.shortest(violations).forEach(line -> out.println("           " + line));
    }
    out.println(
        "\nClients did %d operations: %s; %d orders."
            .formatted(history.size(), history.results(), history.placed().size()));
    outcomes.stream()
        .mapToLong(Crash.Outcome::millis)
        .max()
        .ifPresent(
            longest -> out.println("Longest from a crash to its order's end: " + longest + " ms."));
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
    if (history.placed().isEmpty()) {
      missing.add("an order was placed");
    }
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

  private void matrix(List<Crash.Outcome> outcomes) {
    if (outcomes.isEmpty()) {
      return;
    }
    out.println("\nThe grid (+ as promised, X not, ? did not crash, . not chosen, - no cell):");
    grid.tables().forEach(points -> table(points, outcomes));
  }

  private void table(List<String> points, List<Crash.Outcome> outcomes) {
    Map<String, Map<String, String>> rows = new LinkedHashMap<>();
    for (Cell cell : grid.cells()) {
      if (points.contains(cell.point())) {
        rows.computeIfAbsent(cell.step(), _ -> new LinkedHashMap<>()).put(cell.point(), "");
      }
    }
    for (Crash.Outcome outcome : outcomes) {
      rows.getOrDefault(outcome.cell().step(), new LinkedHashMap<>())
          .merge(
              outcome.cell().point(),
              outcome.asPromised() ? "+" : outcome.fired() ? "X" : "?",
              String::concat);
    }
    out.printf("  %-17s", "");
    points.forEach(point -> out.printf(" %-17s", point));
    out.println();
    rows.forEach(
        (step, row) -> {
          out.printf("  %-17s", step);
          points.forEach(point -> out.printf(" %-17s", sign(row.get(point))));
          out.println();
        });
  }

  /**
   * @param tries what became of each; null where there is no cell
   */
  private static String sign(@Nullable String tries) {
    return tries == null ? "-" : tries.isEmpty() ? "." : tries;
  }
}
