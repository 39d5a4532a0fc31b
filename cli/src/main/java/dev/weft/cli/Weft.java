package dev.weft.cli;

import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IParameterExceptionHandler;

/** The entry point behind {@code ./weft}. */
@Command(
    name = "weft",
    description = "A gRPC-first service mesh without sidecars, and a shop on it.",
    subcommands = {
      UpCommand.class,
      DownCommand.class,
      StatusCommand.class,
      KeyCommand.class,
      SecretsCommand.class,
      RestartCommand.class,
      DemoCommand.class
    },
    footer = {
      "",
      "  ./weft events  shows what services say, and who reads it",
      "  ./weft dlq     lists, shows, redrives and discards dead letters",
      "  ./weft routes  explains where calls go, and why not elsewhere",
      "  ./weft breaker says how it stands with the circuit breakers",
      "  ./weft split   gives each version of a service its share of the calls",
      "  ./weft cert    writes a certificate that proves a service's name, for tools",
      "  ./weft test    builds everything and runs the whole test suite",
      "  ./weft prove   breaks a system of its own and judges what is left",
      "",
      "Exit codes: 0 ok, 1 failed, 2 usage, 3 not running, 4 timed out."
    },
    mixinStandardHelpOptions = true,
    version = "0.1.0",
    synopsisSubcommandLabel = "COMMAND")
final class Weft {
  private Weft() {}

  public static void main(String[] args) {
    System.exit(commandLine(System.getenv()).execute(args));
  }

  /**
   * @param environment where commands that ask the registry find their token
   */
  static CommandLine commandLine(Map<String, String> environment) {
    return new CommandLine(new Weft())
        .addSubcommand(new MaintenanceCommand(new RegistryTokens(environment)))
        .setExecutionExceptionHandler(
            (e, command, parsed) -> {
              command.getErr().println("weft: " + (e instanceof Trouble ? e.getMessage() : e));
              return e instanceof Trouble trouble ? trouble.exitCode() : 1;
            })
        .setParameterExceptionHandler(oneLine());
  }

  private static IParameterExceptionHandler oneLine() {
    return (e, args) -> {
      CommandLine command = e.getCommandLine();
      command
          .getErr()
          .println("weft: " + e.getMessage() + " (see ./weft " + name(command) + "--help)");
      return 2;
    };
  }

  private static String name(CommandLine command) {
    return command.getParent() == null ? "" : command.getCommandName() + " ";
  }
}
