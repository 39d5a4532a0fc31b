package dev.weft.edge;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.weft.mesh.Caller;
import dev.weft.transcoder.Schema;
import io.grpc.Metadata;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One request and its answer, whole or as a stream. What the way of a request needs of the
 * connection it came by, and nothing else.
 *
 * <p>Used on the connection's event loop only, which must never wait.
 */
final class Exchange {
  private static final JsonFactory JSON = new JsonFactory();

  private final Carrier connection;
  private final HttpRequest request;
  private final Observation observation;
  private final Body body;

  private @Nullable Function<Problem, Answer> refusals;
  private boolean begun;
  private boolean ended;
  private Runnable onGone = () -> {};
  private Runnable onWritable = () -> {};
  private Runnable onDrain = () -> {};
  private boolean draining;
  private Consumer<Map<String, String>> onAnswer = _ -> {};
  private Map<String, String> extraHeaders = new LinkedHashMap<>();
  private ServerTiming timing = ServerTiming.OFF;
  private @Nullable Encoder encoder;
  private @Nullable Route route;
  private Optional<Caller.User> user = Optional.empty();

  Exchange(Carrier connection, HttpRequest request, Observation observation) {
    this.connection = connection;
    this.request = request;
    this.observation = observation;
    this.body = new Body(this, connection);
  }

  // What is asked.

  HttpRequest request() {
    return request;
  }

  String method() {
    return request.method().name();
  }

  boolean isHead() {
    return method().equals("HEAD");
  }

  /** The address the request came from, without a port. */
  String peer() {
    return connection.peer();
  }

  Observation observation() {
    return observation;
  }

  EventLoop loop() {
    return connection.loop();
  }

  /** The route, once it is known. */
  @Nullable Route route() {
    return route;
  }

  void route(Route found) {
    route = found;
    body.atMost(found.rpc().requestBytesMax());
    found.rpc().endOfLife().forEach(this::alsoAnswer);
    observation.route(found);
  }

  /** Whose valid token came along, once that is known. */
  Optional<Caller.User> user() {
    return user;
  }

  void user(Caller.User caller) {
    user = Optional.of(caller);
  }

  /** Adds a header to whatever the answer will be; to one that is there, another value. */
  void alsoAnswer(String name, String value) {
    extraHeaders.merge(name, value, (before, more) -> before + ", " + more);
  }

  /** Adds what a service says of its answer in metadata. */
  void alsoAnswer(Metadata metadata) {
    alsoAnswer(MetadataRules.toHeaders(metadata));
  }

  /** Adds what a service said of its answer, as headers with lower-case names. */
  void alsoAnswer(Map<String, String> told) {
    told.forEach(
        (name, value) -> {
          if (name.equals("link")) {
            alsoAnswer("Link", value);
          } else {
            extraHeaders.put(name, value);
          }
        });
  }

  /**
   * Has the headers of whatever the answer will be changed, after those who asked for it before.
   */
  void onAnswer(Consumer<Map<String, String>> change) {
    onAnswer = onAnswer.andThen(change);
  }

  /** How long the parts of the work take. */
  ServerTiming timing() {
    return timing;
  }

  /** Has the answer say how long they took. */
  void timed() {
    timing = new ServerTiming();
  }

  Body body() {
    return body;
  }

  /** The connection will be closed after this answer. */
  void closeAfterThis() {
    connection.closeAfterThis();
  }

  // The answer.

  /** Whether the answer has begun. */
  boolean begun() {
    return begun;
  }

  /** Whether there is nothing left to do: it was answered, or nobody waits for the answer. */
  boolean over() {
    return ended;
  }

  /** How the client wants a body of this type and length to be coded; empty for not at all. */
  Optional<ContentCoding> coding(Answer answer) {
    if (!ContentCoding.pays(answer.contentType(), answer.body().length)
        || answer.headers().containsKey("Content-Range")) {
      return Optional.empty();
    }
    alsoAnswer("Vary", "Accept-Encoding");
    return ContentCoding.accepted(request.headers().getAll("accept-encoding"));
  }

  /**
   * Answers. Only the first answer counts: a later one, as by a call that was given up, is lost.
   */
  void answer(Answer answer) {
    if (begun || ended) {
      return;
    }
    begin();
    connection.write(this, answer.status(), headers(answer), answer.body());
    observation.status(answer.status());
    end();
  }

  /** Answers with an error; ends a stream that has begun by cutting it off. */
  void refuse(Problem problem) {
    if (ended) {
      return;
    }
    if (begun) {
      abort();
      return;
    }
    if (refusals == null) {
      observation.reason(problem.reason());
    } else {
      // Of this form the status of HTTP may say nothing.
      observation.called(Optional.of(problem));
    }
    answer(refusals == null ? refusal(problem) : refusals.apply(problem));
  }

  /** In which form errors are told from now on, as long as nothing was answered. */
  void refusals(Function<Problem, Answer> form) {
    refusals = form;
  }

