package dev.weft.edge;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaders;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Connect's calls of one message and one reply, which are plain requests of HTTP: the message is
 * the body, or a parameter of a GET where the method has no side effects.
 */
final class ConnectUnaryProtocol implements RpcProtocol {
  private final HttpHeaders headers;
  private final Route route;
  private final ConnectCodec codec;
  private final Optional<ConnectQuery> query;
  private final Optional<ContentCoding> coding;
  private final ByteArrayOutputStream body = new ByteArrayOutputStream();
  private Map<String, String> said = Map.of();
  private byte @Nullable [] reply;

  /**
   * @param query what is asked with GET, instead of a body
   */
  ConnectUnaryProtocol(
      HttpHeaders headers, Route route, ConnectCodec codec, Optional<ConnectQuery> query) {
    this.headers = headers;
    this.route = route;
    this.codec = codec;
    this.query = query;
    this.coding =
        Framing.coding(
            query.map(ConnectQuery::compression).orElse(headers.getAll("content-encoding")));
  }

  /** Throws {@link Refused} when a client asks for another version than there is. */
  static void checkVersion(List<String> given, String known) {
    if (!given.isEmpty() && !given.equals(List.of(known))) {
      throw Refused.badRequest("MALFORMED_HEADER", "there is version 1 of Connect only");
    }
  }

  @Override
  public Optional<Duration> timeout() {
    checkVersion(headers.getAll("connect-protocol-version"), "1");
    return Timeouts.connect(headers.getAll("connect-timeout-ms"));
  }

  @Override
  public void read(ByteBuf part, Consumer<byte[]> messages) {
    int max = route.rpc().requestBytesMax();
    if (query.isPresent() || body.size() + part.readableBytes() > max) {
      throw new Refused(Problems.messageTooLong(query.isPresent() ? 0 : max));
    }
    try {
      part.readBytes(body, part.readableBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void readEnd(Consumer<byte[]> messages) {
    byte[] message = query.map(ConnectQuery::message).orElseGet(body::toByteArray);
    int max = route.rpc().requestBytesMax();
    byte[] plain =
        message.length == 0 ? message : coding.map(c -> c.decode(message, max)).orElse(message);
    Optional<String> requestId = IdempotencyKey.parse(headers.getAll("idempotency-key"));
    messages.accept(codec.read(route.transcoder(), plain, requestId));
  }

  @Override
  public boolean endTakesLong() {
    return coding.isPresent()
        || (codec == ConnectCodec.JSON && body.size() > Gateway.INLINE_BYTES_MAX);
  }

  @Override
  public void begin(Exchange exchange, Map<String, String> headersOfIt) {
    said = headersOfIt;
  }

  @Override
  public void reply(Exchange exchange, byte[] message) {
    reply = message;
  }

  @Override
  public void end(Exchange exchange, Optional<Problem> failure, Map<String, String> trailers) {
    byte[] message = reply;
    if (failure.isPresent() || message == null) {
      exchange.refuse(failure.orElseGet(Problem::internal));
      return;
    }
    Map<String, String> head = new LinkedHashMap<>(said);
    trailers.forEach((name, value) -> head.put("Trailer-" + name, value));
    Answer answer =
        Answer.of(
            200, "application/" + codec.text(), codec.written(route.transcoder(), message), head);
    boolean own = !said.containsKey(Fallback.HEADER);
    if (query.isPresent() && own && !route.rpc().fresh().isZero()) {
      exchange.alsoAnswer("Vary", "Authorization");
      exchange.answer(Reuse.of(answer, route.rpc(), Optional.empty(), headers));
    } else {
      exchange.answer(answer);
    }
  }

  @Override
  public Answer refusal(Problem problem) {
    return refused(problem);
  }

  /** An error, with the status that its code has. */
  static Answer refused(Problem problem) {
    Map<String, String> also = new LinkedHashMap<>();
    problem.retryAfterSeconds().ifPresent(seconds -> also.put("Retry-After", seconds));
    return Answer.of(
        HttpStatuses.of(problem.code()), "application/json", ConnectError.body(problem), also);
  }
}
