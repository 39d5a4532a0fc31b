package dev.weft.cli;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Plain requests to the system's own ports. Thread-safe. */
final class Http {
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final String REGISTRY_TOKEN = "X-Consul-Token";

  private final HttpClient client =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(1))
          .build();

  /** An answer; status 0 when there was none. */
  record Answer(int status, String body) {
    boolean ok() {
      return status >= 200 && status < 300;
    }
  }

  Answer get(String url) {
    return get(url, TIMEOUT);
  }

  Answer get(String url, Duration atMost) {
    return send(HttpRequest.newBuilder(URI.create(url)).timeout(atMost).build());
  }

  /** Asks a registry, which may want a token. */
  Answer ask(String url, Optional<String> token) {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).timeout(TIMEOUT);
    token.ifPresent(text -> request.header(REGISTRY_TOKEN, text));
    return send(request.build());
  }

  /** Posts JSON, with a bearer token and an idempotency key where there are any. */
  Answer post(String url, String json, @Nullable String token, @Nullable String key) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url))
            .timeout(TIMEOUT)
            .header("content-type", "application/json")
            .POST(BodyPublishers.ofString(json));
    if (token != null) {
      request.header("authorization", "Bearer " + token);
    }
    if (key != null) {
      request.header("idempotency-key", key);
    }
    return send(request.build());
  }

  /**
   * Puts nothing, as a registry wants it where the address says all.
   *
   * @param token what the registry may want
   */
  Answer put(String url, Optional<String> token) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url)).timeout(TIMEOUT).PUT(BodyPublishers.noBody());
    token.ifPresent(text -> request.header(REGISTRY_TOKEN, text));
    return send(request.build());
  }

  private Answer send(HttpRequest request) {
    try {
      HttpResponse<String> response = client.send(request, BodyHandlers.ofString());
      return new Answer(response.statusCode(), response.body());
    } catch (IOException e) {
      return new Answer(0, e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Answer(0, "interrupted");
    }
  }
}
