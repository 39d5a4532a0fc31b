package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.util.JSONObjectUtils;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.Logger;

/** Real processes that are really asked to stop. */
@Timeout(60)
class MeshProcessTest {
  private final List<Process> started = new ArrayList<>();

  @AfterEach
  void kill() {
    started.forEach(Process::destroyForcibly);
  }

  private Process start(Map<String, String> environment) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx64m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            ProcessOfATest.class.getName());
    builder.environment().clear();
    builder.environment().putAll(environment);
    Process process = builder.start();
    started.add(process);
    return process;
  }

  private static void awaitLine(BufferedReader out, String text) throws IOException {
    String line;
    do {
      line = out.readLine();
      assertThat(line).as("the output ended before: " + text).isNotNull();
    } while (!line.contains(text));
  }

  private static String rest(BufferedReader reader) {
    return String.join("\n", reader.lines().toList());
  }

  @Test
  void theVersionIsTheOneOfTheJarUnlessTheEnvironmentSaysAnother() {
    Class<?> inAJar = Logger.class;
    String version = inAJar.getPackage().getImplementationVersion();

    assertThat(version).isNotNull();
    assertThat(MeshProcess.withVersionOf(inAJar, Env.of(Map.of())).or("WEFT_VERSION", "dev"))
        .isEqualTo(version);
    Env canary = Env.of(Map.of("WEFT_VERSION", "canary"));
    assertThat(MeshProcess.withVersionOf(inAJar, canary).or("WEFT_VERSION", "dev"))
        .isEqualTo("canary");
    assertThat(MeshProcess.withVersionOf(getClass(), Env.of(Map.of())).or("WEFT_VERSION", "dev"))
        .isEqualTo("dev");
  }

  @Test
  void closesInOrderWhenAskedToStop() throws Exception {
    Process process = start(Map.of("PORT", "9999"));
    BufferedReader out = process.inputReader();
    awaitLine(out, "serving on 9999");
    awaitLine(out, "test-svc started in");
    process.toHandle().destroy();

    assertThat(rest(out)).contains("closed in order", "test-svc stopped in");
    assertThat(process.waitFor()).isEqualTo(143);
    assertThat(rest(process.errorReader())).isEmpty();
  }

  @Test
  void aServiceThatIsAskedToStopWhileItIsCalledLosesNoCall() throws Exception {
    try (Meshes meshes = new Meshes()) {
      Echo other = new Echo();
      meshes.open("echo-svc").server(other).start();
      URI agent = meshes.consul.config().address();
      Process process =
          start(
              Map.of(
                  "BEHAVIOUR",
                  "echo",
                  "CONSUL_HTTP_ADDR",
                  agent.toString(),
                  "WEFT_ISSUER_WAIT",
                  "PT0.001S",
                  "WEFT_TLS",
                  "off",
                  "WEFT_DRAIN_WAIT",
                  "PT0.5S"));
      BufferedReader out = process.inputReader();
      awaitLine(out, "test-svc started in");
      var stub =
          EchoServiceGrpc.newBlockingStub(meshes.open("caller-svc").channel("echo-svc"))
              .withDeadlineAfter(30, TimeUnit.SECONDS);
      EchoRequest request = EchoRequest.newBuilder().setText("a").build();
      int sent = 0;
      // Every other call is the process's, once both are connected.
      for (int mine = 0; mine < 20; sent++) {
        int before = other.calls.get();
        stub.write(request);
        mine += other.calls.get() == before ? 1 : 0;
      }
      process.toHandle().destroy();

      while (process.isAlive()) {
        stub.write(request);
        sent++;
      }

      assertThat(process.exitValue()).isEqualTo(143);
      assertThat(other.calls.get()).isBetween(1, sent - 20);
      assertThat(rest(out)).contains("deregistered echo-svc", "test-svc stopped in");
    }
  }

  @Test
  void aWrongVariableIsOneLineAndCode64() throws Exception {
    for (Map<String, String> wrong :
        List.of(Map.of("PORT", "x"), Map.of("LOG_LEVEL", "LOUD"), Map.of("LOG_FORMAT", "xml"))) {
      Process process = start(wrong);
      String variable = wrong.keySet().iterator().next();

      assertThat(process.waitFor()).isEqualTo(64);
      assertThat(rest(process.errorReader()))
          .startsWith("test-svc: " + variable + "=" + wrong.get(variable))
          .doesNotContain("\n");
      assertThat(rest(process.inputReader())).isEmpty();
    }
  }

  @Test
  void aFailedStartIsCode1WithItsCauseInTheLogAndIsCleanedUp() throws Exception {
    Process process = start(Map.of("BEHAVIOUR", "fail"));
    String out = rest(process.inputReader());

    assertThat(process.waitFor()).isEqualTo(1);
    assertThat(out).contains("the database is away", "closed in order");
    assertThat(out.lines().toList()).allSatisfy(line -> JSONObjectUtils.parse(line));
  }

  @Test
  void canBeStoppedWhileItStarts() throws Exception {
    Process process = start(Map.of("BEHAVIOUR", "hang", "LOG_LEVEL", "DEBUG"));
    BufferedReader out = process.inputReader();
    awaitLine(out, "test-svc starts");
    process.toHandle().destroy();

    assertThat(rest(out)).contains("closed in order");
    assertThat(process.waitFor()).isEqualTo(143);
  }

  @Test
  void anExceptionThatNobodyCatchesIsLogged() throws Exception {
    Process process = start(Map.of("BEHAVIOUR", "uncaught", "LOG_FORMAT", "text"));
    BufferedReader out = process.inputReader();

    awaitLine(out, "thread worker died");
    awaitLine(out, "nobody catches this");
    process.toHandle().destroy();
    assertThat(process.waitFor()).isEqualTo(143);
  }

  @Test
  void aCloseThatHangsIsEnded() throws Exception {
    CountDownLatch exited = new CountDownLatch(1);
    AtomicReference<Integer> code = new AtomicReference<>();
    AtomicReference<Runnable> signal = new AtomicReference<>(() -> {});
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    MeshProcess process =
        new MeshProcess(
            "test-svc",
            new PrintStream(err, true, StandardCharsets.UTF_8),
            exit -> {
              code.set(exit);
              exited.countDown();
            },
            Duration.ofMillis(50));
    process.start(
        Env.of(Map.of()),
        env ->
            new RunningProcess() {
              @Override
              public void start() {}

              @Override
              public void close() {
                try {
                  new CountDownLatch(1).await();
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              }
            },
        signal::set);
    Objects.requireNonNull(signal.get()).run();

    assertThat(exited.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(code.get()).isEqualTo(1);
  }
}
