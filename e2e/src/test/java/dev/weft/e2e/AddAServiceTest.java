package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.LocalPorts;
import dev.weft.greeter.v1.GreetRequest;
import dev.weft.greeter.v1.GreeterServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The README's ten minutes: its own files and its own commands, on the ports of this system. */
@ExtendWith(SharedWeft.class)
final class AddAServiceTest {
  private static final Path EXAMPLE = Path.of("examples/greeter-svc");
  private static final String EDGE = "localhost:8080";
  private static final String PORT = "9110";

  private final Weft weft;
  private final List<Readme.Block> blocks = Readme.section("Add a service in ten minutes");

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
  void theNewServiceAnswersOverRestAndGrpcWithoutARestartOfAnything() throws Exception {
    List<String> steps =
        blocks.stream()
            .filter(block -> block.language().equals("bash"))
            .map(Readme.Block::text)
            .toList();
    // This very build was the first step.
    assertThat(steps).hasSize(5).first().asString().contains("-pl " + EXAMPLE + " -am package");
    int port = LocalPorts.free();
    long edge = weft.pid(Weft.EDGE);

    Process service = start(here(steps.get(1), port));
    try {
      String curl = here(steps.get(2), port);
      await("the edge to serve it")
          .atMost(Duration.ofSeconds(30))
          .until(() -> Command.bash(curl, Map.of()).out(), out -> out.contains("Hello, Ada!"));
      assertThat(greet(port)).isEqualTo("Hello, Grace!");
      Visitor customer = Visitor.demo(weft);
      assertThat(Visitor.anonymous(weft).get("/v1/greetings:mine").status()).isEqualTo(401);
      String mine = here(steps.get(3), port);
      await("its key to be known")
          .atMost(Duration.ofSeconds(30))
          .until(
              () -> Command.bash(mine, Map.of("token", customer.token())).out(),
              out -> out.contains("Hello, user "));
      Command.find("WEFT_GRPCURL", "grpcurl")
          .ifPresent(
              grpcurl ->
                  assertThat(runGrpcurl(grpcurl, here(steps.get(4), port)))
                      .contains("Hello, Ada!"));
    } finally {
      stop(service);
    }

    assertThat(Visitor.anonymous(weft).get("/v1/greetings/Ada").status()).isEqualTo(503);
    assertThat(weft.pid(Weft.EDGE)).isEqualTo(edge);
  }

  /** The same command, with the addresses of this system for the usual ones. */
  private String here(String step, int port) {
    return step.replace(EDGE, "127.0.0.1:" + weft.port(Weft.EDGE)).replace(PORT, "" + port);
  }

  private Process start(String command) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder("bash", "-c", command)
            .directory(Command.ROOT.toFile())
            .redirectErrorStream(true)
            .redirectOutput(Command.TARGET.resolve("greeter-svc.log").toFile());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().put("WEFT_BUILT", "1");
    builder.environment().put("WEFT_STATE_DIR", weft.folder().toString());
    // The one that follows from its port may be another process's here.
    builder.environment().put("WEFT_MANAGEMENT_PORT", "" + LocalPorts.free());
    return builder.start();
  }

  /** The shell and what it runs. */
  private static void stop(Process service) {
    List<ProcessHandle> all =
        Stream.concat(service.descendants(), Stream.of(service.toHandle())).toList();
    all.forEach(ProcessHandle::destroy);
    await("the service to end")
        .atMost(Duration.ofSeconds(30))
        .until(() -> all.stream().noneMatch(ProcessHandle::isAlive));
  }

  private static String runGrpcurl(Path grpcurl, String command) {
    return Command.bash(command, Map.of("PATH", grpcurl.getParent() + ":" + System.getenv("PATH")))
        .out();
  }

  private static String greet(int port) {
    ManagedChannel channel =
        NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
    try {
      return GreeterServiceGrpc.newBlockingStub(channel)
          .withDeadlineAfter(30, TimeUnit.SECONDS)
          .greet(GreetRequest.newBuilder().setName("Grace").build())
          .getGreeting();
    } finally {
      channel.shutdownNow();
    }
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
