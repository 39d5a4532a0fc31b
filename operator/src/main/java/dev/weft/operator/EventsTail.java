package dev.weft.operator;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ./weft events tail}. */
@Command(
    name = "tail",
    description =
        "Shows what services say, one line for each event, until Ctrl-C: time, service, position,"
            + " type, aggregate and its version, correlation id, trace id.",
    mixinStandardHelpOptions = true)
final class EventsTail implements Callable<Integer> {
  private static final int LAST = 10;

  private final Function<Optional<Path>, Services> open;

  @Parameters(paramLabel = "SERVICE", arity = "0..*", description = "Default: all with events.")
  private List<String> named = List.of();

  @Option(
      names = "--type",
      paramLabel = "PATTERN",
      description = "Only these types, such as shop.order.confirmed, shop.order.* or shop.#.")
  private List<String> types = List.of();

  @Option(
      names = "--last",
      paramLabel = "N",
      description = "Begin N events before the end of each log (default: 10).")
  private @Nullable Long last;

  @Option(names = "--from", paramLabel = "POSITION", description = "Begin with this position.")
  private @Nullable Long from;

  @Option(names = "--no-follow", description = "Stop at the end.")
  private boolean noFollow;

  @Option(names = "--json", description = "For programs: an object on each line.")
  private boolean json;

  @Option(
      names = "--payload",
      description =
          "With the payload: by the numbers of its fields, as protoc --decode_raw shows it; with"
              + " --json in base64.")
  private boolean payload;

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  EventsTail(Function<Optional<Path>, Services> open) {
    this.open = open;
  }

  @Override
  public Integer call() throws InterruptedException {
    CommandSpec command = Output.required(spec);
    if (last != null && from != null) {
      throw new ParameterException(command.commandLine(), "--last and --from exclude each other");
    }
    long before = last == null ? LAST : last;
    long first = from == null ? 0 : from;
    if (before < 0 || (from != null && first < 1)) {
      throw new ParameterException(
          command.commandLine(), "--last counts from 0, and --from from 1, the first position");
    }
    PrintWriter out = command.commandLine().getOut();
    PrintWriter err = command.commandLine().getErr();
    EventText text = new EventText(json, payload);
    try (Services services = open.apply(system.state())) {
      new Tail(services, types, !noFollow, notice -> err.println("weft: " + notice))
          .run(
              named,
              before,
              first,
              (service, event) -> {
                out.println(text.line(service, event));
                return !out.checkError();
              });
    }
    return 0;
  }
}
