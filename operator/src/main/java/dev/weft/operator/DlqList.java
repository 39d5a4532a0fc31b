package dev.weft.operator;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.weft.admin.v1.DeadLetter;
import dev.weft.admin.v1.EventAdminServiceGrpc.EventAdminServiceBlockingStub;
import dev.weft.admin.v1.ListDeadLettersRequest;
import dev.weft.admin.v1.ListDeadLettersResponse;
import dev.weft.operator.Services.Answers;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
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

/** {@code ./weft dlq list}. */
@Command(
    name = "list",
    description = "Lists dead letters, without their payloads.",
    mixinStandardHelpOptions = true)
final class DlqList implements Callable<Integer> {
  private static final int PAGE = 200;

  private final Function<Optional<Path>, Services> open;

  @Parameters(
      paramLabel = "SERVICE",
      arity = "0..*",
      description = "Who received them (default: all).")
  private List<String> named = List.of();

  @Option(names = "--consumer", paramLabel = "NAME", description = "Only of this consumer.")
  private String consumer = "";

  @Option(names = "--type", paramLabel = "TYPE", description = "Only of this event type.")
  private String type = "";

  @Option(names = "--json", description = "For programs.")
  private boolean json;

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  DlqList(Function<Optional<Path>, Services> open) {
    this.open = open;
  }

  @Override
  public Integer call() {
    Answers<List<DeadLetter>> answers;
    try (Services services = open.apply(system.state())) {
      answers = services.askAll(named, this::all);
    }
    if (json) {
      Output.out(spec).println(objects(answers));
    } else {
      print(answers, Output.out(spec));
    }
    return Output.troubles(spec, answers.troubles());
  }

  private List<DeadLetter> all(EventAdminServiceBlockingStub admin) {
    List<DeadLetter> letters = new ArrayList<>();
    String token = "";
    do {
      ListDeadLettersResponse page =
          admin.listDeadLetters(
              ListDeadLettersRequest.newBuilder()
                  .setConsumer(consumer)
                  .setType(type)
                  .setPageSize(PAGE)
                  .setPageToken(token)
                  .build());
      letters.addAll(page.getDeadLettersList());
      token = page.getNextPageToken();
    } while (!token.isEmpty());
    return letters;
  }

  private static void print(Answers<List<DeadLetter>> answers, PrintWriter out) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(DeadLetterText.HEADINGS);
    answers
        .replies()
        .forEach(
            (service, letters) ->
                letters.forEach(letter -> rows.add(DeadLetterText.row(service, letter))));
    if (rows.size() > 1) {
      Text.table(rows).forEach(out::println);
    } else if (!answers.replies().isEmpty()) {
      out.println("no dead letters");
    }
  }

  private static ObjectNode objects(Answers<List<DeadLetter>> answers) {
    ObjectNode all = JsonNodeFactory.instance.objectNode();
    ArrayNode list = all.putArray("deadLetters");
    answers
        .replies()
        .forEach(
            (service, letters) ->
                letters.forEach(letter -> list.add(DeadLetterText.object(service, letter))));
    return all;
  }
}
