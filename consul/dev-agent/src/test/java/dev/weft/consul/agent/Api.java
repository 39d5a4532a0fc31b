package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

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
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** One agent's HTTP API, called without any client of ours. */
final class Api implements AutoCloseable {
  /** An answer and how long it took. */
  record Answer(int status, HttpResponse<String> response, Duration took) {
    String body() {
      return response.body();
    }

    @Nullable Object json() {
      return Json.parse(body().getBytes(StandardCharsets.UTF_8));
    }

    /** The value at a path of field names and positions. */
    @Nullable Object at(Object... path) {
      Object value = json();
      for (Object step : path) {
        value =
            switch (step) {
              case Integer position -> ((List<?>) Objects.requireNonNull(value)).get(position);
              default -> ((Map<?, ?>) Objects.requireNonNull(value)).get(step);
            };
      }
      return value;
    }

    List<?> list() {
      return (List<?>) Objects.requireNonNull(json());
    }

    /** The list at a path. */
    List<?> rows(Object... path) {
      return (List<?>) Objects.requireNonNull(at(path));
    }

    /** The texts of the list at a path. */
    List<String> texts(Object... path) {
      return ((List<?>) Objects.requireNonNull(at(path))).stream().map(String::valueOf).toList();
    }

    /** The field names of the object at a path. */
    List<String> names(Object... path) {
      return ((Map<?, ?>) Objects.requireNonNull(at(path)))
          .keySet().stream().map(String::valueOf).toList();
    }

    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }

    long index() {
      String index = header("X-Consul-Index");
      assertThat(index).as("%d %s %s", status, response.headers().map(), body()).isNotEmpty();
      return Long.parseUnsignedLong(index);
    }

    Answer isOk() {
      assertThat(status).as(body()).isEqualTo(200);
      return this;
    }
  }

  /** A query that may be blocking. */
  record Pending(CompletableFuture<Answer> future) {
    /** The answer, which must come soon: long before the query's own wait is over. */
    Answer wakes() throws Exception {
      return future.get(3, TimeUnit.SECONDS);
    }

    Answer answer() throws Exception {
      return future.get(30, TimeUnit.SECONDS);
    }

    void sleepsFor(Duration time) {
      assertThatExceptionOfType(TimeoutException.class)
          .isThrownBy(() -> future.get(time.toMillis(), TimeUnit.MILLISECONDS));
    }
  }

  private final URI address;
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  Api(URI address) {
    this.address = address;
  }

  URI address() {
    return address;
  }

  Answer get(String path, String... headers) {
    return send("GET", path, BodyPublishers.noBody(), headers);
  }

  Answer put(String path) {
    return put(path, "");
  }

  Answer put(String path, String body) {
    return send("PUT", path, BodyPublishers.ofString(body));
  }

  Answer put(String path, byte[] body) {
    return send("PUT", path, BodyPublishers.ofByteArray(body));
  }

  Answer post(String path, String body) {
    return send("POST", path, BodyPublishers.ofString(body));
  }

  Answer delete(String path) {
    return send("DELETE", path, BodyPublishers.noBody());
  }

  Answer register(String json) {
    return put("/v1/agent/service/register", json);
  }

  /** A service with one TTL check called {@code id:ttl} in the given status. */
  void registerTtl(String name, String id, String status) {
    register(
            """
            {"ID":"%s","Name":"%s","Port":1,"Check":{"CheckID":"%s:ttl","TTL":"60s","Status":"%s"}}\
            """
                .formatted(id, name, id, status))
        .isOk();
  }

  /** {@code pass}, {@code warn} or {@code fail}. */
  void tell(String id, String verb) {
    put("/v1/agent/check/" + verb + "/" + id + ":ttl").isOk();
  }

  void deregister(String id) {
    put("/v1/agent/service/deregister/" + id).isOk();
  }

  /** Asks what comes after {@code index}, for up to 20 s. */
  Pending after(String path, long index) {
    return query(
        path + (path.contains("?") ? "&" : "?") + "wait=20s&index=" + Long.toUnsignedString(index));
  }

  /** Asks without waiting for the answer. */
  Pending query(String path) {
    long start = System.nanoTime();
    return new Pending(
        http.sendAsync(
                request("GET", path, BodyPublishers.noBody()).build(), BodyHandlers.ofString())
            .thenApply(response -> answer(response, start)));
  }

  Answer send(String method, String path, HttpRequest.BodyPublisher body, String... headers) {
    HttpRequest.Builder request = request(method, path, body);
    if (headers.length > 0) {
      request.headers(headers);
    }
    long start = System.nanoTime();
    try {
      return answer(http.send(request.build(), BodyHandlers.ofString()), start);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private HttpRequest.Builder request(String method, String path, HttpRequest.BodyPublisher body) {
    return HttpRequest.newBuilder(address.resolve(path))
        .timeout(Duration.ofSeconds(40))
        .method(method, body);
  }

  private static Answer answer(HttpResponse<String> response, long start) {
    return new Answer(response.statusCode(), response, Duration.ofNanos(System.nanoTime() - start));
  }

  static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
