package dev.weft.consul;

import com.ecwid.consul.UrlParameters;
import com.ecwid.consul.Utils;
import com.ecwid.consul.v1.ConsulRawClient;
import com.ecwid.consul.v1.OperationException;
import com.ecwid.consul.v1.Request;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The one way to the agent: consul-api's raw client put on the JDK's HTTP client, so that its typed
 * clients and our own calls share connections, token, time-outs and bounds.
 *
 * <p>Every call ends within its time-out, counted until the last byte of the body; a body of more
 * than {@value #MAX_BODY} bytes is an error. The token travels in its header only. Thread-safe.
 */
final class ConsulHttp extends ConsulRawClient implements AutoCloseable {
  /** For everything that does not block at the agent. */
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);

  /** How much later than promised a blocking query may be answered. */
  private static final Duration POLL_MARGIN = Duration.ofSeconds(10);

  /** About 5,000 instances with their checks, and 15 times the largest value of a key. */
  private static final int MAX_BODY = 8 << 20;

  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(2);

  /** Calls that run at once; others wait. With the polls this bounds our connections. */
  private static final int MAX_CALLS = 16;

  private final ConsulConfig config;
  private final HttpClient client;
  private final Semaphore calls = new Semaphore(MAX_CALLS);

  ConsulHttp(ConsulConfig config) {
    this.config = config;
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT_TIMEOUT)
            .followRedirects(HttpClient.Redirect.NEVER)
            .executor(Executors.newVirtualThreadPerTaskExecutor())
            .build();
  }

  /** Escapes one segment of a path. */
  static String segment(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  Answer get(String pathAndQuery) {
    return call("GET", pathAndQuery, null);
  }

  /** A blocking query; with index 0 it is answered at once. */
  Answer poll(String pathAndQuery, long index, Duration wait) {
    if (index == 0) {
      return get(pathAndQuery);
    }
    String query =
        (pathAndQuery.contains("?") ? "&" : "?")
            + "index="
            + Long.toUnsignedString(index)
            + "&wait="
            + Wire.duration(wait);
    // Consul adds up to a sixteenth to the wait.
    Duration timeout = wait.plus(wait.dividedBy(16)).plus(POLL_MARGIN);
    return send("GET", pathAndQuery + query, null, timeout);
  }

  Answer put(String pathAndQuery, String body) {
    return call("PUT", pathAndQuery, BodyPublishers.ofString(body));
  }

  Answer delete(String pathAndQuery) {
    return call("DELETE", pathAndQuery, null);
  }

  /** Runs a call of consul-api, whose own exception says neither path nor remedy. */
  <T> T typed(String request, Supplier<T> call) {
    try {
      return call.get();
    } catch (OperationException e) {
      throw ConsulException.refused(e.getStatusCode(), request, e.getStatusContent());
    } catch (JsonParseException | com.ecwid.consul.ConsulException e) {
      throw ConsulException.unreadable(200, request, String.valueOf(e.getMessage()));
    }
  }

  private Answer call(String method, String pathAndQuery, @Nullable BodyPublisher body) {
    String request = name(method, pathAndQuery);
    try {
      if (!calls.tryAcquire(CALL_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)) {
        throw noAnswer(request, new IOException(MAX_CALLS + " other calls are still running"));
      }
    } catch (InterruptedException e) {
      throw interrupted(request, e);
    }
    try {
      return send(method, pathAndQuery, body, CALL_TIMEOUT);
    } finally {
      calls.release();
    }
  }

  private Answer send(
      String method, String pathAndQuery, @Nullable BodyPublisher body, Duration timeout) {
    String request = name(method, pathAndQuery);
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(URI.create(config.address() + pathAndQuery))
            .timeout(timeout)
            .method(method, body == null ? BodyPublishers.noBody() : body);
    try {
      config.currentToken().ifPresent(token -> builder.header("X-Consul-Token", token));
    } catch (IOException e) {
      throw ConsulException.notSent(request, e);
    }
    return answer(request, exchange(request, builder.build(), timeout));
  }

  private HttpResponse<String> exchange(String name, HttpRequest request, Duration timeout) {
    CompletableFuture<HttpResponse<String>> running =
        client.sendAsync(request, BodyHandlers.limiting(BodyHandlers.ofString(), MAX_BODY));
    try {
      // The request's own time-out ends with the headers; this one counts the body, too.
      return running.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      running.cancel(true);
      throw noAnswer(name, new IOException("nothing for " + timeout.toMillis() + " ms", e));
    } catch (ExecutionException e) {
      throw noAnswer(name, e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      throw interrupted(name, e);
    }
  }

  private static String name(String method, String pathAndQuery) {
    int query = pathAndQuery.indexOf('?');
    return method + " " + (query < 0 ? pathAndQuery : pathAndQuery.substring(0, query));
  }

  private ConsulException interrupted(String request, InterruptedException e) {
    Thread.currentThread().interrupt();
    return noAnswer(request, new IOException("interrupted", e));
  }

  private ConsulException noAnswer(String request, Throwable cause) {
    return ConsulException.noAnswer(config.address().toString(), request, cause);
  }

  private static Answer answer(String request, HttpResponse<String> response) {
    var headers = response.headers();
    String index = headers.firstValue("X-Consul-Index").orElse(null);
    try {
      return new Answer(
          request,
          response.statusCode(),
          response.body(),
          index == null ? null : Long.parseUnsignedLong(index),
          !headers.firstValue("X-Consul-Knownleader").orElse("true").equals("false"),
          headers.firstValue("X-Consul-Results-Filtered-By-ACLs").orElse("false").equals("true"),
          headers.firstValue("X-Consul-Default-ACL-Policy").orElse(""));
    } catch (NumberFormatException e) {
      throw ConsulException.unreadable(
          response.statusCode(), request, "X-Consul-Index is no number: " + e.getMessage());
    }
  }

  @Override
  public com.ecwid.consul.transport.HttpResponse makeGetRequest(
      String endpoint, UrlParameters... urlParams) {
    return makeGetRequest(endpoint, Arrays.asList(urlParams));
  }

  @Override
  public com.ecwid.consul.transport.HttpResponse makeGetRequest(
      String endpoint, List<UrlParameters> urlParams) {
    return foreign(get(Utils.generateUrl(endpoint, urlParams)));
  }

  @Override
  public com.ecwid.consul.transport.HttpResponse makeGetRequest(Request request) {
    return makeGetRequest(request.getEndpoint(), request.getUrlParameters());
  }

  @Override
  public com.ecwid.consul.transport.HttpResponse makePutRequest(
      String endpoint, String content, UrlParameters... urlParams) {
    return foreign(put(Utils.generateUrl(endpoint, urlParams), content));
  }

  @Override
  public com.ecwid.consul.transport.HttpResponse makePutRequest(Request request) {
    return foreign(
        call(
            "PUT",
            Utils.generateUrl(request.getEndpoint(), request.getUrlParameters()),
            BodyPublishers.ofByteArray(request.getBinaryContent())));
  }

  @Override
  public com.ecwid.consul.transport.HttpResponse makeDeleteRequest(Request request) {
    return foreign(delete(Utils.generateUrl(request.getEndpoint(), request.getUrlParameters())));
  }

  private static com.ecwid.consul.transport.HttpResponse foreign(Answer answer) {
    return new com.ecwid.consul.transport.HttpResponse(
        answer.status(), "", answer.body(), answer.index(), answer.leaderKnown(), 0L);
  }

  /** Takes no further call; those that run may run out, because aborting frees nothing. */
  @Override
  public void close() {
    client.shutdown();
  }
}
