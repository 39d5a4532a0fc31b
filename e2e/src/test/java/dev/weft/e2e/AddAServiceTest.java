package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The README's ten minutes: its own files and its own commands, on the ports of this system. */
@ExtendWith(SharedWeft.class)
final class AddAServiceTest {
  private static final Path EXAMPLE = Path.of("examples/greeter-svc");
  private static final String EDGE = "localhost:8080";
  private static final String PORT = "9110";
  private static final String CERTIFICATES = ".weft/certs";

  @TempDir private Path certificates;
  private final Weft weft;
  private final List<Readme.Block> blocks = Readme.section(Greeter.SECTION);

  AddAServiceTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void theFilesInTheReadmeAreAllThereIs() throws IOException {
    List<Readme.Block> files = blocks.stream().filter(block -> !block.file().isEmpty()).toList();

    for (Readme.Block file : files) {
      assertThat(Files.readString(Command.ROOT.resolve(file.file()))).isEqualTo(file.text());
    }
    assertThat(files).extracting(Readme.Block::file).containsExactlyInAnyOrderElementsOf(tree());
    assertThat(Files.readString(Command.ROOT.resolve("pom.xml")))
        .contains("<module>" + EXAMPLE + "</module>");
  }

  @Test
  void theNewServiceAnswersOverRestAndGrpcWithoutARestartOfAnything() {
    List<String> steps = Greeter.steps();
    // This very build was the first step.
    assertThat(steps).hasSize(5).first().asString().contains("-pl " + EXAMPLE + " -am package");
    long edge = weft.pid(Weft.EDGE);

    try (Greeter service = Greeter.start(weft, Map.of())) {
      String curl = here(steps.get(2), service);
      await("the edge to serve it")
          .atMost(Duration.ofSeconds(30))
          .until(() -> Command.bash(curl, Map.of()).out(), out -> out.contains("Hello, Ada!"));
      assertThat(service.greet(Weft.EDGE, "Grace")).isEqualTo("Hello, Grace!");
      Visitor customer = Visitor.demo(weft);
      assertThat(Visitor.anonymous(weft).get("/v1/greetings:mine").status()).isEqualTo(401);
      String mine = here(steps.get(3), service);
      await("its key to be known")
          .atMost(Duration.ofSeconds(30))
          .until(
              () -> Command.bash(mine, Map.of("token", customer.token())).out(),
              out -> out.contains("Hello, user "));
      Command.find("WEFT_GRPCURL", "grpcurl")
          .ifPresent(
              grpcurl ->
                  assertThat(runGrpcurl(grpcurl, here(steps.get(4), service)))
                      .contains("Hello, Ada!"));
    }

    assertThat(Visitor.anonymous(weft).get("/v1/greetings/Ada").status()).isEqualTo(503);
    assertThat(weft.pid(Weft.EDGE)).isEqualTo(edge);
  }

  /** The same command, with the addresses and the folder of this system for the usual ones. */
  private String here(String step, Greeter service) {
    return step.replace(EDGE, "127.0.0.1:" + weft.port(Weft.EDGE))
        .replace(PORT, "" + service.port())
        .replace(CERTIFICATES, certificates.toString());
  }

  private String runGrpcurl(Path grpcurl, String command) {
    return Command.bash(
            command,
            Map.of(
                "PATH",
                grpcurl.getParent() + ":" + System.getenv("PATH"),
                "WEFT_STATE_DIR",
                weft.folder().toString()))
        .all();
  }

  private static List<String> tree() throws IOException {
    Path example = Command.ROOT.resolve(EXAMPLE);
    try (Stream<Path> files = Files.walk(example)) {
      return files
          .filter(Files::isRegularFile)
          .filter(file -> !file.startsWith(example.resolve("target")))
          .map(file -> Command.ROOT.relativize(file).toString())
          .toList();
    }
  }
}
