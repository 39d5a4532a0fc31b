package dev.weft.prove;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Somebody with an account who talks to the edge over REST. Thread-safe. */
final class Shopper {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration TIMEOUT = Duration.ofSeconds(15);

  /** Before an access token ends, which it does after five minutes. */
  private static final Duration TOKEN_AGE = Duration.ofMinutes(3);

  private static final Duration PATIENCE = Duration.ofSeconds(90);
  private static final HttpClient HTTP =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(2))
          .build();

  private final String edge;
  private final String email;
  private final String password;
  private @Nullable String token;
  private long tokenAt;
  private String id = "";

  private Shopper(String edge, String email, String password) {
    this.edge = edge;
    this.email = email;
    this.password = password;
  }

  static Shopper admin(Shop shop) {
    JsonNode admin = shop.folder().demo().path("admin");
    return new Shopper(
        shop.folder().url("edge"), admin.path("email").asText(), admin.path("password").asText());
  }

  /** Somebody who never asks for anything. */
  static Shopper named(String id) {
    Shopper shopper = new Shopper("", id, "");
    shopper.id = id;
    return shopper;
  }

  static Shopper registered(Shop shop) {
    String email = UUID.randomUUID() + "@example.test";
    Shopper shopper = new Shopper(shop.folder().url("edge"), email, "a phrase that is long enough");
    Answer created =
        patiently(
            () ->
                shopper.send(
                    "POST",
                    "/v1/users",
                    "",
                    json(
                        Map.of(
                            "email",
                            email,
                            "password",
                            shopper.password,
                            "profile",
                            Map.of("firstName", "Ada", "lastName", "Weaver"))),
                    ""));
    if (created.status() != 201) {
      throw new ProofException("no account: " + created);
    }
    shopper.id = created.text("userId");
    return shopper;
  }

  /** The user's id; empty for the admin. */
  String id() {
    return id;
  }

  Answer get(String path) {
    return get(path, TIMEOUT);
  }

  /** Waits this long for the answer. */
  Answer get(String path, Duration atMost) {
    return send("GET", path, "", "", token(), atMost);
  }

  Answer post(String path, String key, Object body) {
    return postText(path, key, json(body));
  }

  /** With a body that is already text. */
  Answer postText(String path, String key, String body) {
    return send("POST", path, key, body, token());
  }

  /** Deletes the own account. */
  Answer delete() {
    return send("DELETE", "/v1/users/" + id, "", "", token());
  }

  /** Gives back so much of a payment, as an admin may. */
  Answer refund(String payment, String key, long minor) {
    Map<String, Object> amount =
        Map.of("currencyCode", "EUR", "units", minor / 100, "nanos", minor % 100 * 10_000_000);
    return post("/v1/payments/" + payment + ":refund", key, Map.of("amount", amount));
  }

  /** Asks until there is a definite answer. */
  static Answer patiently(java.util.function.Supplier<Answer> request) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      Answer answer = request.get();
      if (answer.definite() || System.nanoTime() > end) {
        return answer;
      }
      Shop.pause(Duration.ofMillis(100));
    }
  }

  static String json(Object body) {
    try {
      return JSON.writeValueAsString(body);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private synchronized String token() {
    String known = token;
    if (known == null || System.nanoTime() - tokenAt > TOKEN_AGE.toNanos()) {
      Answer answer =
          patiently(
              () ->
                  send(
                      "POST",
                      "/v1/auth:login",
                      "",
                      json(Map.of("email", email, "password", password)),
                      ""));
      if (!answer.ok()) {
        throw new ProofException("cannot log in: " + answer.status());
      }
      known = answer.text("accessToken");
      token = known;
      tokenAt = System.nanoTime();
    }
    return known;
  }

  private Answer send(String method, String path, String key, String body, String bearer) {
    return send(method, path, key, body, bearer, TIMEOUT);
  }

  private Answer send(
      String method, String path, String key, String body, String bearer, Duration atMost) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(edge + path))
            .timeout(atMost)
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
    if (!body.isEmpty()) {
      request.header("content-type", "application/json");
    }
    if (!bearer.isEmpty()) {
      request.header("authorization", "Bearer " + bearer);
    }
    if (!key.isEmpty()) {
      request.header("idempotency-key", key);
    }
    try {
      HttpResponse<String> response = HTTP.send(request.build(), BodyHandlers.ofString());
      return new Answer(response.statusCode(), JSON.readTree(response.body()));
    } catch (IOException e) {
      return new Answer(0, JSON.missingNode());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }
}
