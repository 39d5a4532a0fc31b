package dev.weft.operator;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.weft.admin.v1.CircuitStatus;
import dev.weft.admin.v1.ListCircuitsRequest;
import dev.weft.admin.v1.ResetCircuitsRequest;
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
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ./weft breaker}. */
@Command(
    name = "breaker",
    description =
        "Says how it stands with the circuit breakers of all processes, or closes those to a"
            + " service that are open.",
    mixinStandardHelpOptions = true)
final class BreakerCommand implements Callable<Integer> {
  private final Function<Optional<Path>, Processes> open;

  @Parameters(
      paramLabel = "SERVICE",
      arity = "0..1",
      description = "To this service alone (default: to all).")
  private String service = "";

  @Option(names = "--reset", description = "Close those to SERVICE that are not closed.")
  private boolean reset;

  @Option(names = "--yes", description = "Do it. Otherwise --reset only says what would happen.")
  private boolean yes;

  @Option(names = "--json", description = "For programs.")
  private boolean json;

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  BreakerCommand(Function<Optional<Path>, Processes> open) {
    this.open = open;
  }

  @Override
  public Integer call() {
    if (reset && service.isEmpty()) {
      throw new ParameterException(
          Output.required(spec).commandLine(), "--reset needs the SERVICE");
    }
    if (yes && !reset) {
      throw new ParameterException(
          Output.required(spec).commandLine(), "--yes goes with --reset: nothing else is done");
    }
    Answers<List<CircuitStatus>> answers;
    try (Processes processes = open.apply(system.state())) {
      answers = reset ? reset(processes) : list(processes);
    }
    PrintWriter out = Output.out(spec);
    if (json) {
      out.println(objects(answers));
    } else {
      say(out, answers);
    }
    return Output.troubles(spec, answers.troubles());
  }

  private Answers<List<CircuitStatus>> list(Processes processes) {
    ListCircuitsRequest request = ListCircuitsRequest.newBuilder().setService(service).build();
    return processes.askAll("", admin -> admin.listCircuits(request).getCircuitsList());
  }

  private Answers<List<CircuitStatus>> reset(Processes processes) {
    ResetCircuitsRequest request =
        ResetCircuitsRequest.newBuilder().setService(service).setDryRun(!yes).build();
    return processes.askAll("", admin -> admin.resetCircuits(request).getCircuitsList());
  }

  private void say(PrintWriter out, Answers<List<CircuitStatus>> answers) {
    List<List<String>> rows = rows(answers);
    if (rows.size() > 1) {
      Text.table(rows).forEach(out::println);
      if (reset) {
        out.println(yes ? "They are closed now." : Output.NOT_DONE);
      }
    } else {
      out.println(none());
    }
  }

  private String none() {
    String to = service.isEmpty() ? "" : " of " + service;
    return reset
        ? "no circuit to " + service + " is open"
        : "nobody has called a method" + to + " since it was started";
  }

  private static List<List<String>> rows(Answers<List<CircuitStatus>> answers) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("CALLER", "SERVICE", "METHOD", "FAILED", "OPENED", "FALLBACKS", "STATE"));
    answers
        .replies()
        .forEach(
            (caller, circuits) ->
                circuits.forEach(
                    circuit ->
                        rows.add(
                            List.of(
                                caller,
                                Text.clean(circuit.getService()),
                                Text.clean(circuit.getMethod()),
                                "%d %% of %d"
                                    .formatted(circuit.getFailedPercent(), circuit.getAttempts()),
                                "" + circuit.getOpenings(),
                                "" + circuit.getFallbacks(),
                                ExplanationText.state(circuit)))));
    return rows;
  }

  private static ObjectNode objects(Answers<List<CircuitStatus>> answers) {
    ObjectNode all = JsonNodeFactory.instance.objectNode();
    ArrayNode list = all.putArray("circuits");
    answers
        .replies()
        .forEach(
            (caller, circuits) ->
                circuits.forEach(
                    circuit ->
                        list.addObject()
                            .put("caller", caller)
                            .put("service", circuit.getService())
                            .put("method", circuit.getMethod())
                            .put("state", word(circuit.getState()))
                            .put("failedPercent", circuit.getFailedPercent())
                            .put("attempts", circuit.getAttempts())
                            .put("openings", circuit.getOpenings())
                            .put("fallbacks", circuit.getFallbacks())));
    return all;
  }

  private static String word(CircuitStatus.State state) {
    return switch (state) {
      case STATE_CLOSED -> "closed";
      case STATE_HALF_OPEN -> "half_open";
      case STATE_OPEN -> "open";
      case STATE_UNSPECIFIED, UNRECOGNIZED -> "unknown";
    };
  }
}
