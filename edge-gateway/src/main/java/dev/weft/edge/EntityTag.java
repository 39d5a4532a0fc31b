package dev.weft.edge;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * The tag of an answer (RFC 9110, 8.8.3): the version that a resource says itself (AIP-154), and
 * behind it what the edge adds where two answers of one version can differ: the digest of a body
 * that other things change too, and how the body is coded. What the edge added is taken away again
 * when the tag comes back, so that a service sees its own versions only.
 *
 * @param text with its quotes
 */
record EntityTag(String text) {
  private static final int DIGEST_BYTES = 12;
  private static final Pattern TAG = Pattern.compile("(W/)?\"[!#-~]*\"");

  private static final Pattern LISTED = Pattern.compile("(W/)?\"[^\"]*\"|[^\\s,]+");

  /** What the edge adds, and the quote that ends a tag. */
  private static final Pattern ADDED = Pattern.compile("(~[A-Za-z0-9_-]{16})?(~gzip|~zstd)?\"$");

  /**
   * Of the version of a resource. None if that is no entity tag, which would break the header, or
   * ends like what the edge adds, which would be taken away from it.
   */
  static Optional<EntityTag> ofVersion(String version) {
    return TAG.matcher(version).matches() && versionIn(version).equals(version)
        ? Optional.of(new EntityTag(version))
        : Optional.empty();
  }

  /** Of a body. */
  static EntityTag ofBody(byte[] body) {
    return new EntityTag('"' + digest(body) + '"');
  }

  /** The same version, with this body. */
  EntityTag withBody(byte[] body) {
    return isWeak() ? ofBody(body) : with(digest(body));
  }

  /** Another form of the same answer. */
  EntityTag with(String form) {
    return new EntityTag(text.substring(0, text.length() - 1) + '~' + form + '"');
  }

  boolean isWeak() {
    return text.startsWith("W/");
  }

  /** The tags in a header that lists some; {@code *} is one of them, what is none too. */
  static List<String> list(List<String> values) {
    return values.stream()
        .flatMap(value -> LISTED.matcher(value).results())
        .map(MatchResult::group)
        .toList();
  }

  static boolean isTag(String text) {
    return TAG.matcher(text).matches();
  }

  /** The version in a tag that the edge gave out. */
  static String versionIn(String tag) {
    return ADDED.matcher(tag).replaceFirst("\"");
  }

  /**
   * By which of these tags, or {@code *}, the client has this answer already, coded or not; as weak
   * as may be.
   */
  Optional<String> among(List<String> tags) {
    String mine = opaque(text);
    return tags.stream()
        .filter(tag -> tag.equals("*") || uncoded(opaque(tag)).equals(mine))
        .findFirst();
  }

  /** Whether one of these is surely this answer, coded or not. */
  boolean surelyAmong(List<String> tags) {
    return tags.contains("*")
        || (!isWeak() && tags.stream().anyMatch(tag -> uncoded(tag).equals(text)));
  }

  private static String opaque(String tag) {
    return tag.startsWith("W/") ? tag.substring(2) : tag;
  }

  private static String uncoded(String tag) {
    for (String coding : List.of("~gzip\"", "~zstd\"")) {
      if (tag.endsWith(coding)) {
        return tag.substring(0, tag.length() - coding.length()) + '"';
      }
    }
    return tag;
  }

  private static String digest(byte[] body) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(body);
      byte[] some = Arrays.copyOf(digest, DIGEST_BYTES);
      return Base64.getUrlEncoder().withoutPadding().encodeToString(some);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-256", e);
    }
  }
}
