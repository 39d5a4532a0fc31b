package dev.weft.operator;

import java.io.PrintWriter;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;

/** What commands that ask several services say in the end. */
final class Output {
  static final String NOT_DONE = "Nothing was done: --yes does it.";

  private Output() {}

  /** Set by picocli before a command runs. */
  static CommandSpec required(@Nullable CommandSpec spec) {
    return Objects.requireNonNull(spec);
  }

  static PrintWriter out(@Nullable CommandSpec spec) {
    return required(spec).commandLine().getOut();
  }

  /** Says which services could not be asked; the exit code. */
  static int troubles(@Nullable CommandSpec spec, List<Trouble> troubles) {
    PrintWriter err = required(spec).commandLine().getErr();
    troubles.forEach(trouble -> err.println("weft: " + trouble.getMessage()));
    return troubles.isEmpty() ? 0 : Trouble.FAILED;
  }
}
