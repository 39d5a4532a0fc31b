package dev.weft.operator;

import dev.weft.admin.v1.DiscardDeadLettersRequest;
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
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ./weft dlq discard}. */
@Command(
    name = "discard",
    description =
        "Gives dead letters up for good: they will have no effect, and what waits behind them"
            + " follows.",
    mixinStandardHelpOptions = true)
final class DlqDiscard implements Callable<Integer> {
  private final Function<Optional<Path>, Services> open;

  @Parameters(index = "0", paramLabel = "SERVICE", description = "Who received them.")
  private String service = "";

  @Parameters(index = "1", paramLabel = "CONSUMER", description = "Which of its consumers.")
  private String consumer = "";

  @Parameters(index = "2..*", arity = "1..*", paramLabel = "EVENT_ID", description = "200 at most.")
  private List<String> eventIds = List.of();

  @Option(names = "--yes", description = "Do it. Otherwise this only says what would happen.")
  private boolean yes;

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  DlqDiscard(Function<Optional<Path>, Services> open) {
    this.open = open;
  }

  @Override
  public Integer call() {
    List<String> gone;
    try (Services services = open.apply(system.state())) {
      gone =
          services.ask(
              service,
              admin ->
                  admin
                      .discardDeadLetters(
                          DiscardDeadLettersRequest.newBuilder()
                              .setConsumer(consumer)
                              .addAllEventIds(eventIds)
                              .setDryRun(!yes)
                              .build())
                      .getEventIdsList());
    }
    return new Moved(yes ? "given up" : "would be given up", yes)
        .say(Output.required(spec), eventIds, gone);
  }
}
