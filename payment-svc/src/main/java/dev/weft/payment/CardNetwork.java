package dev.weft.payment;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.failsafe.CircuitBreaker;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The card network, over HTTP. Every request carries an idempotency key that follows from the order
 * alone, so that sending it again never does it again, from whatever process and after whatever
 * crash. An answer that is missing, or that refuses, is followed by a look-up of the charge.
 *
 * <p>Limits: 1 s to connect, 6 s for an answer, 1 s for a look-up, 64 requests at once; and a
 * circuit breaker: when most of 20 or more operations within 10 s learned nothing, none is tried
 * for 5 s. An operation whose answer was lost but whose look-up told is no failure.
 *
 * <p>Blocks. Thread-safe.
 */
final class CardNetwork implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(CardNetwork.class);
  private static final Duration CONNECT = Duration.ofSeconds(1);
  private static final int AT_ONCE = 64;
  private static final Duration TURN = Duration.ofMillis(500);
  private static final int BODY_BYTES_MAX = 256 << 10;
  private static final JsonFactory JSON = new JsonFactory();

  private final URI address;
  private final Patience patience;
  private final HttpClient http;
  private final Semaphore turns = new Semaphore(AT_ONCE);
  private final CircuitBreaker<Object> breaker =
      CircuitBreaker.builder()
          .withFailureRateThreshold(50, 20, Duration.ofSeconds(10))
          .withDelay(Duration.ofSeconds(5))
          .withSuccessThreshold(3, 3)
          .onOpen(_ -> log.warn("the card network does not answer, it is left alone for 5 s"))
          .onClose(_ -> log.info("the card network answers again"))
          .build();

  /**
   * How long an answer may take, to its last byte.
   *
   * @param answer of an operation; with a look-up, a turn and a margin it stays below the 8 s that
   *     callers wait
   * @param lookUp of a look-up
   */
  record Patience(Duration answer, Duration lookUp) {
    static final Patience DEFAULT = new Patience(Duration.ofSeconds(6), Duration.ofSeconds(1));
  }

  CardNetwork(URI address, Patience patience) {
    this.address = address;
    this.patience = patience;
    http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT)
            .executor(Executors.newVirtualThreadPerTaskExecutor())
            .build();
  }

  /**
   * What is known after an operation.
   *
   * @param charge the order's charge as the network has it; empty when it has none, or did not say
   * @param refusal why the network did not do what it was asked, when it said so; its code
   */
  record Reply(Optional<CardCharge> charge, Optional<String> refusal) {
    /** Nothing: it may have been done, or may yet be. */
    static final Reply UNKNOWN = new Reply(Optional.empty(), Optional.empty());
  }

  /** Holds the payment's amount. */
  Reply authorize(Payment payment) {
    String body =
        json(
            json -> {
              json.writeStringField("reference", payment.orderId().toString());
              json.writeStringField("card", payment.method());
              json.writeNumberField("amount", payment.amount().minor());
              json.writeStringField("currency", payment.amount().currency());
            });
    return perform(payment, "/v1/charges", "authorize:" + payment.orderId(), body);
  }

  /** Takes what is held. */
  Reply capture(Payment payment) {
    return perform(payment, chargePath(payment) + ":capture", "capture:" + payment.orderId(), "");
  }

  /** Gives free what is held. */
  Reply release(Payment payment) {
    return perform(payment, chargePath(payment) + ":void", "void:" + payment.orderId(), "");
  }

  /**
   * Gives back what the refund says. Its id goes twice: as the idempotency key, and in the body, so
   * that a network that has forgotten the key still knows the refund.
   */
  Reply refund(Payment payment, Refund refund) {
    String body =
        json(
            json -> {
              json.writeStringField("refundId", refund.id().toString());
              json.writeNumberField("amount", refund.amountMinor());
            });
    return perform(payment, chargePath(payment) + ":refund", "refund:" + refund.id(), body);
  }

  /** Whether the network says that it is ready. */
  boolean reachable() {
    try {
      return send(request("/readyz"), patience.lookUp()).statusCode() == 200;
    } catch (IOException e) {
      log.debug("the card network is not reachable", e);
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  @Override
  public void close() {
    http.shutdownNow();
  }

  private Reply perform(Payment payment, String path, String key, String body) {
    try {
      if (!turns.tryAcquire(TURN.toMillis(), TimeUnit.MILLISECONDS)) {
        log.warn("{} requests to the card network run already, {} waits", AT_ONCE, key);
        return Reply.UNKNOWN;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Reply.UNKNOWN;
    }
    try {
      if (!breaker.tryAcquirePermit()) {
        return Reply.UNKNOWN;
      }
      boolean answered = false;
      try {
        Reply reply = sendThenLookUp(payment, path, key, body);
        answered = true;
        return reply;
      } catch (IOException e) {
        log.warn("{}: the outcome is not known yet: {}", key, e.toString());
        return Reply.UNKNOWN;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return Reply.UNKNOWN;
      } finally {
        if (answered) {
          breaker.recordSuccess();
        } else {
          breaker.recordFailure();
        }
      }
    } finally {
      turns.release();
    }
  }

  /** Throws when not even the look-up was answered. */
  private Reply sendThenLookUp(Payment payment, String path, String key, String body)
      throws IOException, InterruptedException {
    Optional<String> refusal = Optional.empty();
    try {
      HttpResponse<byte[]> response =
          send(
              request(path)
                  .header("Content-Type", "application/json")
                  .header("Idempotency-Key", key)
                  .POST(BodyPublishers.ofString(body)),
              patience.answer());
      switch (response.statusCode()) {
        case 200, 201 -> {
          return new Reply(Optional.of(CardCharge.parse(response.body())), Optional.empty());
        }
        // Refusals of this request. All others say something about the network, or about a
        // configuration that leads elsewhere, and nothing about the money.
        case 400, 402, 409, 422 -> refusal = Optional.of(CardCharge.parseRefusal(response.body()));
        default -> log.warn("{}: the card network answered {}", key, response.statusCode());
      }
    } catch (IOException e) {
      log.info("{}: the answer is lost, looking it up: {}", key, e.toString());
    }
    return new Reply(lookUp(payment), refusal);
  }

  private Optional<CardCharge> lookUp(Payment payment) throws IOException, InterruptedException {
    HttpResponse<byte[]> response =
        send(request("/v1/charges?reference=" + payment.orderId()), patience.lookUp());
    if (response.statusCode() != 200) {
      throw new IOException("the look-up was answered with status " + response.statusCode());
    }
    return CardCharge.parseList(response.body());
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(address.resolve(path));
  }

  /**
   * Gives up when the whole answer is not there in time; the client's own limit ends at its head.
   */
  private HttpResponse<byte[]> send(HttpRequest.Builder request, Duration limit)
      throws IOException, InterruptedException {
    CompletableFuture<HttpResponse<byte[]>> answer =
        http.sendAsync(
            request.build(), BodyHandlers.limiting(BodyHandlers.ofByteArray(), BODY_BYTES_MAX));
    try {
      return answer.get(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new IOException("no answer within " + limit.toMillis() + " ms", e);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    } finally {
      answer.cancel(true);
    }
  }

  private static String chargePath(Payment payment) {
    String id =
        payment
            .chargeId()
            .orElseThrow(
                () -> new IllegalStateException("payment " + payment.id() + ": no charge"));
    return "/v1/charges/" + encoded(id);
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  private static String json(Fields fields) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator json = JSON.createGenerator(bytes)) {
      json.writeStartObject();
      fields.write(json);
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private interface Fields {
    void write(JsonGenerator json) throws IOException;
  }
}
