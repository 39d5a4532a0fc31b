package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;

/**
 * What an answer says of its reuse (RFC 9111), for methods whose contract allows any: for how long,
 * and by whom. Shared caches may keep only what was answered to nobody in particular; an answer to
 * a request with a token, and of a method that needs one, is its user's.
 *
 * <p>The tag is of the body as it is sent. A resource's own {@code etag} is not used: it may leave
 * out what changes often, such as the stock of a product.
 */
final class Reuse {
  private static final int TAG_BYTES = 12;

  private Reuse() {}

  /** The answer with what is to be said of its reuse, or 304 if the client has it already. */
  static Answer of(Answer whole, Rpc rpc, HttpHeaders request) {
    boolean shared = rpc.access() instanceof Access.Public && !request.contains("authorization");
    String control = (shared ? "public" : "private") + ", max-age=" + rpc.fresh().toSeconds();
    String tag = tag(whole.body());
    if (request.getAll("if-none-match").stream().anyMatch(given -> names(given, tag))) {
      return Answer.empty(304, Map.of("Cache-Control", control, "ETag", tag));
    }
    return whole.with("Cache-Control", control).with("ETag", tag);
  }

  private static boolean names(String given, String tag) {
    return Arrays.stream(given.split(",", -1))
        .map(String::strip)
        .map(one -> one.startsWith("W/") ? one.substring(2) : one)
        .anyMatch(one -> one.equals(tag) || one.equals("*"));
  }

  private static String tag(byte[] body) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(body);
      byte[] some = Arrays.copyOf(digest, TAG_BYTES);
      return '"' + Base64.getUrlEncoder().withoutPadding().encodeToString(some) + '"';
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-256", e);
    }
  }
}
