package dev.weft.card;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The process as {@code ./weft up} starts it. */
final class CardNetworkProcessTest {
  private static final Pattern LISTENS = Pattern.compile("listens on (http://[^ ]+) with ([^ ]+)");

  @TempDir Path directory;
  private final List<Process> started = new ArrayList<>();
  private final HttpClient http = HttpClient.newHttpClient();

  @AfterEach
  void stop() {
    started.forEach(Process::destroyForcibly);
    http.close();
  }

  @Test
  void losesNothingItAnsweredWhenItIsKilled() throws Exception {
    Set<String> answered = ConcurrentHashMap.newKeySet();
    for (int round = 0; round < 3; round++) {
      Process process = start(Map.of());
      URI address = address(process);
      String prefix = "round-" + round + "-";
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        for (int i = 0; i < 20; i++) {
          int worker = i;
          threads.execute(() -> authorizeUntilItDies(address, prefix + worker + "-", answered));
        }
        while (answered.size() < (round + 1) * 200 && process.isAlive()) {
          Thread.onSpinWait();
        }
        process.destroyForcibly().waitFor();
      }
    }

    URI address = address(start(Map.of()));

    assertThat(answered).hasSizeGreaterThanOrEqualTo(600);
    for (String reference : answered) {
      assertThat(
              http.send(
                      HttpRequest.newBuilder(address.resolve("/v1/charges?reference=" + reference))
                          .build(),
                      BodyHandlers.ofString())
                  .body())
          .contains("\"reference\":\"" + reference + "\"");
    }
  }

  @Test
  void refusesAWrongVariableWithOneLine() throws Exception {
    Process process = start(Map.of("PORT", "many"));

    assertThat(process.waitFor()).isEqualTo(64);
    assertThat(errors(process))
        .isEqualTo("card-network: PORT=many (expected: a whole number from 0 to 65535)\n");
  }

  @Test
  void saysWhoHasThePortOrTheDirectory() throws Exception {
    URI address = address(start(Map.of()));

    Process sameDirectory = start(Map.of());
    assertThat(sameDirectory.waitFor()).isEqualTo(1);
    assertThat(errors(sameDirectory)).contains("in use by another card-network").hasLineCount(1);

    Process samePort =
        start(
            Map.of(
                "PORT",
                Integer.toString(address.getPort()),
                "WEFT_DATA_DIR",
                directory.resolve("other").toString()));
    assertThat(samePort.waitFor()).isEqualTo(1);
    assertThat(errors(samePort)).contains("cannot listen on 127.0.0.1:").hasLineCount(1);
  }

  @Test
  void stopsOnSigterm() throws Exception {
    Process process = start(Map.of());
    address(process);

    process.destroy();

    assertThat(process.waitFor(5, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(143);
  }

  private void authorizeUntilItDies(URI address, String prefix, Set<String> answered) {
    for (int i = 0; ; i++) {
      String reference = prefix + i;
      try {
        int status =
            http.send(
                    HttpRequest.newBuilder(address.resolve("/v1/charges"))
                        .header("Idempotency-Key", reference)
                        .POST(
                            BodyPublishers.ofString(
                                "{\"reference\":\"%s\",\"card\":\"card_ok\",\"amount\":1,\"currency\":\"EUR\"}"
                                    .formatted(reference)))
                        .build(),
                    BodyHandlers.discarding())
                .statusCode();
        assertThat(status).isEqualTo(201);
        answered.add(reference);
      } catch (IOException e) {
        return;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
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
            CardNetworkServer.class.getName());
    builder.environment().putAll(Map.of("PORT", "0", "WEFT_DATA_DIR", directory.toString()));
    builder.environment().putAll(environment);
    Process process = builder.start();
    started.add(process);
    return process;
  }

  /** Reads the log up to the line that says it listens. */
  private static URI address(Process process) throws IOException {
    BufferedReader log =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    for (String line = log.readLine(); line != null; line = log.readLine()) {
      Matcher listens = LISTENS.matcher(line);
      if (listens.find()) {
        return URI.create(listens.group(1));
      }
    }
    throw new AssertionError("it did not start: " + errors(process));
  }

  private static String errors(Process process) throws IOException {
    return new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
  }
}
