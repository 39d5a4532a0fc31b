package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import org.junit.jupiter.api.Test;

class TrustedHopsTest {
  private static final String PEER = "192.0.2.9";

  @Test
  void believesNobodyByItself() {
    assertThat(client(0)).isEqualTo(PEER);
    assertThat(client(0, "203.0.113.1")).isEqualTo(PEER);
  }

  @Test
  void countsWhatProxiesAddedFromTheRight() {
    assertThat(client(1, "203.0.113.1")).isEqualTo("203.0.113.1");
    assertThat(client(1, "6.6.6.6, 203.0.113.1")).isEqualTo("203.0.113.1");
    assertThat(client(2, "6.6.6.6 ,203.0.113.1,\t192.0.2.8")).isEqualTo("203.0.113.1");
    assertThat(client(2, "6.6.6.6, 203.0.113.1", "192.0.2.8")).isEqualTo("203.0.113.1");
    assertThat(client(1, "2001:db8::1")).isEqualTo("2001:db8:0:0:0:0:0:1");
  }

  @Test
  void takesTheConnectionsAddressOfWhoCameRoundTheProxiesOrSaysNone() {
    assertThat(client(1)).isEqualTo(PEER);
    assertThat(client(2, "6.6.6.6")).isEqualTo(PEER);
    assertThat(client(1, "proxy.example")).isEqualTo(PEER);
    assertThat(client(1, "6.6.6.6, ")).isEqualTo(PEER);
  }

  private static String client(int hops, String... forwarded) {
    HttpHeaders headers = new DefaultHttpHeaders();
    for (String line : forwarded) {
      headers.add("X-Forwarded-For", line);
    }
    return new TrustedHops(hops).client(headers, PEER);
  }
}
