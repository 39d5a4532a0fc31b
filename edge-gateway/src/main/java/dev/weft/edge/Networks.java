package dev.weft.edge;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Some addresses: alone, or networks of them in CIDR notation. Immutable. */
final class Networks {
  static final Networks NONE = new Networks(List.of());

  /** This machine. */
  static final Networks LOOPBACK = parse("127.0.0.0/8, ::1");

  private static final int BITS = 128;
  private static final int BITS_OF_IPV4 = 32;

  private final List<Network> networks;

  /** The addresses that begin with so many bits of this one. */
  private record Network(IpAddress address, int bits) {
    boolean contains(IpAddress other) {
      return ((address.high() ^ other.high()) & mask(bits)) == 0
          && ((address.low() ^ other.low()) & mask(bits - Long.SIZE)) == 0;
    }

    private static long mask(int bits) {
      return bits <= 0 ? 0 : -1L << (Long.SIZE - Math.min(bits, Long.SIZE));
    }
  }

  private Networks(List<Network> networks) {
    this.networks = List.copyOf(networks);
  }

  /**
   * Reads such as {@code 127.0.0.0/8, ::1}.
   *
   * @throws IllegalArgumentException that says what is expected
   */
  static Networks parse(String text) {
    List<Network> networks = new ArrayList<>();
    for (String one : text.split(",", -1)) {
      if (!one.isBlank()) {
        networks.add(
            network(one.strip())
                .orElseThrow(
                    () ->
                        new IllegalArgumentException(
                            "addresses or networks such as 10.0.0.0/8, with commas")));
      }
    }
    return new Networks(networks);
  }

  private static Optional<Network> network(String text) {
    String[] parts = text.split("/", 2);
    // A number alone is an address to Java.
    if (!parts[0].contains(":") && !parts[0].matches("[0-9]+(\\.[0-9]+){3}")) {
      return Optional.empty();
    }
    return IpAddress.of(parts[0])
        .flatMap(
            address -> {
              int most = address.isIpv4() ? BITS_OF_IPV4 : BITS;
              return bits(parts, most).map(bits -> new Network(address, BITS - most + bits));
            });
  }

  private static Optional<Integer> bits(String[] parts, int most) {
    if (parts.length == 1) {
      return Optional.of(most);
    }
    return Optional.of(parts[1])
        .filter(bits -> bits.matches("[0-9]{1,3}"))
        .map(Integer::parseInt)
        .filter(bits -> bits <= most);
  }

  /** Whether one of them is every address there is of its kind. */
  boolean holdAll() {
    return networks.stream()
        .anyMatch(
            network ->
                network.bits == 0
                    || (network.address.isIpv4() && network.bits == BITS - BITS_OF_IPV4));
  }

  boolean contains(IpAddress address) {
    for (Network network : networks) {
      if (network.contains(address)) {
        return true;
      }
    }
    return false;
  }
}
