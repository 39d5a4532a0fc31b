package dev.weft.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Iterator;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/** Somebody who orders over REST. Logged in for five minutes. Thread-safe. */
final class Customer {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final HttpClient HTTP =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private final String edge;
  private final String bearer;
  private volatile String refreshToken;

  private Customer(String edge, String bearer, String refreshToken) {
    this.edge = edge;
    this.bearer = bearer;
    this.refreshToken = refreshToken;
  }

  /** Somebody with a new account. */
  static Customer registered(String edge) throws IOException, InterruptedException {
    String email = UUID.randomUUID() + "@example.test";
    String password = "a phrase that is long enough";
    var nobody = new Customer(edge, "", "");
    nobody.post(
        "/v1/users",
        """
        {"email":"%s","password":"%s","profile":{"firstName":"Ada","lastName":"Weaver"}}
        """
            .formatted(email, password));
    return loggedIn(edge, email, password);
  }

  static Customer loggedIn(String edge, String email, String password)
      throws IOException, InterruptedException {
    JsonNode login =
        new Customer(edge, "", "")
            .post(
                "/v1/auth:login",
                "{\"email\":\"%s\",\"password\":\"%s\"}".formatted(email, password));
    return new Customer(
        edge, "Bearer " + login.get("accessToken").asText(), login.get("refreshToken").asText());
  }

  /** Takes a new refresh token for the one there is, which is good for one use. */
  void refresh() throws IOException, InterruptedException {
    refreshToken =
        post("/v1/auth:refresh", "{\"refreshToken\":\"" + refreshToken + "\"}")
            .get("refreshToken")
            .asText();
  }

  /** Watches what there is of a product until the edge ends that; returns the last line. */
  String watchStock(String productId) throws IOException, InterruptedException {
    HttpResponse<Stream<String>> answer =
        HTTP.send(
            HttpRequest.newBuilder(URI.create(edge + "/v1/products/" + productId + ":watchStock"))
                .header("accept", "application/x-ndjson")
                .header("authorization", bearer)
                .build(),
            BodyHandlers.ofLines());
    try (Stream<String> lines = answer.body()) {
      return lines
          .filter(line -> !line.isBlank())
          .reduce((_, next) -> next)
          .orElse("nothing, status " + answer.statusCode());
    }
  }

  /** Makes a product, with a million of it in stock, as an administrator may; returns its id. */
  String makeProduct(String title) throws IOException, InterruptedException {
    JsonNode product =
        post(
            "/v1/products",
            """
            {"sku":"BENCH-%s","title":"%s","price":{"currencyCode":"EUR","units":"10"}}
            """
                .formatted(UUID.randomUUID(), title));
    String id = product.get("productId").asText();
    post("/v1/products/" + id + ":restock", "{\"quantity\":1000000}");
    return id;
  }

  /** Places an order of one piece and returns its id once it is accepted. */
  String order(String productId, String card) throws IOException, InterruptedException {
    return post("/v1/orders", orderText(productId, card)).get("orderId").asText();
  }

  /** The bytes of a request to place an order of one piece, of a new one each time. */
  byte[] orderBytes(String productId) {
    return bytes(
        "POST",
        "/v1/orders",
        "idempotency-key: " + UUID.randomUUID() + "\r\ncontent-type: application/json\r\n",
        orderText(productId, "card_ok"));
  }

  /** The bytes of a request for what user-svc reads in its database. */
  byte[] readBytes() {
    return readBytes(0);
  }

  /** As that, in turns with what order-svc reads. */
  byte[] readBytes(int turn) {
    return bytes(
        "GET",
        switch (turn % 3) {
          case 0 -> "/v1/me";
          case 1 -> "/v1/orders?pageSize=1";
          default -> "/v1/cart";
        },
        "",
        "");
  }

  /** The bytes of a request for a page of products. */
  static byte[] catalogueBytes(String edge) {
    return new Customer(edge, "", "").bytes("GET", "/v1/products?pageSize=5", "", "");
  }

  private byte[] bytes(String method, String path, String headers, String body) {
    return """
        %s %s HTTP/1.1\r
        Host: %s\r
        %s%sContent-Length: %d\r
        \r
        %s"""
        .formatted(
            method,
            path,
            URI.create(edge).getAuthority(),
            bearer.isEmpty() ? "" : "Authorization: " + bearer + "\r\n",
            headers,
            body.getBytes(StandardCharsets.UTF_8).length,
            body)
        .getBytes(StandardCharsets.UTF_8);
  }

  private static String orderText(String productId, String card) {
    return """
        {"items":[{"productId":"%s","quantity":1}],"paymentMethod":"%s","shippingAddress":
        {"name":"Ada","line1":"Loom Street 1","city":"Ghent","postalCode":"9000","countryCode":"BE"}}
        """
        .formatted(productId, card);
  }

  /** Watches an order until it has ended; returns its last state. */
  String watchToTheEnd(String orderId) throws IOException, InterruptedException {
    HttpResponse<Stream<String>> answer =
        HTTP.send(
            request("/v1/orders/" + orderId + ":watch")
                .header("accept", "application/x-ndjson")
                .GET()
                .build(),
            BodyHandlers.ofLines());
    String last = "nothing, status " + answer.statusCode();
    try (Stream<String> lines = answer.body()) {
      for (Iterator<String> each = lines.iterator(); each.hasNext(); ) {
        String line = each.next();
        if (!line.isEmpty()) {
          last = JSON.readTree(line).findPath("state").asText(last);
        }
      }
    }
    return last;
  }

  /** Their newest order as their list has it; empty if it has none. */
  Optional<JsonNode> newestOrder() throws IOException, InterruptedException {
    return Optional.ofNullable(get("/v1/orders?pageSize=1").at("/orders/0"))
        .filter(order -> !order.isMissingNode());
  }

  /** As that, by a list that has to be as new as the first version of an order. */
  JsonNode newestOrderAfter(String orderId) throws IOException, InterruptedException {
    return get("/v1/orders?pageSize=1&readAfter=" + orderId + ":1").at("/orders/0");
  }

  private JsonNode get(String path) throws IOException, InterruptedException {
    return body(path, HTTP.send(request(path).GET().build(), BodyHandlers.ofString()));
  }

  private JsonNode post(String path, String json) throws IOException, InterruptedException {
    return body(path, HTTP.send(postRequest(path, json), BodyHandlers.ofString()));
  }

  private HttpRequest postRequest(String path, String json) {
    return request(path)
        .header("content-type", "application/json")
        .header("idempotency-key", UUID.randomUUID().toString())
        .POST(BodyPublishers.ofString(json))
        .build();
  }

  private static JsonNode body(String path, HttpResponse<String> answer) throws IOException {
    if (answer.statusCode() / 100 != 2) {
      throw new IllegalStateException(
          path + " answered " + answer.statusCode() + ": " + answer.body());
    }
    return JSON.readTree(answer.body());
  }

  private HttpRequest.Builder request(String path) {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(edge + path)).timeout(TIMEOUT);
    return bearer.isEmpty() ? request : request.header("authorization", bearer);
  }
}
