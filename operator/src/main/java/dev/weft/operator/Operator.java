package dev.weft.operator;

import dev.weft.consul.ConsulConfig;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import java.util.logging.LogManager;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IParameterExceptionHandler;

/**
 * The entry point behind {@code ./weft events}, {@code dlq}, {@code cert}, {@code routes}, {@code
 * breaker} and {@code split}.
 */
@Command(
    name = "weft",
    description = "What services said and decided, and what could not be taken in.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND")
final class Operator {
  private Operator() {}

  public static void main(String[] args) {
    // A library's warning would stand between the lines of an answer.
    LogManager.getLogManager().reset();
    System.exit(
        commandLine(
                state -> Services.of(Installation.find(state, System.getenv()), System.getenv()),
                state -> Installation.registry(state, System.getenv()),
                state -> Processes.of(Installation.find(state, System.getenv()), System.getenv()))
            .execute(args));
  }

  /**
   * @param open the services of the system whose folder the user names, or of the usual one
   * @param registry its registry alone
   * @param processes each process of it by itself
   */
  static CommandLine commandLine(
      Function<Optional<Path>, Services> open,
      Function<Optional<Path>, ConsulConfig> registry,
      Function<Optional<Path>, Processes> processes) {
    CommandLine events =
        new CommandLine(new EventsCommand())
            .addSubcommand(new EventsTail(open))
            .addSubcommand(new EventsGroups(open))
            .addSubcommand(new EventsReplay(open));
    CommandLine dlq =
        new CommandLine(new DlqCommand())
            .addSubcommand(new DlqList(open))
            .addSubcommand(new DlqPeek(open))
            .addSubcommand(new DlqRedrive(open))
            .addSubcommand(new DlqDiscard(open));
    return new CommandLine(new Operator())
        .addSubcommand(events)
        .addSubcommand(dlq)
        .addSubcommand(new CertCommand(registry))
        .addSubcommand(new RoutesCommand(processes))
        .addSubcommand(new BreakerCommand(processes))
        .addSubcommand(new SplitCommand(registry))
        .setExecutionExceptionHandler(
            (e, command, parsed) -> {
              command.getErr().println("weft: " + (e instanceof Trouble ? e.getMessage() : e));
              return e instanceof Trouble trouble ? trouble.exitCode() : Trouble.FAILED;
            })
        .setParameterExceptionHandler(oneLine());
  }

  private static IParameterExceptionHandler oneLine() {
    return (e, args) -> {
      CommandLine command = e.getCommandLine();
      command
          .getErr()
          .println(
              "weft: %s (see ./%s --help)"
                  .formatted(e.getMessage(), command.getCommandSpec().qualifiedName()));
      return Trouble.USAGE;
    };
  }

  @Command(
      name = "events",
      description = "What services said, and who reads it.",
      mixinStandardHelpOptions = true,
      synopsisSubcommandLabel = "COMMAND")
  private static final class EventsCommand {}

  @Command(
      name = "dlq",
      description =
          "Dead letters: events that a service received and could not take in. Nothing happens to"
              + " them without --yes.",
      mixinStandardHelpOptions = true,
      synopsisSubcommandLabel = "COMMAND")
  private static final class DlqCommand {}
}
