package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What an answer says of its reuse (RFC 9111). For methods whose contract allows any: for how long,
 * and by whom. Shared caches may keep only what was answered to nobody in particular; an answer to
 * a request with a token, and of a method that needs one, is its user's. Its tag is of the body as
 * it is sent: a resource's own {@code etag} may leave out what changes often, such as the stock of
 * a product.
 *
 * <p>Other resources may not be kept, but those with an {@code etag} say it, so that a client who
 * looks again is told at little cost that nothing has changed.
 */
final class Reuse {
  private static final int TAG_BYTES = 12;
  private static final Pattern TAG = Pattern.compile("(W/)?\"[!#-~]*\"");

  private Reuse() {}

  /** The answer with what is to be said of its reuse, or 304 if the client has it already. */
  static Answer of(Answer whole, Rpc rpc, HttpHeaders request) {
    boolean shared = rpc.access() instanceof Access.Public && !request.contains("authorization");
    String control = (shared ? "public" : "private") + ", max-age=" + rpc.fresh().toSeconds();
    String tag = tag(whole.body());
    if (isKnown(tag, request)) {
      return Answer.empty(304, Map.of("Cache-Control", control, "ETag", tag));
    }
    return whole.with("Cache-Control", control).with("ETag", tag);
  }

  /** The answer with its resource's version as its tag, or 304 if the client has it already. */
  static Answer ofVersion(Answer whole, String version, HttpHeaders request) {
    // What is no entity tag (RFC 9110) would break the header.
    if (!TAG.matcher(version).matches()) {
      return whole;
    }
    return isKnown(version, request)
        ? Answer.empty(304, Map.of("ETag", version))
        : whole.with("ETag", version);
  }

  private static boolean isKnown(String tag, HttpHeaders request) {
    String opaque = tag.startsWith("W/") ? tag.substring(2) : tag;
    return request.getAll("if-none-match").stream().anyMatch(given -> names(given, opaque));
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
