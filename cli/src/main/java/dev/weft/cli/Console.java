package dev.weft.cli;

import java.io.PrintStream;
import java.util.Locale;
import java.util.Optional;

/**
 * What a person at the terminal sees: progress until everything is ready, then every line of every
 * process behind its name. Thread-safe.
 */
final class Console {
  private static final int NAME_WIDTH = 15;
  private static final int COLOURS_FIRST = 31;
  private static final int COLOURS = 6;

  private final PrintStream out;
  private final boolean coloured;
  private final long startNanos = System.nanoTime();
  private volatile boolean logs;

  Console(PrintStream out) {
    this.out = out;
    this.coloured =
        Optional.ofNullable(System.console()).map(java.io.Console::isTerminal).orElse(false)
            && System.getenv("NO_COLOR") == null
            && !"dumb".equals(System.getenv("TERM"));
  }

  void ready(String process) {
    double seconds = (System.nanoTime() - startNanos) / 1e9;
    out.println(
        String.format(Locale.ROOT, "  ✔ %-" + NAME_WIDTH + "s ready  %5.1f s", process, seconds));
  }

  void stopping(SystemState state) {
    note(
        "stopping "
            + state.processes().size()
            + " processes"
            + (state.writesArchives() ? " (writing class archives for quicker starts)" : ""));
  }

  void stopped(String process, long sinceNanos) {
    double seconds = (System.nanoTime() - sinceNanos) / 1e9;
    out.println(
        String.format(Locale.ROOT, "  ✔ %-" + NAME_WIDTH + "s stopped %4.1f s", process, seconds));
  }

  void note(String text) {
    out.println("weft: " + text);
  }

  void print(String text) {
    out.println(text);
  }

  /** From here on the processes' own lines are shown. */
  void showLogs() {
    logs = true;
  }

  void line(String process, String line) {
    if (logs) {
      out.println(prefix(process) + line);
    }
  }

  private String prefix(String process) {
    String name = String.format(Locale.ROOT, "%-" + NAME_WIDTH + "s | ", process);
    if (!coloured) {
      return name;
    }
    int colour = COLOURS_FIRST + Math.floorMod(process.hashCode(), COLOURS);
    return "\u001b[" + colour + "m" + name + "\u001b[0m";
  }
}
