package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Somebody who talks to the edge over REST, logged in or not. Thread-safe. */
final class Visitor {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HttpClient HTTP =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(5))
          .followRedirects(HttpClient.Redirect.NORMAL)
          .build();
  private static final Duration TIMEOUT = Duration.ofSeconds(20);

  /** Well before an access token ends. */
  private static final Duration TOKEN_AGE = Duration.ofMinutes(4);

  private final Weft weft;
  private final @Nullable Account account;
  private @Nullable Login login;

  private record Account(String email, String password) {}

  private record Login(String token, Instant at) {}

  private Visitor(Weft weft, @Nullable Account account) {
    this.weft = weft;
    this.account = account;
  }

  static Visitor anonymous(Weft weft) {
    return new Visitor(weft, null);
  }

  /** The customer whose password {@code ./weft up} prints. */
  static Visitor demo(Weft weft) {
    return known(weft, "customer");
  }

  static Visitor admin(Weft weft) {
    return known(weft, "admin");
  }

  /** A customer nobody knew before. */
  static Visitor registered(Weft weft) {
    var account = new Account(UUID.randomUUID() + "@example.test", "a long enough pass phrase");
    Answer created =
        anonymous(weft)
            .post(
                "/v1/users",
                Map.of(
                    "email",
                    account.email,
                    "password",
                    account.password,
                    "profile",
                    Map.of("firstName", "Ada", "lastName", "Weaver")));
    assertThat(created.status()).as("%s", created).isEqualTo(201);
    return new Visitor(weft, account);
  }

  private static Visitor known(Weft weft, String who) {
    JsonNode account = weft.demo().path(who);
    return new Visitor(
        weft, new Account(account.path("email").textValue(), account.path("password").textValue()));
  }

  Answer get(String path) {
    return send(request("GET", path, BodyPublishers.noBody(), null));
  }

  Answer delete(String path) {
    return send(request("DELETE", path, BodyPublishers.noBody(), null));
  }

  Answer post(String path, Object body) {
    return send(request("POST", path, json(body), null));
  }

  /** With an {@code Idempotency-Key}. */
  Answer post(String path, String key, Object body) {
    return send(request("POST", path, json(body), key));
  }

  /** With headers besides: names and values in turn. */
  Answer post(String path, Object body, String... headers) {
    return send(builder("POST", path, json(body)).headers(headers).build());
  }

  Answer patch(String path, Object body) {
    return send(request("PATCH", path, json(body), null));
  }

  /** Any request without a body; headers are names and values in turn. */
  Answer send(String method, String path, String... headers) {
    HttpRequest.Builder request = builder(method, path, BodyPublishers.noBody());
    if (headers.length > 0) {
      request.headers(headers);
    }
    return send(request.build());
  }

  /** The lines of a stream as they come; the caller closes it. */
  Stream<String> lines(String path) {
    try {
      HttpResponse<Stream<String>> answer =
          HTTP.send(request("GET", path, BodyPublishers.noBody(), null), BodyHandlers.ofLines());
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.headers().firstValue("content-type")).hasValue("application/x-ndjson");
      return answer.body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Any page of the system, such as one of a management port. */
  static Answer fetch(String url) {
    return send(HttpRequest.newBuilder(URI.create(url)).timeout(TIMEOUT).build());
  }

  /** Any request to one, such as to the registry; fails unless the answer is 200. */
  static Answer ask(String method, String url, String body) {
    Answer answer =
        send(
            HttpRequest.newBuilder(URI.create(url))
                .timeout(TIMEOUT)
                .method(method, BodyPublishers.ofString(body))
                .build());
    assertThat(answer.status()).as("%s %s: %s", method, url, answer).isEqualTo(200);
    return answer;
  }

  /** A valid access token. */
  synchronized String token() {
    if (account == null) {
      throw new IllegalStateException("nobody's token");
    }
    Login known = login;
    if (known == null || known.at.plus(TOKEN_AGE).isBefore(Instant.now())) {
      Answer answer = anonymous(weft).post("/v1/auth:login", account);
      assertThat(answer.status()).as("%s", answer).isEqualTo(200);
      known = new Login(answer.text("accessToken"), Instant.now());
      login = known;
    }
    return known.token;
  }

  private HttpRequest request(
      String method, String path, BodyPublisher body, @Nullable String key) {
    HttpRequest.Builder request = builder(method, path, body);
    if (key != null) {
      request.header("idempotency-key", key);
    }
    return request.build();
  }

  private HttpRequest.Builder builder(String method, String path, BodyPublisher body) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(weft.url("edge") + path))
            .timeout(TIMEOUT)
            .method(method, body);
    if (!method.equals("GET") && !method.equals("DELETE")) {
      request.header("content-type", "application/json");
    }
    if (account != null) {
      request.header("authorization", "Bearer " + token());
    }
    return request;
  }

  private static Answer send(HttpRequest request) {
    try {
      HttpResponse<String> response = HTTP.send(request, BodyHandlers.ofString());
      return new Answer(response.statusCode(), response.headers(), response.body());
    } catch (IOException e) {
      throw new UncheckedIOException(request + ": " + e, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private static BodyPublisher json(Object body) {
    try {
      return BodyPublishers.ofString(JSON.writeValueAsString(body));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
