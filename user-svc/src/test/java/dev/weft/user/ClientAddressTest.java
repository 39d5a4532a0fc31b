package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Metadata;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import org.junit.jupiter.api.Test;

class ClientAddressTest {
  private static final InetSocketAddress PEER =
      new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 4711);

  @Test
  void isTheLastOneTheEdgeAdded() {
    assertThat(ClientAddress.of(List.of("203.0.113.9"), PEER)).isEqualTo("203.0.113.9");
    assertThat(ClientAddress.of(List.of("6.6.6.6, 203.0.113.9"), PEER)).isEqualTo("203.0.113.9");
    assertThat(ClientAddress.of(List.of("6.6.6.6", "7.7.7.7, 203.0.113.9"), PEER))
        .isEqualTo("203.0.113.9");
  }

  @Test
  void isTheOneBeforeTheProxiesThatTheEdgeKnowsOf() {
    Metadata headers = new Metadata();
    headers.put(
        Metadata.Key.of("x-forwarded-for", Metadata.ASCII_STRING_MARSHALLER),
        "203.0.113.9, 192.0.2.1");
    assertThat(ClientAddress.of(ClientAddress.forwarded(headers), PEER)).isEqualTo("192.0.2.1");

    headers.put(Metadata.Key.of("x-client-ip", Metadata.ASCII_STRING_MARSHALLER), "203.0.113.9");

    assertThat(ClientAddress.of(ClientAddress.forwarded(headers), PEER)).isEqualTo("203.0.113.9");
  }

  @Test
  void isTheNetworkOfAnIpv6Customer() {
    assertThat(ClientAddress.of(List.of("2001:db8:1:2:aaaa::1"), PEER))
        .isEqualTo(ClientAddress.of(List.of("2001:db8:1:2:bbbb::2"), PEER))
        .isNotEqualTo(ClientAddress.of(List.of("2001:db8:1:3::1"), PEER));
  }

  @Test
  void isThatOfTheConnectionWhenNothingUsableWasForwarded() {
    assertThat(ClientAddress.of(null, PEER)).isEqualTo("127.0.0.1");
    assertThat(ClientAddress.of(List.of(""), PEER)).isEqualTo("127.0.0.1");
    assertThat(ClientAddress.of(List.of("not-an-address.example"), PEER)).isEqualTo("127.0.0.1");
  }
}
