package dev.weft.durable;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;

/**
 * The opaque token that a list answers with and is asked with for its next page: the sort key of
 * the last row, and a fingerprint of the list's other arguments, so that a token is refused by a
 * list it does not belong to. Keyset paging loses and doubles no row while others write.
 *
 * <p>A token is not a secret and gives no rights: check who asks for every page.
 */
public final class PageToken {
  private static final int FINGERPRINT_BYTES = 8;

  private PageToken() {}

  /**
   * The token of the page after the row of this sort key.
   *
   * @param lastKey what the next page's query compares with
   * @param arguments everything else the list depends on, in a fixed order: filters, the user whose
   *     things are listed; not the page size, which may change from page to page
   */
  public static String after(String lastKey, String... arguments) {
    byte[] key = lastKey.getBytes(StandardCharsets.UTF_8);
    byte[] token =
        ByteBuffer.allocate(FINGERPRINT_BYTES + key.length)
            .put(fingerprint(arguments))
            .put(key)
            .array();
    return Base64.getUrlEncoder().withoutPadding().encodeToString(token);
  }

  /**
   * The sort key in a token; empty for the empty token, which means the first page.
   *
   * @throws IllegalArgumentException if the token was not made by {@link #after} with the same
   *     arguments; the client is to start again from the first page
   */
  public static Optional<String> lastKey(String token, String... arguments) {
    if (token.isEmpty()) {
      return Optional.empty();
    }
    byte[] bytes = Base64.getUrlDecoder().decode(token);
    if (bytes.length <= FINGERPRINT_BYTES
        || !Arrays.equals(
            bytes, 0, FINGERPRINT_BYTES, fingerprint(arguments), 0, FINGERPRINT_BYTES)) {
      throw new IllegalArgumentException("the page token belongs to another list");
    }
    try {
      return Optional.of(
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(bytes, FINGERPRINT_BYTES, bytes.length - FINGERPRINT_BYTES))
              .toString());
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("the page token is damaged", e);
    }
  }

  private static byte[] fingerprint(String... arguments) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String argument : arguments) {
        byte[] bytes = argument.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).array());
        digest.update(bytes);
      }
      return Arrays.copyOf(digest.digest(), FINGERPRINT_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
