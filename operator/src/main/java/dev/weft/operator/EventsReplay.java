package dev.weft.operator;

import dev.weft.admin.v1.EventGroup;
import dev.weft.admin.v1.ListEventGroupsRequest;
import dev.weft.admin.v1.ReplayEventsRequest;
import java.nio.file.Path;
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

/** {@code ./weft events replay}. */
@Command(
    name = "replay",
    description =
        "Lets a group read a log again from a position on. What had its effect on a consumer that"
            + " remembers it has none again.",
    mixinStandardHelpOptions = true)
final class EventsReplay implements Callable<Integer> {
  private final Function<Optional<Path>, Services> open;

  @Parameters(index = "0", paramLabel = "SERVICE", description = "Whose log it is.")
  private String service = "";

  @Parameters(index = "1", paramLabel = "GROUP", description = "As ./weft events groups names it.")
  private String group = "";

  @Option(
      names = "--from",
      paramLabel = "POSITION",
      required = true,
      description = "The first position that it reads, from 1 on.")
  private long from;

  @Option(names = "--yes", description = "Do it. Otherwise this only says what would happen.")
  private boolean yes;

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  EventsReplay(Function<Optional<Path>, Services> open) {
    this.open = open;
  }

  @Override
  public Integer call() {
    if (from < 1) {
      throw new ParameterException(
          Output.required(spec).commandLine(), "--from counts from 1, the first position");
    }
    long last;
    long position;
    try (Services services = open.apply(system.state())) {
      position = position(services);
      last =
          from
              - 1
              + services.ask(
                  service,
                  admin ->
                      admin
                          .replayEvents(
                              ReplayEventsRequest.newBuilder()
                                  .setGroup(group)
                                  .setAfterPosition(from - 1)
                                  .setDryRun(!yes)
                                  .build())
                          .getEvents());
    }
    Output.out(spec).println(says(position, last));
    if (!yes) {
      Output.out(spec).println(Output.NOT_DONE);
    }
    return 0;
  }

  /** 0 for a group that is not there, which the service then says itself. */
  private long position(Services services) {
    return services
        .ask(service, admin -> admin.listEventGroups(ListEventGroupsRequest.getDefaultInstance()))
        .getGroupsList()
        .stream()
        .filter(one -> one.getGroup().equals(group))
        .mapToLong(EventGroup::getPosition)
        .findFirst()
        .orElse(0);
  }

  private String says(long position, long last) {
    String head = "%s of %s has come to %d of %d; it ".formatted(group, service, position, last);
    if (from - 1 > position) {
      return head
          + "%s %d to %d, which it has not read"
              .formatted(yes ? "skips" : "would skip", position + 1, from - 1);
    }
    return head
        + "%s from %d on: %d again"
            .formatted(yes ? "reads" : "would read", from, position - (from - 1));
  }
}
