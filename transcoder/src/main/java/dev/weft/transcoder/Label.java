package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;

/**
 * What is printed before a value, or instead of one: a member's name, with a comma before it for
 * the case that another member came before. Immutable.
 */
final class Label {
  private static final int WORD = Long.BYTES;

  /** With a word more behind it, so that it can be read by words from each of its bytes. */
  final byte[] padded;

  final int length;

  private Label(byte[] text) {
    padded = Arrays.copyOf(text, text.length + WORD);
    length = text.length;
  }

  /** {@code ,"name":} */
  static Label of(String name) {
    JsonBytes out = new JsonBytes(name.length() + 4);
    byte[] text = name.getBytes(UTF_8);
    out.octet(',');
    out.text(text, 0, text.length, true);
    out.octet(':');
    return new Label(out.toByteArray());
  }

  /** This one with a value behind it. */
  Label with(byte[] value) {
    byte[] both = Arrays.copyOf(padded, length + value.length);
    System.arraycopy(value, 0, both, length, value.length);
    return new Label(both);
  }
}
