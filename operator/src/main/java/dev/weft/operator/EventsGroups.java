package dev.weft.operator;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.weft.admin.v1.EventGroup;
import dev.weft.admin.v1.ListEventGroupsRequest;
import dev.weft.operator.Services.Answers;
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

/** {@code ./weft events groups}. */
@Command(
    name = "groups",
    description = "Says who reads the logs, how far each is, and how many instances read for it.",
    mixinStandardHelpOptions = true)
final class EventsGroups implements Callable<Integer> {
  private final Function<Optional<Path>, Services> open;

  @Parameters(paramLabel = "SERVICE", arity = "0..*", description = "Default: all with events.")
  private List<String> named = List.of();

  @Option(names = "--json", description = "For programs.")
  private boolean json;

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  EventsGroups(Function<Optional<Path>, Services> open) {
    this.open = open;
  }

  @Override
  public Integer call() {
    Answers<List<EventGroup>> answers;
    try (Services services = open.apply(system.state())) {
      answers =
          services.askAll(
              named,
              admin ->
                  admin
                      .listEventGroups(ListEventGroupsRequest.getDefaultInstance())
                      .getGroupsList());
    }
    if (json) {
      Output.out(spec).println(objects(answers));
    } else {
      Text.table(rows(answers)).forEach(Output.out(spec)::println);
    }
    return Output.troubles(spec, answers.troubles());
  }

  private static List<List<String>> rows(Answers<List<EventGroup>> answers) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("SERVICE", "GROUP", "POSITION", "BEHIND", "MEMBERS"));
    answers
        .replies()
        .forEach(
            (service, groups) ->
                groups.forEach(
                    group ->
                        rows.add(
                            List.of(
                                service,
                                Text.clean(group.getGroup()),
                                "" + group.getPosition(),
                                "" + group.getBehind(),
                                "" + group.getMembers()))));
    return rows;
  }

  private static ObjectNode objects(Answers<List<EventGroup>> answers) {
    ObjectNode all = JsonNodeFactory.instance.objectNode();
    ArrayNode list = all.putArray("groups");
    answers
        .replies()
        .forEach(
            (service, groups) ->
                groups.forEach(
                    group ->
                        list.addObject()
                            .put("service", service)
                            .put("group", group.getGroup())
                            .put("position", group.getPosition())
                            .put("behind", group.getBehind())
                            .put("members", group.getMembers())));
    return all;
  }
}
