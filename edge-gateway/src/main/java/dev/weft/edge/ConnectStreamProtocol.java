package dev.weft.edge;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Connect's calls with more than one message: framed as in gRPC, and ended by a frame of JSON. */
final class ConnectStreamProtocol implements RpcProtocol {
  static final String CONTENT_TYPE = "application/connect+";

  /** The flag of the last message. */
  private static final int END = 2;

  private final HttpHeaders headers;
  private final Route route;
  private final ConnectCodec codec;
  private final Framing framing;

  ConnectStreamProtocol(HttpHeaders headers, Route route, ConnectCodec codec) {
    this.headers = headers;
    this.route = route;
    this.codec = codec;
    this.framing =
        new Framing(route.rpc().requestBytesMax(), headers.getAll("connect-content-encoding"));
  }

  @Override
  public Optional<Duration> timeout() {
    ConnectUnaryProtocol.checkVersion(headers.getAll("connect-protocol-version"), "1");
    return Timeouts.connect(headers.getAll("connect-timeout-ms"));
  }

  @Override
  public void read(ByteBuf part, Consumer<byte[]> messages) {
    framing.read(
        part,
        message -> messages.accept(codec.read(route.transcoder(), message, Optional.empty())));
  }

  @Override
  public void readEnd(Consumer<byte[]> messages) {
    framing.end();
  }

  @Override
  public void begin(Exchange exchange, Map<String, String> said) {
    Map<String, String> head = new LinkedHashMap<>(said);
    head.put("Connect-Accept-Encoding", ContentCoding.TAKEN);
    exchange.beginStream(Answer.head(200, contentType(codec)).with(head));
  }

  @Override
  public void reply(Exchange exchange, byte[] message) {
    exchange.write(Framing.frame(0, codec.written(route.transcoder(), message)));
  }

  @Override
  public void end(Exchange exchange, Optional<Problem> failure, Map<String, String> trailers) {
    exchange.write(Framing.frame(END, ConnectError.end(failure, trailers)));
    exchange.endStream();
  }

  @Override
  public Answer refusal(Problem problem) {
    return refused(problem, codec);
  }

  /** A stream that is ended before its first message; its HTTP status is always good. */
  static Answer refused(Problem problem, ConnectCodec codec) {
    byte[] end = ConnectError.end(Optional.of(problem), Map.of());
    return Answer.of(200, contentType(codec), Framing.frame(END, end), Map.of());
  }

  private static String contentType(ConnectCodec codec) {
    return CONTENT_TYPE + codec.text();
  }
}
