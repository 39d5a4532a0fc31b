package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.management.UnixOperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** As many connections as an edge takes, and some more, none of which asks anything. */
@Timeout(180)
class ConnectionCapTest {
  private static final int MORE = 250;

  /** Fewer than wait to be accepted on any machine (128 on old ones). */
  private static final int BACKLOG = 100;

  /** What an edge takes by default, if both ends of so many fit into this process. */
  private static final int MOST =
      (int) Math.min(HttpLimits.DEFAULT.connections(), (filesMax() - 1_500) / 2 - MORE);

  private static final byte[] GET =
      "GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(ISO_8859_1);

  @Test
  void endsTheOldestOfTenThousandThatAskNothingAndServesOn() throws Exception {
    assertThat(MOST).as("ulimit -n of this machine").isGreaterThan(1_000);
    Duration minutes = Duration.ofMinutes(10);
    HttpLimits patient =
        HttpLimits.DEFAULT
            .withDeadlines(minutes, minutes, minutes)
            .withConnections(MOST, MOST, HttpLimits.DEFAULT.requestsPerConnection());
    RateLimitConfig uncounted =
        new RateLimitConfig(
            Optional.empty(), Optional.empty(), Networks.parse("127.0.0.0/8"), Optional.empty());
    List<SocketChannel> clients = new ArrayList<>();
    try (EdgeFixture fixture = EdgeFixture.with(new LibraryService(), patient, uncounted)) {
      Held before = Held.now();
      try {
        InetSocketAddress edge =
            new InetSocketAddress(InetAddress.getLoopbackAddress(), fixture.edge.port());
        for (int i = 0; i < MOST + MORE; i++) {
          clients.add(SocketChannel.open(edge));
          int open = clients.size();
          if (open % BACKLOG == 0 && open <= MOST) {
            // What its backlog has no room for, the edge would not hear of before a minute.
            await()
                .pollInterval(Duration.ofMillis(5))
                .atMost(Duration.ofSeconds(60))
                .until(() -> fixture.edge.connections() >= open);
          }
        }
        await()
            .atMost(Duration.ofSeconds(60))
            .until(() -> fixture.edge.connections() <= MOST && isClosed(clients.getFirst()));

        assertThat(fixture.edge.connections()).isGreaterThan(MOST - 4 * MORE);
        assertThat(clients).filteredOn(ConnectionCapTest::isClosed).hasSizeLessThan(4 * MORE);
        assertThat(answered(clients.getLast())).startsWith("HTTP/1.1 200 ");
        assertThat(answered(clients.get(MOST / 2))).as("of the middle").startsWith("HTTP/1.1 200 ");
        clients.add(SocketChannel.open(edge));
        assertThat(answered(clients.getLast())).as("of one more").startsWith("HTTP/1.1 200 ");
      } finally {
        for (SocketChannel client : clients) {
          client.close();
        }
      }
      before.assertGivenBack(fixture.edge);
    }
  }

  private static long filesMax() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system
        ? system.getMaxFileDescriptorCount()
        : Integer.MAX_VALUE;
  }

  /** Whether the edge has ended it. */
  private static boolean isClosed(SocketChannel client) {
    try {
      client.configureBlocking(false);
      return client.read(ByteBuffer.allocate(1)) < 0;
    } catch (IOException e) {
      return true;
    }
  }

  private static String answered(SocketChannel client) throws IOException {
    client.configureBlocking(true);
    client.write(ByteBuffer.wrap(GET));
    ByteBuffer answer = ByteBuffer.allocate(4_096);
    int length = client.read(answer);
    return new String(answer.array(), 0, Math.max(0, length), ISO_8859_1);
  }
}
