package dev.weft.operator;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;

/**
 * What a command did with dead letters, or would do.
 *
 * @param what becomes of each
 * @param done whether it has
 */
record Moved(String what, boolean done) {
  /** The most that a service moves at once. */
  private static final int AT_ONCE = 200;

  /** Says it; the exit code, which tells of letters that were named and are not there. */
  int say(CommandSpec spec, List<String> named, List<String> moved) {
    PrintWriter out = spec.commandLine().getOut();
    moved.forEach(id -> out.println(what + ": " + id));
    if (moved.isEmpty() && named.isEmpty()) {
      out.println("no dead letters");
    } else if (!moved.isEmpty() && !done) {
      out.println(Output.NOT_DONE);
    }
    if (named.isEmpty() && moved.size() == AT_ONCE) {
      out.println("That is as many as go at once: the same again takes the next ones.");
    }
    List<String> missing =
        named.stream()
            .filter(id -> !moved.contains(id.toLowerCase(Locale.ROOT)))
            .distinct()
            .toList();
    missing.forEach(
        id ->
            spec.commandLine()
                .getErr()
                .println("weft: no dead letter of this consumer: " + Text.clean(id)));
    return missing.isEmpty() ? 0 : Trouble.FAILED;
  }
}
