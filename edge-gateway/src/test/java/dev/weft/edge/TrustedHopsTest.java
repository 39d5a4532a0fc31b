package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import org.junit.jupiter.api.Test;

class TrustedHopsTest {
  /** Where the proxies are. */
  private static final Networks PROXIES = Networks.parse("192.0.2.0/24, 2001:db8:1::/48");

  private static final String PROXY = "192.0.2.9";

  @Test
  void believesNobodyByItself() {
    assertThat(client(0, PROXY)).isEqualTo(PROXY);
    assertThat(client(0, PROXY, "203.0.113.1")).isEqualTo(PROXY);
  }

  @Test
  void countsWhatProxiesAddedFromTheRight() {
    assertThat(client(1, PROXY, "203.0.113.1")).isEqualTo("203.0.113.1");
    assertThat(client(1, PROXY, "6.6.6.6, 203.0.113.1")).isEqualTo("203.0.113.1");
    assertThat(client(2, PROXY, "6.6.6.6 ,203.0.113.1,\t192.0.2.8")).isEqualTo("203.0.113.1");
    assertThat(client(2, PROXY, "6.6.6.6, 203.0.113.1", "192.0.2.8")).isEqualTo("203.0.113.1");
    assertThat(client(1, PROXY, "2001:db8::1")).isEqualTo("2001:db8:0:0:0:0:0:1");
    assertThat(client(1, "2001:db8:1::7", "203.0.113.1")).isEqualTo("203.0.113.1");
  }

  @Test
  void believesNothingThatAStrangerSays() {
    String stranger = "198.51.100.66";
    assertThat(client(1, stranger, "203.0.113.1")).isEqualTo(stranger);
    assertThat(client(2, stranger, "203.0.113.1, 192.0.2.8")).isEqualTo(stranger);
    assertThat(client(2, stranger, "203.0.113.1", "192.0.2.8")).isEqualTo(stranger);
  }

  @Test
  void whoWentRoundTheFirstProxyIsTheOneThatTheSecondSaw() {
    assertThat(client(2, PROXY, "203.0.113.1, 198.51.100.66")).isEqualTo("198.51.100.66");
    assertThat(client(2, PROXY, "198.51.100.66")).isEqualTo("198.51.100.66");
  }

  @Test
  void believesNoMoreEntriesThanThereAreProxies() {
    // A client that is a proxy's neighbour is a client all the same.
    assertThat(client(1, PROXY, "203.0.113.1, 192.0.2.8")).isEqualTo("192.0.2.8");
    assertThat(client(2, PROXY, "203.0.113.1, 192.0.2.7, 192.0.2.8")).isEqualTo("192.0.2.7");
  }

  @Test
  void takesTheProxyForTheClientWhereItSaysNoAddress() {
    assertThat(client(1, PROXY)).isEqualTo(PROXY);
    assertThat(client(1, PROXY, "proxy.example")).isEqualTo(PROXY);
    assertThat(client(1, PROXY, "6.6.6.6, ")).isEqualTo(PROXY);
    assertThat(client(2, PROXY, "6.6.6.6, unknown, 192.0.2.8")).isEqualTo("192.0.2.8");
  }

  private static String client(int hops, String peer, String... forwarded) {
    HttpHeaders headers = new DefaultHttpHeaders();
    for (String line : forwarded) {
      headers.add("X-Forwarded-For", line);
    }
    return new TrustedHops(hops, PROXIES).client(headers, peer);
  }
}
