package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NetworksTest {
  private static IpAddress address(String text) {
    return IpAddress.of(text).orElseThrow();
  }

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1,127.0.0.1,true",
    "127.0.0.1,127.0.0.2,false",
    "127.0.0.0/8,127.255.255.255,true",
    "127.0.0.0/8,128.0.0.0,false",
    "10.1.2.0/23,10.1.3.255,true",
    "10.1.2.0/23,10.1.4.0,false",
    "10.1.2.9/23,10.1.2.1,true",
    "0.0.0.0/0,203.0.113.1,true",
    "0.0.0.0/0,::1,false",
    "::/0,203.0.113.1,true",
    "::1,::1,true",
    "::1,::2,false",
    "2001:db8::/32,2001:db8:ffff::1,true",
    "2001:db8::/32,2001:db9::1,false",
    "2001:db8::/64,2001:db8::ffff:1,true",
    "2001:db8::8/125,2001:db8::f,true",
    "2001:db8::8/125,2001:db8::10,false",
    "fe80::/10,fe80::1%eth0,true",
    "10.0.0.1,::ffff:10.0.0.1,true"
  })
  void holdsTheAddressesThatBeginAsItDoes(String network, String address, boolean contains) {
    assertThat(Networks.parse(network).contains(address(address))).isEqualTo(contains);
    assertThat(Networks.parse("192.0.2.1, " + network + ",").contains(address(address)))
        .isEqualTo(contains);
  }

  @Test
  void holdsNothingByItself() {
    assertThat(Networks.NONE.contains(address("127.0.0.1"))).isFalse();
    assertThat(Networks.parse(" , ").contains(address("127.0.0.1"))).isFalse();
  }

  @Test
  void knowsWhenTheyAreAllThereAre() {
    for (String all : new String[] {"0.0.0.0/0", "::/0", "10.0.0.0/8,0.0.0.0/0"}) {
      assertThat(Networks.parse(all).holdAll()).as(all).isTrue();
    }
    for (String some : new String[] {"", "0.0.0.0/1", "::/1", "10.0.0.0/8,::1", "2000::/96"}) {
      assertThat(Networks.parse(some).holdAll()).as(some).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "example.org",
        "10",
        "10.0",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/-1",
        "::/129",
        "10.0.0.256",
        "1:2",
        "10.0.0.0/8/8",
        "::1/x"
      })
  void refusesWhatIsNone(String text) {
    assertThatThrownBy(() -> Networks.parse("::1," + text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("such as 10.0.0.0/8");
  }

  @Test
  void aHolderHasAnAddressOfIpv4AndHalfAnAddressOfIpv6() {
    assertThat(address("203.0.113.1").holder()).isNotEqualTo(address("203.0.113.2").holder());
    assertThat(address("2001:db8::1").holder()).isEqualTo(address("2001:db8::ffff:2").holder());
    assertThat(address("2001:db8::1").holder()).isNotEqualTo(address("2001:db8:0:1::1").holder());
    assertThat(address("::ffff:203.0.113.1")).isEqualTo(address("203.0.113.1"));

    assertThat(address("203.0.113.1").holderText()).isEqualTo("203.0.113.1");
    assertThat(address("2001:db8:0:7:1:2:3:4").holderText()).isEqualTo("2001:db8:0:7:0:0:0:0/64");
    assertThat(IpAddress.of("unknown")).isEmpty();
    assertThat(IpAddress.of("")).isEmpty();
  }
}
