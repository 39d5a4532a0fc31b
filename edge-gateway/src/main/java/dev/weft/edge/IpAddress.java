package dev.weft.edge;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;

/**
 * An address as numbers, one of IPv4 as the IPv6 address that stands for it ({@code
 * ::ffff:0:0/96}).
 *
 * @param high its first 64 bits
 * @param low the others
 */
record IpAddress(long high, long low) {
  private static final long IPV4 = 0xffff_0000_0000L;
  private static final long IPV4_MASK = 0xffff_ffffL;

  /** The address that this text is, without a zone; empty if it is none. */
  static Optional<IpAddress> of(String literal) {
    int zone = literal.indexOf('%');
    try {
      return Optional.of(
          of(InetAddress.ofLiteral(zone < 0 ? literal : literal.substring(0, zone)).getAddress()));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  static IpAddress of(InetAddress address) {
    return of(address.getAddress());
  }

  private static IpAddress of(byte[] bytes) {
    return bytes.length == 4
        ? new IpAddress(0, IPV4 | word(bytes, 0, 4))
        : new IpAddress(word(bytes, 0, 8), word(bytes, 8, 16));
  }

  private static long word(byte[] bytes, int from, int to) {
    long word = 0;
    for (int i = from; i < to; i++) {
      word = word << Byte.SIZE | (bytes[i] & 0xff);
    }
    return word;
  }

  boolean isIpv4() {
    return high == 0 && (low & ~IPV4_MASK) == IPV4;
  }

  /**
   * What one holder has: an address of IPv4, the first half of one of IPv6. Two of them are equal
   * only if one is of IPv4 and the other of a /64 that nobody is given.
   */
  long holder() {
    return isIpv4() ? low : high;
  }

  /** The same for people. */
  String holderText() {
    long seen = isIpv4() ? low : 0;
    byte[] bytes = new byte[16];
    for (int i = 0; i < Long.BYTES; i++) {
      bytes[i] = (byte) (high >>> (56 - Byte.SIZE * i));
      bytes[Long.BYTES + i] = (byte) (seen >>> (56 - Byte.SIZE * i));
    }
    try {
      // Of an IPv4 address in this form, the address of IPv4 itself.
      String text = InetAddress.getByAddress(bytes).getHostAddress();
      return isIpv4() ? text : text + "/64";
    } catch (UnknownHostException e) {
      throw new IllegalStateException("16 bytes are an address", e);
    }
  }
}
