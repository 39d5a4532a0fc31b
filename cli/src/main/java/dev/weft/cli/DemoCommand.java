package dev.weft.cli;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code weft demo}: the last container of {@code compose.yaml}. */
@Command(
    name = "demo",
    description =
        "For containers: fills a running system with accounts and a catalogue to try, once.",
    mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
  @Option(names = "--edge", required = true, paramLabel = "URL", description = "The edge.")
  private String edge = "";

  @Option(
      names = "--state",
      required = true,
      paramLabel = "DIR",
      description = "The folder that holds demo.json.")
  private @Nullable Path state;

  @Override
  public Integer call() {
    StateDir dir = StateDir.of(state);
    DemoData.Accounts accounts = new DemoData(dir, new Http(), edge).seed();
    // Where the containers' ports are published, which is not where this one sees them.
    Ports ports = Ports.fixed();
    String registry = "http://localhost:" + ports.of(Programs.REGISTRY);
    Map<String, String> urls =
        Map.of(
            "edge", "http://localhost:" + ports.of(Programs.EDGE),
            "registryPage", registry + "/ui",
            "services", "http://localhost:" + ports.managementOf(Programs.EDGE) + "/services");
    System.out.println(
        Welcome.text(urls, accounts, "the volume of secrets", "docker compose down"));
    return 0;
  }
}
