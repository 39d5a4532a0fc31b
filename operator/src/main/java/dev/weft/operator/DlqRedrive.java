package dev.weft.operator;

import dev.weft.admin.v1.RedriveDeadLettersRequest;
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

/** {@code ./weft dlq redrive}. */
@Command(
    name = "redrive",
    description =
        "Lets dead letters be tried again, as if for the first time; what waits behind them"
            + " follows. 200 at a time.",
    mixinStandardHelpOptions = true)
final class DlqRedrive implements Callable<Integer> {
  private final Function<Optional<Path>, Services> open;

  @Parameters(index = "0", paramLabel = "SERVICE", description = "Who received them.")
  private String service = "";

  @Parameters(index = "1", paramLabel = "CONSUMER", description = "Which of its consumers.")
  private String consumer = "";

  @Parameters(
      index = "2..*",
      arity = "0..*",
      paramLabel = "EVENT_ID",
      description = "Default: all of the consumer.")
  private List<String> eventIds = List.of();

  @Option(names = "--yes", description = "Do it. Otherwise this only says what would happen.")
  private boolean yes;

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  DlqRedrive(Function<Optional<Path>, Services> open) {
    this.open = open;
  }

  @Override
  public Integer call() {
    List<String> moved;
    try (Services services = open.apply(system.state())) {
      moved =
          services.ask(
              service,
              admin ->
                  admin
                      .redriveDeadLetters(
                          RedriveDeadLettersRequest.newBuilder()
                              .setConsumer(consumer)
                              .addAllEventIds(eventIds)
                              .setDryRun(!yes)
                              .build())
                      .getEventIdsList());
    }
    return new Moved(yes ? "tried again" : "would be tried again", yes)
        .say(Output.required(spec), eventIds, moved);
  }
}
