package dev.weft.payment;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Stands before a card network and refuses refunds, or keeps its answers for itself, as long as it
 * is told to.
 */
final class StubbornNetwork implements AutoCloseable {
  private static final byte[] REFUSAL =
      "{\"error\":{\"code\":\"refund_exceeds_capture\",\"message\":\"no\"}}"
          .getBytes(StandardCharsets.UTF_8);

  private final URI network;
  private final HttpServer server;
  private final HttpClient http = HttpClient.newHttpClient();
  private final AtomicInteger refusals = new AtomicInteger();
  private final AtomicInteger refused = new AtomicInteger();
  private final AtomicInteger captures = new AtomicInteger();
  private volatile boolean answersLost;

  StubbornNetwork(URI network) throws IOException {
    this.network = network;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::answer);
    server.start();
  }

  URI address() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** Refuses so many requests for refunds from now on. */
  void refuseRefunds(int times) {
    refusals.set(times);
  }

  /** Passes requests on and answers none, until told otherwise. */
  void loseAnswers(boolean all) {
    answersLost = all;
  }

  /** How many it has refused. */
  int refused() {
    return refused.get();
  }

  /** How often it was asked to capture. */
  int captures() {
    return captures.get();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      if (exchange.getRequestURI().getPath().endsWith(":capture")) {
        captures.incrementAndGet();
      }
      boolean refund = exchange.getRequestURI().getPath().endsWith(":refund");
      if (refund && refusals.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
        refused.incrementAndGet();
        exchange.sendResponseHeaders(409, REFUSAL.length);
        exchange.getResponseBody().write(REFUSAL);
        return;
      }
      HttpResponse<byte[]> answer = passOn(exchange);
      if (answersLost) {
        return;
      }
      exchange.sendResponseHeaders(answer.statusCode(), answer.body().length);
      exchange.getResponseBody().write(answer.body());
    }
  }

  private HttpResponse<byte[]> passOn(HttpExchange exchange) throws IOException {
    String key = exchange.getRequestHeaders().getFirst("Idempotency-Key");
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(network + exchange.getRequestURI().toString()))
            .method(
                exchange.getRequestMethod(),
                BodyPublishers.ofByteArray(exchange.getRequestBody().readAllBytes()));
    if (key != null) {
      request.header("Idempotency-Key", key);
    }
    try {
      return http.send(request.build(), BodyHandlers.ofByteArray());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    http.shutdownNow();
  }
}
