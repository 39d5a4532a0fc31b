package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** How many connections a client may have, and for how long. */
class ConnectionLimitsTest {
  private static final int PER_ADDRESS = 5;
  private static final int REQUESTS = 3;
  private static final String GET = "GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n";

  private static EdgeFixture fixture;
  private static Held before;

  @BeforeAll
  static void open() throws Exception {
    HttpLimits few =
        HttpLimits.DEFAULT
            .withDeadlines(Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(1))
            .withConnections(HttpLimits.DEFAULT.connections(), PER_ADDRESS, REQUESTS);
    fixture = EdgeFixture.with(new LibraryService(), few);
    before = Held.now();
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close(before);
  }

  @AfterEach
  void stillServes() {
    assertThat(fixture.status("/library/books/b1")).isEqualTo(200);
  }

  private static HttpLimits patient() {
    return HttpLimits.DEFAULT.withDeadlines(
        Duration.ofMinutes(5), Duration.ofMinutes(5), Duration.ofMinutes(5));
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
  void endsAConnectionOfHttp2AfterItsLastRequest() throws Exception {
    try (RawHttp2 client = new RawHttp2(fixture.edge.port())) {
      int last = 2 * REQUESTS - 1;
      for (int i = 1; i < last; i += 2) {
        client.get(i, "/library/books/b1");
        assertThat(client.answer(i).status()).isEqualTo(200);
      }
      client.get(last, "/library/books/b1");

      assertThat(client.next(RawHttp2.GOAWAY).error()).as("no error").isZero();
      assertThat(client.answer(last).status()).isEqualTo(200);
      assertThat(client.farewell()).as("said already, or once more").isLessThanOrEqualTo(0);
    }
  }

  @Test
  void endsWhatWaitedLongestForARequestWhenThereIsNoRoom() throws Exception {
    HttpLimits three = patient().withConnections(3, 10, 100);
    LibraryService library = new LibraryService();
    // Its own client has one of the three.
    try (EdgeFixture small = EdgeFixture.with(library, three);
        RawHttp first = new RawHttp(small.edge.port())) {
      assertThat(ask(first)).startsWith("HTTP/1.1 200 ");
      try (RawHttp second = new RawHttp(small.edge.port())) {
        assertThat(ask(second)).startsWith("HTTP/1.1 200 ");
        assertThat(ask(first)).startsWith("HTTP/1.1 200 ");
        // The fixture's has waited longest, then the second.
        try (RawHttp third = new RawHttp(small.edge.port())) {
          assertThat(ask(third)).startsWith("HTTP/1.1 200 ");
          await().until(() -> small.edge.connections() == 3);
          try (RawHttp fourth = new RawHttp(small.edge.port())) {
            assertThat(ask(fourth)).startsWith("HTTP/1.1 200 ");
            assertThat(second.all()).as("closed without a word").isEmpty();
            assertThat(ask(first)).startsWith("HTTP/1.1 200 ");
          }
        }
      }
    }
  }

  @Test
  void closesANewConnectionWhenAllOthersAreBusy() throws Exception {
    HttpLimits two = patient().withConnections(2, 10, 100);
    String endless = "GET /library/books/b:watch?count=1&failWith=-1 HTTP/1.1\r\nHost: a\r\n\r\n";
    try (EdgeFixture small = EdgeFixture.with(new LibraryService(), two);
        RawHttp first = new RawHttp(small.edge.port());
        RawHttp second = new RawHttp(small.edge.port())) {
      first.send(endless);
      assertThat(first.head()).startsWith("HTTP/1.1 200 ");
      second.send(endless);
      assertThat(second.head()).startsWith("HTTP/1.1 200 ");
      await().until(() -> small.edge.connections() == 2);
      try (RawHttp third = new RawHttp(small.edge.port())) {
        assertThat(third.all()).isEmpty();
      }
    }
  }

  @Test
  void countsNoConnectionsOfAddressesThatCountNowhere() throws Exception {
    RateLimitConfig uncounted =
        new RateLimitConfig(
            Optional.empty(), Optional.empty(), Networks.parse("127.0.0.0/8"), Optional.empty());
    HttpLimits one = HttpLimits.DEFAULT.withConnections(100, 1, 100);
    List<RawHttp> open = new ArrayList<>();
    try (EdgeFixture free = EdgeFixture.with(new LibraryService(), one, uncounted)) {
      for (int i = 0; i < 4; i++) {
        open.add(new RawHttp(free.edge.port()));
      }
      for (RawHttp client : open) {
        assertThat(ask(client)).startsWith("HTTP/1.1 200 ");
      }
    } finally {
      for (RawHttp client : open) {
        client.close();
      }
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
