package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One page in a real Chromium without a window, driven by its DevTools protocol. Used by one
 * thread.
 */
final class Browser implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Process process;
  private final Path profile;
  private final WebSocket socket;
  private final BlockingQueue<JsonNode> received = new LinkedBlockingQueue<>();
  private int calls;

  private Browser(Process process, Path profile) throws IOException, InterruptedException {
    this.process = process;
    this.profile = profile;
    HttpClient client = HttpClient.newHttpClient();
    HttpRequest newPage =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port() + "/json/new"))
            .timeout(PATIENCE)
            .PUT(BodyPublishers.noBody())
            .build();
    JsonNode page = Answer.json(client.send(newPage, BodyHandlers.ofString()).body());
    socket =
        client
            .newWebSocketBuilder()
            .buildAsync(
                URI.create(page.path("webSocketDebuggerUrl").textValue()), new Listener(received))
            .orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
            .join();
  }

  /** Starts a browser of its own, with a new profile below the tests' folder. */
  static Browser open(Path program) {
    try {
      Path profile = Files.createTempDirectory(Command.TARGET, "chromium");
      Process process =
          new ProcessBuilder(
                  program.toString(),
                  "--headless=new",
                  // CI is root in a container, where its sandbox cannot be.
                  "--no-sandbox",
                  "--disable-gpu",
                  "--disable-dev-shm-usage",
                  "--no-first-run",
                  "--remote-debugging-port=0",
                  "--user-data-dir=" + profile,
                  "about:blank")
              .redirectErrorStream(true)
              .redirectOutput(profile.resolve("chromium.log").toFile())
              .start();
      try {
        return new Browser(process, profile);
      } catch (IOException | RuntimeException | InterruptedException e) {
        process.destroyForcibly();
        throw e;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Where it listens, which it writes into its profile. */
  private int port() {
    Path file = profile.resolve("DevToolsActivePort");
    await("a browser").atMost(PATIENCE).until(() -> Files.exists(file) && lines(file).size() > 1);
    return Integer.parseInt(lines(file).getFirst());
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void goTo(String url) {
    call("Page.navigate", Map.of("url", url));
  }

  /** What an expression of JavaScript is in the page, as JSON has it. */
  JsonNode value(String expression) {
    JsonNode result =
        call("Runtime.evaluate", Map.of("expression", expression, "returnByValue", true));
    assertThat(result.has("exceptionDetails")).as("%s: %s", expression, result).isFalse();
    return result.path("result").path("value");
  }

  /** Waits until an expression is true; fails with what the page shows. */
  void awaitTrue(String expression) {
    await(expression).atMost(PATIENCE).until(() -> value("!!(" + expression + ")").booleanValue());
  }

  /** Clicks what a selector finds, as soon as it is there. */
  void click(String element) {
    awaitTrue(element);
    value("void (" + element + ").click()");
  }

  /** Types into a field. */
  void type(String element, String text) {
    awaitTrue(element);
    value("void (" + element + ").focus()");
    value("void (" + element + ").select()");
    call("Input.insertText", Map.of("text", text));
  }

  private JsonNode call(String method, Map<String, ?> params) {
    int id = ++calls;
    try {
      String text = JSON.writeValueAsString(Map.of("id", id, "method", method, "params", params));
      socket.sendText(text, true).orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
      while (true) {
        JsonNode message = received.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        if (message == null) {
          throw new AssertionError("the browser did not answer " + text);
        }
        if (message.path("id").asInt() == id) {
          assertThat(message.has("error")).as("%s", message).isFalse();
          return message.path("result");
        }
      }
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    socket.abort();
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
    try {
      if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError("a browser that was killed still runs after " + PATIENCE);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Puts the parts of a message together. */
  private static final class Listener implements WebSocket.Listener {
    private final BlockingQueue<JsonNode> received;
    private final StringBuilder text = new StringBuilder();

    Listener(BlockingQueue<JsonNode> received) {
      this.received = received;
    }

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
      text.append(part);
      if (last) {
        received.add(Answer.json(text.toString()));
        text.setLength(0);
      }
      socket.request(1);
      return null;
    }
  }
}
