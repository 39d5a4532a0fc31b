package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The agent as a process of its own. */
final class ProcessTest {
  private static final Pattern LISTENING = Pattern.compile("listening on (http://\\S+)");

  @TempDir Path folder;

  private Process agent(Map<String, String> variables) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xmx64m",
            "-cp",
            System.getProperty("java.class.path"),
            DevAgent.class.getName());
    builder.environment().keySet().removeAll(Set.of("PORT", "WEFT_BIND"));
    builder.environment().putAll(variables);
    return builder.redirectErrorStream(true).redirectOutput(log().toFile()).start();
  }

  private Path log() {
    return folder.resolve("log");
  }

  private void endsWith(int code, String line, Map<String, String> variables) throws Exception {
    Process process = agent(variables);
    try {
      assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
      assertThat(Files.readString(log()).strip()).isEqualTo(line);
      assertThat(process.exitValue()).isEqualTo(code);
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void namesAWrongVariableAndEndsWith64() throws Exception {
    endsWith(64, "consul-dev-agent: PORT: abc (expected: 0 to 65535)", Map.of("PORT", "abc"));
    endsWith(
        64,
        "consul-dev-agent: WEFT_BIND: 0.0.0.0 (expected: a loopback address; the development agent"
            + " has no access control)",
        Map.of("WEFT_BIND", "0.0.0.0"));
  }

  @Test
  void namesATakenPortAndEndsWith1() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      int port = taken.getLocalPort();
      endsWith(
          1,
          "consul-dev-agent: port "
              + port
              + " of 127.0.0.1 is taken: stop what listens there, or set PORT",
          Map.of("PORT", String.valueOf(port)));
    }
  }

  @Test
  void namesADataDirectoryItCannotUseAndEndsWith1() throws Exception {
    Path file = Files.createFile(folder.resolve("file"));
    endsWith(
        1,
        "consul-dev-agent: %s/data cannot hold the state: java.nio.file.FileAlreadyExistsException: %s"
            .formatted(file, file),
        Map.of("PORT", "0", "WEFT_DATA_DIR", file.resolve("data").toString()));
  }

  @Test
  void stopsOnASignalAndKeepsItsState() throws Exception {
    Map<String, String> variables =
        Map.of("PORT", "0", "WEFT_DATA_DIR", folder.resolve("data").toString());
    Process process = agent(variables);
    try {
      try (Api api = new Api(URI.create(listening()))) {
        api.put("/v1/kv/k", "kept").isOk();
      }
      process.destroy();
      assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    Files.delete(log());
    Process next = agent(variables);
    try (Api api = new Api(URI.create(listening()))) {
      assertThat(api.get("/v1/kv/k?raw").isOk().body()).isEqualTo("kept");
    } finally {
      next.destroyForcibly();
    }
  }

  private String listening() {
    return await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () -> {
              Matcher matcher =
                  LISTENING.matcher(Files.exists(log()) ? Files.readString(log()) : "");
              return matcher.find() ? matcher.group(1) : "";
            },
            address -> !address.isEmpty());
  }
}
