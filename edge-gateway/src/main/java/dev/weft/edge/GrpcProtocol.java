package dev.weft.edge;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** gRPC itself: only over HTTP/2, since it ends with trailers. */
final class GrpcProtocol implements RpcProtocol {
  static final String CONTENT_TYPE = "application/grpc";

  private final HttpHeaders headers;
  private final Framing framing;

  GrpcProtocol(HttpHeaders headers, Rpc rpc) {
    this.headers = headers;
    this.framing = new Framing(rpc.requestBytesMax(), headers.getAll("grpc-encoding"));
  }

  @Override
  public Optional<Duration> timeout() {
    return Timeouts.grpc(headers.getAll("grpc-timeout"));
  }

  @Override
  public void read(ByteBuf part, Consumer<byte[]> messages) {
    framing.read(part, messages);
  }

  @Override
  public void readEnd(Consumer<byte[]> messages) {
    framing.end();
  }

  @Override
  public void begin(Exchange exchange, Map<String, String> said) {
    Map<String, String> head = new LinkedHashMap<>(said);
    head.put("grpc-accept-encoding", ContentCoding.TAKEN);
    exchange.beginStream(Answer.head(200, CONTENT_TYPE).with(head));
  }

  @Override
  public void reply(Exchange exchange, byte[] message) {
    exchange.write(Framing.frame(0, message));
  }

  @Override
  public void end(Exchange exchange, Optional<Problem> failure, Map<String, String> trailers) {
    exchange.endStream(GrpcStatus.trailers(failure, trailers));
  }

  @Override
  public Answer refusal(Problem problem) {
    return refused(problem);
  }

  /** Trailers and nothing before them. */
  static Answer refused(Problem problem) {
    return Answer.head(200, CONTENT_TYPE).with(GrpcStatus.trailers(Optional.of(problem), Map.of()));
  }
}
