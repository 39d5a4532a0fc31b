package dev.weft.consul.agent;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The hash by which Consul tells chains apart that were compiled with different overrides: the
 * structure hash of mitchellh/hashstructure over FNV-1, its first eight hexadecimal digits.
 */
final class CustomizationHash {
  private static final long OFFSET = 0xcbf29ce484222325L;
  private static final long PRIME = 0x100000001b3L;
  private static final int DIGITS = 8;

  private CustomizationHash() {}

  static String of(DiscoveryChain.Overrides overrides) {
    long gateway = text("MeshGatewayConfig") ^ field("Mode", text(overrides.meshGateway()));
    long hash =
        text("") // the structure has no name
            ^ field("OverrideMeshGateway", gateway)
            ^ field("OverrideProtocol", text(overrides.protocol()))
            ^ field("OverrideConnectTimeout", numbers(overrides.connectTimeout().toNanos()));
    String digits = Long.toHexString(hash);
    return digits.substring(0, Math.min(DIGITS, digits.length()));
  }

  private static long field(String name, long value) {
    return numbers(text(name), value);
  }

  private static long text(String text) {
    return fnv(text.getBytes(StandardCharsets.UTF_8));
  }

  private static long numbers(long... numbers) {
    ByteBuffer bytes =
        ByteBuffer.allocate(numbers.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (long number : numbers) {
      bytes.putLong(number);
    }
    return fnv(bytes.array());
  }

  private static long fnv(byte[] bytes) {
    long hash = OFFSET;
    for (byte b : bytes) {
      hash = (hash * PRIME) ^ (b & 0xff);
    }
    return hash;
  }
}
