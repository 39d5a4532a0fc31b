package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import java.io.ByteArrayOutputStream;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class InPartsTest {
  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("edge", "test"));
  private final AccessLog log = new AccessLog(telemetry.meter("test"));
  private final Client client = new Client();

  @AfterEach
  void close() {
    log.close();
    telemetry.close();
  }

  private Exchange exchange(HttpMethod method) {
    HttpRequest request = new DefaultHttpRequest(HttpVersion.HTTP_1_1, method, "/long");
    request.headers().set("Accept-Encoding", "zstd");
    return new Exchange(client, request, new HttpTelemetry(telemetry, log).begin(request, "http"));
  }

  private static Answer answer(byte[] body) {
    return Answer.of(200, "text/plain", body, Map.of("ETag", "\"a\""));
  }

  private static byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    new Random(1).nextBytes(bytes);
    return bytes;
  }

  @Test
  void goesToAClientNoFasterThanItReads() {
    byte[] body = bytes(10 * InParts.PART_BYTES + 1);
    Exchange exchange = exchange(HttpMethod.GET);
    client.room = 1;

    InParts.answer(exchange, answer(body));

    assertThat(client.headers)
        .containsEntry("Content-Length", Integer.toString(body.length))
        .containsEntry("Content-Type", "text/plain")
        .containsEntry("ETag", "\"a\"")
        .doesNotContainKey("Content-Encoding");
    assertThat(client.body.size()).isEqualTo(InParts.PART_BYTES);
    client.room = 3;
    exchange.writabilityChanged();
    assertThat(client.body.size()).isEqualTo(4 * InParts.PART_BYTES);
    assertThat(exchange.over()).isFalse();
    client.room = 100;
    exchange.writabilityChanged();

    assertThat(client.body.toByteArray()).isEqualTo(body);
    assertThat(client.ended).isEqualTo(1);
    assertThat(exchange.over()).isTrue();
  }

  @Test
  void goesNoFurtherWhenTheClientHasLeft() {
    Exchange exchange = exchange(HttpMethod.GET);
    client.room = 1;
    InParts.answer(exchange, answer(bytes(2 * InParts.PART_BYTES)));

    exchange.gone();
    client.room = 100;
    exchange.writabilityChanged();

    assertThat(client.body.size()).isEqualTo(InParts.PART_BYTES);
    assertThat(client.ended).isZero();
  }

  @Test
  void isOnePieceWhenItIsShortOrOnlyItsHeadIsWanted() {
    byte[] part = bytes(InParts.PART_BYTES);
    InParts.answer(exchange(HttpMethod.GET), answer(part));
    assertThat(client.whole).isEqualTo(part);

    byte[] more = bytes(InParts.PART_BYTES + 1);
    InParts.answer(exchange(HttpMethod.HEAD), answer(more));
    assertThat(client.whole).as("of which the connection sends the length").isEqualTo(more);
    assertThat(client.body.size()).isZero();
  }

  /** Takes so many parts until there is room again. */
  private static final class Client implements Carrier {
    final Map<String, String> headers = new HashMap<>();
    final ByteArrayOutputStream body = new ByteArrayOutputStream();
    byte[] whole = {};
    int room;
    int ended;

    @Override
    public void write(Exchange exchange, int status, Map<String, String> said, byte[] bytes) {
      whole = bytes;
    }

    @Override
    public void writeStreamHead(Exchange exchange, int status, Map<String, String> said) {
      headers.putAll(said);
    }

    @Override
    public void writePart(byte[] part) {
      body.writeBytes(part);
      room--;
    }

    @Override
    public void endStream(Map<String, String> trailers) {
      ended++;
    }

    @Override
    public boolean writable() {
      return room > 0;
    }

    @Override
    public long written() {
      return body.size();
    }

    @Override
    public String peer() {
      return "127.0.0.1";
    }

    @Override
    public String scheme() {
      return "http";
    }

    @Override
    public boolean hasTrailers() {
      return false;
    }

    @Override
    public void sendContinue() {}

    @Override
    public void expectBody(int bytesMax) {}

    @Override
    public void expectNoBody() {}

    @Override
    public void probe() {}

    @Override
    public void pauseBody(boolean paused) {}

    @Override
    public void closeAfterThis() {}

    @Override
    public void abort() {}

    @Override
    public void done() {}

    @Override
    public EventLoop loop() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Channel handOver() {
      throw new UnsupportedOperationException();
    }
  }
}
