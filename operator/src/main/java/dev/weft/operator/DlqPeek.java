package dev.weft.operator;

import dev.weft.admin.v1.DeadLetter;
import dev.weft.admin.v1.GetDeadLetterRequest;
import java.nio.file.Path;
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

/** {@code ./weft dlq peek}. */
@Command(
    name = "peek",
    description =
        "Shows one dead letter with its payload: by the numbers of its fields, as protoc"
            + " --decode_raw shows it; with --json in base64.",
    mixinStandardHelpOptions = true)
final class DlqPeek implements Callable<Integer> {
  private final Function<Optional<Path>, Services> open;

  @Parameters(index = "0", paramLabel = "SERVICE", description = "Who received it.")
  private String service = "";

  @Parameters(index = "1", paramLabel = "CONSUMER", description = "Which of its consumers.")
  private String consumer = "";

  @Parameters(index = "2", paramLabel = "EVENT_ID", description = "As ./weft dlq list shows it.")
  private String eventId = "";

  @Option(names = "--json", description = "For programs.")
  private boolean json;

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  DlqPeek(Function<Optional<Path>, Services> open) {
    this.open = open;
  }

  @Override
  public Integer call() {
    DeadLetter letter;
    try (Services services = open.apply(system.state())) {
      letter =
          services.ask(
              service,
              admin ->
                  admin
                      .getDeadLetter(
                          GetDeadLetterRequest.newBuilder()
                              .setConsumer(consumer)
                              .setEventId(eventId)
                              .build())
                      .getDeadLetter());
    }
    if (json) {
      Output.out(spec).println(DeadLetterText.object(service, letter));
    } else {
      DeadLetterText.lines(service, letter).forEach(Output.out(spec)::println);
    }
    return 0;
  }
}
