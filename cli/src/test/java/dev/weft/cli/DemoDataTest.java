package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DemoDataTest {
  private record Reply(int status, String body) {}

  @TempDir Path folder;

  private final Map<String, Reply> replies = new ConcurrentHashMap<>();
  private final AtomicInteger posts = new AtomicInteger();
  private HttpServer edge;

  @BeforeEach
  void open() throws IOException {
    edge = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    edge.createContext("/", this::answer);
    edge.start();
    replies.put("POST /v1/users", new Reply(201, "{}"));
  }

  @AfterEach
  void close() {
    edge.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      exchange.getRequestBody().readAllBytes();
      boolean get = exchange.getRequestMethod().equals("GET");
      if (!get) {
        posts.incrementAndGet();
      }
      String asked = exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath();
      Reply reply = replies.getOrDefault(asked, new Reply(get ? 200 : 500, "{}"));
      byte[] body = reply.body().getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(reply.status(), body.length);
      exchange.getResponseBody().write(body);
    }
  }

  private Trouble trouble() {
    String url = "http://127.0.0.1:" + edge.getAddress().getPort();
    DemoData data = new DemoData(StateDir.of(folder.resolve("state")).create(), new Http(), url);
    return catchThrowableOfType(Trouble.class, data::seed);
  }

  @Test
  void saysWhyItWasRefusedAndAsksOnce() {
    replies.put(
        "POST /v1/auth:login",
        new Reply(503, "{\"title\":\"Service Unavailable\",\"reason\":\"ISSUER_UNAVAILABLE\"}"));

    assertThat(trouble())
        .hasMessage("logging in as admin@weft.example was refused: 503 ISSUER_UNAVAILABLE");
    assertThat(posts).hasValue(2);
  }

  @Test
  void saysTheTitleOfAProblemWithoutAReason() {
    replies.put("POST /v1/users", new Reply(502, "{\"title\":\"Bad Gateway\",\"detail\":\"x\"}"));

    assertThat(trouble()).hasMessage("registering demo@weft.example was refused: 502 Bad Gateway");
  }

  @Test
  void neverTellsWhatAnAnswerHolds() {
    for (String body :
        new String[] {
          "{\"accessTokens\":\"s3cret\"}", "s3cret", "{\"accessToken\":[\"s3cret\"]}"
        }) {
      for (int status : new int[] {200, 400}) {
        replies.put("POST /v1/auth:login", new Reply(status, body));

        assertThat(trouble()).hasMessageContaining("" + status).hasMessageNotContaining("s3cret");
      }
    }
  }
}
