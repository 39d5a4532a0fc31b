package dev.weft.edge;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.grpc.Status;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * gRPC for browsers: as gRPC, but the trailers are the last frame of the body, and all of the body
 * may be base64.
 */
final class GrpcWebProtocol implements RpcProtocol {
  static final String CONTENT_TYPE = "application/grpc-web";
  static final String TEXT = "application/grpc-web-text";

  /** The flag of the frame that holds the trailers. */
  private static final int TRAILERS = 0x80;

  private final HttpHeaders headers;
  private final boolean text;
  private final Framing framing;

  /** Up to three characters of base64 that are no bytes yet. */
  private final byte[] rest = new byte[4];

  private int restLength;

  GrpcWebProtocol(HttpHeaders headers, Rpc rpc, boolean text) {
    this.headers = headers;
    this.text = text;
    this.framing = new Framing(rpc.requestBytesMax(), headers.getAll("grpc-encoding"));
  }

  @Override
  public Optional<Duration> timeout() {
    return Timeouts.grpc(headers.getAll("grpc-timeout"));
  }

  @Override
  public void read(ByteBuf part, Consumer<byte[]> messages) {
    framing.read(text ? decoded(part) : part, messages);
  }

  @Override
  public void readEnd(Consumer<byte[]> messages) {
    if (restLength > 0) {
      throw malformed();
    }
    framing.end();
  }

  /** What is there in fours; pieces that were padded each for itself may follow one another. */
  private ByteBuf decoded(ByteBuf part) {
    ByteBuf bytes = Unpooled.buffer((restLength + part.readableBytes()) / 4 * 3);
    while (part.isReadable()) {
      rest[restLength++] = part.readByte();
      if (restLength == rest.length) {
        restLength = 0;
        try {
          bytes.writeBytes(Base64.getDecoder().decode(rest));
        } catch (IllegalArgumentException e) {
          throw malformed();
        }
      }
    }
    return bytes;
  }

  @Override
  public void begin(Exchange exchange, Map<String, String> said) {
    exchange.beginStream(Answer.head(200, contentType(text)).with(said));
  }

  @Override
  public void reply(Exchange exchange, byte[] message) {
    exchange.write(written(text, 0, message));
  }

  @Override
  public void end(Exchange exchange, Optional<Problem> failure, Map<String, String> trailers) {
    exchange.write(last(text, failure, trailers));
    exchange.endStream();
  }

  @Override
  public Answer refusal(Problem problem) {
    return refused(problem, text);
  }

  /** Trailers and nothing before them, where a page can read them. */
  static Answer refused(Problem problem, boolean text) {
    return Answer.of(200, contentType(text), last(text, Optional.of(problem), Map.of()), Map.of());
  }

  private static String contentType(boolean text) {
    return (text ? TEXT : CONTENT_TYPE) + "+proto";
  }

  private static byte[] last(
      boolean text, Optional<Problem> failure, Map<String, String> trailers) {
    StringBuilder lines = new StringBuilder();
    GrpcStatus.trailers(failure, trailers)
        .forEach((name, value) -> lines.append(name).append(": ").append(value).append("\r\n"));
    return written(text, TRAILERS, lines.toString().getBytes(US_ASCII));
  }

  private static byte[] written(boolean text, int flags, byte[] bytes) {
    byte[] frame = Framing.frame(flags, bytes);
    return text ? Base64.getEncoder().encode(frame) : frame;
  }

  private static Refused malformed() {
    return new Refused(
        Problem.of(
            400, Status.Code.INVALID_ARGUMENT, "MALFORMED_MESSAGE", "the body is not base64"));
  }
}
