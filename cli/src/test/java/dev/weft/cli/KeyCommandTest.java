package dev.weft.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class KeyCommandTest {
  private static final String REGISTRY = "http://127.0.0.1:18500";

  @TempDir private Path temporary;

  @Test
  void aNewServiceGetsAKeyThatTheRunningOnesLearnOf() throws Exception {
    StateDir dir = new StateDir(temporary.resolve("it's here")).create();
    ServiceKeys before = ServiceKeys.in(dir.folder("identity"), List.of("user-svc"));
    running(dir, REGISTRY);

    Said said = run("key", "greeter-svc", "--state", dir.path().toString());

    assertThat(said.exitCode()).as(said.err()).isZero();
    assertThat(Files.readString(before.set())).contains("\"user-svc\"", "\"greeter-svc\"");
    assertThat(evaluated(said.out()))
        .containsExactly(
            REGISTRY,
            dir.path() + "/identity/greeter-svc.key.pem",
            dir.path() + "/identity/services.jwks.json");
    assertThat(dir.path().resolve("identity/greeter-svc.key.pem")).isNotEmptyFile();
    // What was printed a minute ago must go on working.
    assertThat(run("key", "greeter-svc", "--state", dir.path().toString()).out())
        .isEqualTo(said.out());
  }

  @Test
  void theRegistryEverybodyLooksForIsNotNamed() {
    StateDir dir = new StateDir(temporary).create();
    running(dir, "http://127.0.0.1:8500");

    assertThat(run("key", "greeter-svc", "--state", dir.path().toString()).out())
        .contains("WEFT_SERVICE_KEY_FILE")
        .doesNotContain("CONSUL_HTTP_ADDR");
  }

  @Test
  void withoutARunningSystemThereIsNobodyToLearnOfIt() {
    Said said = run("key", "greeter-svc", "--state", temporary.toString());

    assertThat(said.exitCode()).isEqualTo(3);
    assertThat(said.err()).isEqualTo("weft: not running: start it with ./weft up\n");
    assertThat(said.out()).isEmpty();
  }

  @Test
  void aNameThatNoServiceCanHaveIsAUsageError() {
    for (String name : List.of("../user-svc", "Greeter", "a b", "", "operator")) {
      assertThat(run("key", name).exitCode()).as(name).isEqualTo(2);
    }
    assertThat(run("key").exitCode()).isEqualTo(2);
  }

  @Test
  void whoJoinsASystemWithoutTlsIsToldToDoWithoutToo() {
    StateDir dir = new StateDir(temporary).create();
    running(dir, REGISTRY);
    assertThat(run("key", "greeter-svc", "--state", dir.path().toString()).out())
        .doesNotContain("WEFT_TLS");

    running(dir, REGISTRY, true);

    assertThat(run("key", "greeter-svc", "--state", dir.path().toString()).out())
        .contains("export WEFT_TLS='off'\n");
  }

  private static void running(StateDir dir, String registry) {
    running(dir, registry, false);
  }

  private static void running(StateDir dir, String registry, boolean plaintext) {
    ProcessHandle self = ProcessHandle.current();
    long started = self.info().startInstant().orElseThrow().toEpochMilli();
    new SystemState(
            new SystemState.Running("supervisor", self.pid(), started, "ready", 0, 0, 0),
            true,
            false,
            plaintext,
            List.of(),
            Map.of("registry", registry))
        .write(dir);
  }

  private static List<String> evaluated(String exports) throws Exception {
    Process shell =
        new ProcessBuilder(
                "sh",
                "-c",
                exports
                    + "printf '%s\\n' \"$CONSUL_HTTP_ADDR\" \"$WEFT_SERVICE_KEY_FILE\""
                    + " \"$WEFT_SERVICE_KEYS_FILE\"")
            .start();
    return shell.inputReader().lines().toList();
  }

  private record Said(int exitCode, String out, String err) {}

  private static Said run(String... arguments) {
    var err = new StringWriter();
    var bytes = new ByteArrayOutputStream();
    PrintStream before = System.out;
    System.setOut(new PrintStream(bytes, true, UTF_8));
    try {
      CommandLine command = Weft.commandLine(Map.of()).setErr(new PrintWriter(err, true));
      return new Said(command.execute(arguments), bytes.toString(UTF_8), err.toString());
    } finally {
      System.setOut(before);
    }
  }
}
