package dev.weft.e2e;

import static org.awaitility.Awaitility.await;

import dev.weft.durable.LocalPorts;
import dev.weft.greeter.v1.GreetRequest;
import dev.weft.greeter.v1.GreeterServiceGrpc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The example's service, started beside a system by the README's own command. */
final class Greeter implements AutoCloseable {
  static final String NAME = "greeter-svc";

  /** Of the README. */
  static final String SECTION = "Add a service in ten minutes";

  private static final String USUAL_PORT = "9110";
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private final Weft weft;
  private final int port;
  private final int managementPort;
  private final Path log;
  private final Process shell;

  private Greeter(Weft weft, Map<String, String> more) throws IOException {
    this.weft = weft;
    port = LocalPorts.free();
    // The one that follows from its port may be another process's here.
    managementPort = LocalPorts.free();
    log = Command.TARGET.resolve(NAME + "-" + port + ".log");
    ProcessBuilder builder =
        new ProcessBuilder("bash", "-c", steps().get(1).replace(USUAL_PORT, "" + port))
            .directory(Command.ROOT.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    Map<String, String> environment = builder.environment();
    Command.NOT_INHERITED.forEach(environment::remove);
    environment.put("JAVA_HOME", System.getProperty("java.home"));
    environment.put("WEFT_BUILT", "1");
    environment.put("WEFT_STATE_DIR", weft.folder().toString());
    environment.put("WEFT_MANAGEMENT_PORT", "" + managementPort);
    environment.putAll(more);
    shell = builder.start();
  }

  /**
   * Starts it; it is ready a moment later.
   *
   * @param more of its environment
   */
  static Greeter start(Weft weft, Map<String, String> more) {
    try {
      return new Greeter(weft, more);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The commands of the README's section about it, in their order. */
  static List<String> steps() {
    return Readme.section(SECTION).stream()
        .filter(block -> block.language().equals("bash"))
        .map(Readme.Block::text)
        .toList();
  }

  int port() {
    return port;
  }

  /** A page of its management port, once it answers there. */
  Answer page(String path) {
    String url = "http://127.0.0.1:" + managementPort + path;
    return await("the management port of " + NAME)
        .atMost(LIMIT)
        .ignoreExceptionsInstanceOf(UncheckedIOException.class)
        .until(() -> Visitor.fetch(url), answer -> answer.status() == 200);
  }

  /** All it has said so far. */
  String log() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Calls it at its own port, with a service's certificate. */
  String greet(String caller, String name) {
    try (ServicePort direct = ServicePort.at(weft, NAME, port)) {
      return GreeterServiceGrpc.newBlockingStub(direct.by(caller))
          .withWaitForReady()
          .withDeadlineAfter(LIMIT.toSeconds(), TimeUnit.SECONDS)
          .greet(GreetRequest.newBuilder().setName(name).build())
          .getGreeting();
    }
  }

  /** Ends the shell and what it runs, and returns when they are gone. */
  @Override
  public void close() {
    List<ProcessHandle> all =
        Stream.concat(shell.descendants(), Stream.of(shell.toHandle())).toList();
    all.forEach(ProcessHandle::destroy);
    await("the service to end")
        .atMost(LIMIT)
        .until(() -> all.stream().noneMatch(ProcessHandle::isAlive));
  }
}
