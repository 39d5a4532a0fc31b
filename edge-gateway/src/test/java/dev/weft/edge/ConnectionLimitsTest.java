package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** How many connections a client may have, and for how long. */
class ConnectionLimitsTest {
  private static final int PER_ADDRESS = 5;
  private static final int REQUESTS = 3;
  private static final String GET = "GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n";

  private static EdgeFixture fixture;

  @BeforeAll
  static void open() throws Exception {
    HttpLimits few =
        HttpLimits.DEFAULT
            .withDeadlines(Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(1))
            .withConnections(REQUESTS, PER_ADDRESS);
    fixture = EdgeFixture.with(new LibraryService(), few);
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close();
  }

  private static String ask(RawHttp client) throws IOException {
    client.send(GET);
    return client.answer();
  }

  @Test
  void refusesOneConnectionTooManyOfAnAddressAndSaysSo() throws Exception {
    await().until(() -> fixture.edge.connections() == 0);
    List<RawHttp> open = new ArrayList<>();
    try {
      for (int i = 0; i < PER_ADDRESS; i++) {
        open.add(new RawHttp(fixture.edge.port()));
      }
      await().until(() -> fixture.edge.connections() == PER_ADDRESS);
      try (RawHttp tooMany = new RawHttp(fixture.edge.port())) {
        assertThat(tooMany.all())
            .startsWith("HTTP/1.1 429 ")
            .contains("\"reason\":\"TOO_MANY_CONNECTIONS\"", "Retry-After: 5")
            .containsIgnoringCase("connection: close");
      }
    } finally {
      for (RawHttp client : open) {
        client.close();
      }
    }
    await().until(() -> fixture.edge.connections() == 0);
    try (RawHttp next = new RawHttp(fixture.edge.port())) {
      assertThat(ask(next)).startsWith("HTTP/1.1 200 ");
    }
  }

  @Test
  void closesAConnectionAfterItsLastRequestAndSaysSo() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      for (int i = 1; i < REQUESTS; i++) {
        assertThat(ask(client)).startsWith("HTTP/1.1 200 ").doesNotContainIgnoringCase("close");
      }

      assertThat(ask(client)).startsWith("HTTP/1.1 200 ").containsIgnoringCase("connection: close");
      assertThat(client.all()).isEmpty();
    }
  }

  @Test
  void closesAConnectionThatIsIdleBetweenRequests() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      assertThat(ask(client)).startsWith("HTTP/1.1 200 ");

      assertThat(client.all()).isEmpty();
    }
  }

  @Test
  void takesAddressesOfIpv6ThatShareTheirFirstHalfForOne() throws Exception {
    assertThat(holder("2001:db8:1:2::1")).isEqualTo(holder("2001:db8:1:2:ffff::9"));
    assertThat(holder("2001:db8:1:2::1")).isNotEqualTo(holder("2001:db8:1:3::1"));
    assertThat(holder("192.0.2.1")).isNotEqualTo(holder("192.0.2.2"));
  }

  private static String holder(String address) throws IOException {
    return HttpListener.holder(InetAddress.getByName(address));
  }
}
