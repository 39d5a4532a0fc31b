package dev.weft.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * {@code ./weft maintenance}: nobody calls an instance any more, which goes on running, until that
 * is taken back. It is the registry's own maintenance mode, so its page shows it, too.
 */
@Command(
    name = "maintenance",
    description = {
      "Takes an instance out of service while it runs on, or back into it.",
      "Calls that it has are finished; new ones go to the others."
    },
    mixinStandardHelpOptions = true)
final class MaintenanceCommand implements Callable<Integer> {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What is said of it in the registry. */
  enum Turn {
    on,
    off
  }

  @Parameters(index = "0", paramLabel = "NAME", description = "A process, such as order-svc-2.")
  private String name = "";

  @Parameters(index = "1", paramLabel = "on|off", description = "on: out of service.")
  private Turn turn = Turn.on;

  @Option(
      names = "--reason",
      defaultValue = "./weft maintenance",
      description = "Why, as the registry shows it.")
  private String reason = "";

  @Option(
      names = "--state",
      paramLabel = "DIR",
      defaultValue = "${env:WEFT_STATE_DIR}",
      description = "The folder the system was started with (default: .weft).")
  private @Nullable Path state;

  private final RegistryTokens tokens;

  MaintenanceCommand(RegistryTokens tokens) {
    this.tokens = tokens;
  }

  @Override
  public Integer call() {
    SystemState running =
        SystemState.live(StateDir.of(state)).orElseThrow(() -> new Trouble(3, "not running"));
    SystemState.Running process =
        running.processes().stream()
            .filter(one -> one.name().equals(name))
            .findFirst()
            .orElseThrow(() -> new Trouble(2, name + ": no such process; see ./weft status"));
    Http http = new Http();
    String registry = running.urls().getOrDefault("registry", "");
    // Who registered it may say this of it, too.
    Optional<String> token = tokens.own(Instances.service(process.name()));
    String id = id(http.ask(registry + "/v1/agent/services", token), process);
    Http.Answer answer =
        http.put(
            registry
                + "/v1/agent/service/maintenance/"
                + encoded(id)
                + "?enable="
                + (turn == Turn.on)
                + "&reason="
                + encoded(reason),
            token);
    if (!answer.ok()) {
      throw new Trouble("the registry refuses: " + answer.body());
    }
    new Console(System.out)
        .note(name + (turn == Turn.on ? " is out of service" : " is in service again"));
    return 0;
  }

  /** As what it is registered, which is found by its name and port. */
  private static String id(Http.Answer services, SystemState.Running process) {
    if (!services.ok()) {
      throw new Trouble("the registry does not answer: " + services.body());
    }
    try {
      for (JsonNode service : JSON.readTree(services.body())) {
        if (service.path("Service").asText().equals(Instances.service(process.name()))
            && service.path("Port").asInt() == process.port()) {
          return service.path("ID").asText();
        }
      }
    } catch (JsonProcessingException e) {
      throw new Trouble("the registry answers no JSON: " + e.getOriginalMessage());
    }
    throw new Trouble(process.name() + " is not in the registry");
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