  private Answer refusal(Problem problem) {
    Map<String, String> headers = new LinkedHashMap<>();
    problem.retryAfterSeconds().ifPresent(seconds -> headers.put("Retry-After", seconds));
    if (problem.status() == 401) {
      boolean sent = request.headers().contains("authorization");
      headers.put(
          "WWW-Authenticate",
          sent ? "Bearer realm=\"weft\", error=\"invalid_token\"" : "Bearer realm=\"weft\"");
    }
    return Answer.of(problem.status(), "application/problem+json", problemJson(problem), headers);
  }

  /** Begins an answer of unknown length. */
  void beginStream(Answer head) {
    if (begun || ended) {
      return;
    }
    begin();
    Answer sent = head;
    if (ContentCoding.pays(head.contentType())) {
      alsoAnswer("Vary", "Accept-Encoding");
      encoder =
          ContentCoding.accepted(request.headers().getAll("accept-encoding"))
              .flatMap(Encoder::open)
              .orElse(null);
      sent = encoder == null ? head : head.with("Content-Encoding", encoder.coding().token());
    }
    connection.writeStreamHead(this, sent.status(), headers(sent));
    observation.status(sent.status());
  }

  /** Sends a part of the stream; it goes out with those that follow at once. */
  void write(byte[] part) {
    if (!ended) {
      connection.writePart(encoder == null ? part : encoder.part(part));
    }
  }

  void endStream() {
    endStream(Map.of());
  }

  /**
   * Ends the stream.
   *
   * @param trailers sent where the connection knows such
   */
  void endStream(Map<String, String> trailers) {
    if (!ended) {
      if (encoder != null) {
        connection.writePart(encoder.end());
      }
      connection.endStream(trailers);
      end();
    }
  }

  /**
   * Hands the connection over to another protocol, which begins with an answer of this status and
   * says {@link #finish} or {@link #gone} in the end.
   *
   * @throws Refused if it cannot be
   */
  Channel handOver(int status) {
    Channel channel = connection.handOver();
    begin();
    observation.status(status);
    return channel;
  }

  /** The protocol that the connection was handed over to has ended well. */
  void finish(long written) {
    if (!ended) {
      ended = true;
      observation.end(written);
    }
  }

  /** Finds out whether the client is there although nothing of it is read; shows as it does. */
  void probe() {
    if (!begun && !ended) {
      connection.probe();
    }
  }

  /** Whether an answer can end with trailers. */
  boolean hasTrailers() {
    return connection.hasTrailers();
  }

  /** Closes the connection in the middle of an answer: the client sees that it is not whole. */
  void abort() {
    connection.abort();
  }

  /** Whether the client keeps up. */
  boolean writable() {
    return connection.writable();
  }

  void onWritable(Runnable action) {
    onWritable = action;
  }

  /** What to do when the client leaves before its answer is complete. */
  void onGone(Runnable action) {
    onGone = action;
  }

  /** What to do when the edge is about to stop, for an answer that has no end of its own. */
  void onDrain(Runnable action) {
    onDrain = action;
    if (draining) {
      // Not before whoever asks is through with what it begins.
      loop().execute(this::drain);
    }
  }

  /** Called by the connection. */
  void drain() {
    draining = true;
    if (!ended) {
      onDrain.run();
    }
  }

  /** Called by the connection. */
  void writabilityChanged() {
    if (!ended) {
      onWritable.run();
    }
  }

  /** Called by the connection. */
  void gone() {
    if (!ended) {
      ended = true;
      if (encoder != null) {
        encoder.close();
      }
      observation.gone();
      onGone.run();
    }
  }

  /** An error as it stands in bodies and at the end of streams. */
  byte[] problemJson(Problem problem) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
    Schema schema = route == null ? Problem.STANDARD_DETAILS : route.transcoder().schema();
    String target = request.uri();
    int mark = target.indexOf('?');
    String path = mark < 0 ? target : target.substring(0, mark);
    try (JsonGenerator out = JSON.createGenerator(bytes)) {
      problem.write(out, path, observation.requestId(), observation.traceId(), schema);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private void begin() {
    begun = true;
    body.forget();
  }

  private void end() {
    ended = true;
    body.pause(false);
    if (!body.ended()) {
      // Its rest says nothing any more, and is not waited for as long as it might take.
      connection.expectBody(0);
    }
    observation.end(connection.written());
    doneIfBoth();
  }

  /** Called by the body. */
  void doneIfBoth() {
    if (ended && body.ended()) {
      connection.done();
    }
  }

  /** All that this answer has. */
  Map<String, String> headers(Answer answer) {
    Map<String, String> headers = new LinkedHashMap<>();
    if (!answer.contentType().isEmpty()) {
      headers.put("Content-Type", answer.contentType());
    }
    headers.put("Cache-Control", "no-store");
    headers.put("X-Content-Type-Options", "nosniff");
    headers.put("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (connection.scheme().equals("https")) {
      headers.put("Strict-Transport-Security", "max-age=31536000");
    }
    headers.put("X-Request-Id", observation.requestId());
    headers.put("X-Response-Time", observation.elapsedMillis() + "ms");
    timing.text(observation).ifPresent(text -> headers.put("Server-Timing", text));
    headers.putAll(extraHeaders);
    headers.putAll(answer.headers());
    onAnswer.accept(headers);
    return headers;
  }
}
