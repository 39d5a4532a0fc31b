package dev.weft.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code weft secrets}: the first container of {@code compose.yaml}. */
@Command(
    name = "secrets",
    description = "For containers: makes keys and passwords, a folder for each that needs some.",
    mixinStandardHelpOptions = true)
final class SecretsCommand implements Callable<Integer> {
  @Parameters(paramLabel = "DIR", description = "What is there already, stays.")
  private Path folder = Path.of(".");

  @Override
  public Integer call() {
    new ContainerSecrets(new StateDir(folder.toAbsolutePath()).create()).make();
    return 0;
  }
}
