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
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The process as {@code ./weft up} starts it. */
final class CardNetworkProcessTest {
  private static final Pattern FILLED = Pattern.compile("(?m)^[a-z]+ ([0-9]+) ([0-9]+) ([0-9]+)$");

  /** Small, so that it is full soon. */
  private static final String HEAP_OF_FILL = "-Xmx16m";

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
  void losesNoCaptureItAnsweredWhenItIsKilled() throws Exception {
    int charges = 600;
    Set<String> captured = ConcurrentHashMap.newKeySet();
    AtomicInteger next = new AtomicInteger();
    Process process = start(Map.of());
    URI first = address(process);
    for (int i = 0; i < charges; i++) {
      assertThat(authorize(first, "order-" + i)).hasValue(201);
    }
    for (int round = 0; round < 3; round++) {
      URI address = round == 0 ? first : address(process);
      int enough = (round + 1) * 100;
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        for (int i = 0; i < 20; i++) {
          threads.execute(() -> captureUntilItDies(address, next, charges, captured));
        }
        while (captured.size() < enough) {
          Thread.onSpinWait();
        }
        process.destroyForcibly().waitFor();
      }
      process = start(Map.of());
    }

    URI address = address(process);
    assertThat(captured).hasSizeBetween(300, charges - 1);
    for (String id : captured) {
      assertThat(get(address, "/v1/charges/" + id)).contains("\"status\":\"captured\"");
    }
    // Of the others, some were captured and nobody was told: their keys tell, and take no more.
    for (int i = 0; i < charges; i++) {
      assertThat(capture(address, "ch_" + i)).hasValue(200);
    }
    assertThat(entries(address, "capture")).isEqualTo(charges);
  }

  @Test
  void holdsWhatItsHeapCanHoldAlsoWhenItStartsAgain() throws Exception {
    Process fill = launch(HEAP_OF_FILL, LedgerFill.class, directory.toString(), "1");
    String said = new String(fill.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(fill.waitFor()).as(said).isZero();

    Matcher figures = FILLED.matcher(said);
    List<String> charges = new ArrayList<>();
    while (figures.find()) {
      charges.add(figures.group(1));
      long weighed = Long.parseLong(figures.group(2));
      assertThat(Long.parseLong(figures.group(3))).as(said).isLessThan(weighed);
    }
    assertThat(charges).as(said).hasSize(2);
    assertThat(charges.getFirst()).isEqualTo(charges.getLast());

    URI address = address(launch(HEAP_OF_FILL, CardNetworkServer.class));
    assertThat(authorize(address, "one-more")).hasValue(503);
    assertThat(get(address, "/v1/charges/ch_0")).contains("\"status\":");
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
      OptionalInt status = authorize(address, reference);
      if (status.isEmpty()) {
        return;
      }
      assertThat(status).hasValue(201);
      answered.add(reference);
    }
  }

  private void captureUntilItDies(
      URI address, AtomicInteger next, int charges, Set<String> captured) {
    for (int i = next.getAndIncrement(); i < charges; i = next.getAndIncrement()) {
      OptionalInt status = capture(address, "ch_" + i);
      if (status.isEmpty()) {
        return;
      }
      assertThat(status).hasValue(200);
      captured.add("ch_" + i);
    }
  }

  private OptionalInt authorize(URI address, String reference) {
    String body =
        "{\"reference\":\"%s\",\"card\":\"card_ok\",\"amount\":1,\"currency\":\"EUR\"}"
            .formatted(reference);
    return post(address, "/v1/charges", reference, body);
  }

  private OptionalInt capture(URI address, String id) {
    return post(address, "/v1/charges/" + id + ":capture", "capture:" + id, "");
  }

  /** The status; empty when the process is gone. */
  private OptionalInt post(URI address, String path, String key, String body) {
    try {
      return OptionalInt.of(
          http.send(
                  HttpRequest.newBuilder(address.resolve(path))
                      .header("Idempotency-Key", key)
                      .POST(BodyPublishers.ofString(body))
                      .build(),
                  BodyHandlers.discarding())
              .statusCode());
    } catch (IOException e) {
      return OptionalInt.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return OptionalInt.empty();
    }
  }

  private String get(URI address, String path) throws Exception {
    return http.send(HttpRequest.newBuilder(address.resolve(path)).build(), BodyHandlers.ofString())
        .body();
  }

  /** How many lines of the ledger are of this operation. */
  private int entries(URI address, String operation) throws Exception {
    Pattern next = Pattern.compile("\"next\":([0-9]+)}$");
    int count = 0;
    String from = "0";
    while (true) {
      String page = get(address, "/v1/ledger?limit=500&from=" + from);
      count += page.split("\"operation\":\"" + operation + "\"", -1).length - 1;
      Matcher matcher = next.matcher(page);
      assertThat(matcher.find()).isTrue();
      if (matcher.group(1).equals(from)) {
        return count;
      }
      from = matcher.group(1);
    }
  }

  private Process start(Map<String, String> environment) throws IOException {
    return launch("-Xmx64m", environment, CardNetworkServer.class);
  }

  private Process launch(String heap, Class<?> main, String... arguments) throws IOException {
    return launch(heap, Map.of(), main, arguments);
  }

  private Process launch(
      String heap, Map<String, String> environment, Class<?> main, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"));
    command.add(System.getProperty("java.class.path"));
    command.add(main.getName());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
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
