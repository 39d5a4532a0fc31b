package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;
import java.util.Optional;

/**
 * On what condition a client wants something changed (RFC 9110, 13.1): {@code If-Match} becomes the
 * {@code etag} of the request message, and the service, which alone can compare and change in one
 * step, decides. A condition that nobody would check is refused: a client that states one relies on
 * it.
 */
final class IfMatch {
  private IfMatch() {}

  /**
   * The version that the request is meant for, if it states one.
   *
   * @throws Refused with 412 if it cannot hold or not be checked, with 400 if it is none
   */
  static Optional<String> version(Route route, String method, HttpHeaders headers) {
    if (route.rpc().grpc().isSafe() || method.equals("GET") || method.equals("HEAD")) {
      // Of what is only read the answer decides.
      return Optional.empty();
    }
    if (headers.contains("if-none-match")) {
      // With what changes it could only mean that nothing may be there yet.
      throw new Refused(Problems.conditionNotChecked("If-None-Match"));
    }
    List<String> tags = EntityTag.list(headers.getAll("if-match"));
    if (tags.isEmpty() || tags.contains("*")) {
      // Whether anything is there, the service says anyway.
      return Optional.empty();
    }
    if (!route.transcoder().takesVersion()) {
      throw new Refused(Problems.conditionNotChecked("If-Match"));
    }
    if (!tags.stream().allMatch(EntityTag::isTag)) {
      throw Refused.badRequest("MALFORMED_HEADER", "If-Match is not a list of entity tags");
    }
    // A weak tag never is surely the same (RFC 9110, 8.8.3.2).
    List<String> versions =
        tags.stream()
            .filter(tag -> !tag.startsWith("W/"))
            .map(EntityTag::versionIn)
            .distinct()
            .toList();
    if (versions.isEmpty()) {
      throw new Refused(Problems.etagMismatch());
    }
    if (versions.size() > 1) {
      throw Refused.badRequest("MALFORMED_HEADER", "If-Match may name one version here");
    }
    return Optional.of(versions.getFirst());
  }
}
