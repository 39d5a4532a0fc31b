package dev.weft.consul.agent;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Writes the part of ASN.1's distinguished encoding that certificates and keys are made of. */
final class Der {
  private static final int BOOLEAN = 0x01;
  private static final int INTEGER = 0x02;
  private static final int BITS = 0x03;
  private static final int OCTETS = 0x04;
  private static final int OBJECT_ID = 0x06;
  private static final int UTC_TIME = 0x17;
  private static final int GENERALIZED_TIME = 0x18;
  private static final int SEQUENCE = 0x30;
  private static final int CONTEXT = 0x80;
  private static final int CONSTRUCTED = 0x20;

  /** From then on the year of a certificate has four digits (RFC 5280, 4.1.2.5). */
  private static final Instant FOUR_DIGITS = Instant.parse("2050-01-01T00:00:00Z");

  private Der() {}

  static byte[] sequence(byte[]... parts) {
    return element(SEQUENCE, parts);
  }

  /** A part that has a number of its own around it. */
  static byte[] explicit(int number, byte[] part) {
    return element(CONTEXT | CONSTRUCTED | number, part);
  }

  /** A text or bytes with a number in place of its type. */
  static byte[] implicit(int number, byte[] content) {
    return element(CONTEXT | number, content);
  }

  static byte[] flag() {
    return element(BOOLEAN, new byte[] {(byte) 0xff});
  }

  static byte[] integer(BigInteger value) {
    return element(INTEGER, value.toByteArray());
  }

  static byte[] octets(byte[] content) {
    return element(OCTETS, content);
  }

  /** Whole bytes of bits. */
  static byte[] bits(byte[] content) {
    return element(BITS, new byte[] {0}, content);
  }

  /** Up to eight flags, the first one in the highest bit. */
  static byte[] bits(int flags) {
    return element(BITS, new byte[] {(byte) Integer.numberOfTrailingZeros(flags), (byte) flags});
  }

  static byte[] time(Instant time) {
    boolean two = time.isBefore(FOUR_DIGITS);
    String text =
        DateTimeFormatter.ofPattern((two ? "yy" : "yyyy") + "MMddHHmmss'Z'", Locale.ROOT)
            .format(time.atOffset(ZoneOffset.UTC));
    return element(two ? UTC_TIME : GENERALIZED_TIME, text.getBytes(StandardCharsets.US_ASCII));
  }

  /** An object identifier as people write it, {@code 2.5.29.17}. */
  static byte[] objectId(String dotted) {
    String[] arcs = dotted.split("\\.", -1);
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    content.write(40 * Integer.parseInt(arcs[0]) + Integer.parseInt(arcs[1]));
    for (int i = 2; i < arcs.length; i++) {
      int arc = Integer.parseInt(arcs[i]);
      for (int shift = 28; shift > 0; shift -= 7) {
        if (arc >>> shift != 0) {
          content.write(0x80 | ((arc >>> shift) & 0x7f));
        }
      }
      content.write(arc & 0x7f);
    }
    return element(OBJECT_ID, content.toByteArray());
  }

  private static byte[] element(int tag, byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) {
      length += part.length;
    }
    ByteArrayOutputStream der = new ByteArrayOutputStream(length + 4);
    der.write(tag);
    if (length >= 0x100) {
      der.write(0x82);
      der.write(length >> 8);
    } else if (length >= 0x80) {
      der.write(0x81);
    }
    der.write(length);
    for (byte[] part : parts) {
      der.writeBytes(part);
    }
    return der.toByteArray();
  }
}
