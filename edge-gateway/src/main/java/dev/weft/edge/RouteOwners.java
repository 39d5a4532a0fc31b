package dev.weft.edge;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Path prefixes that belong to one service, whoever registers first: a service that takes logins
 * over could read passwords.
 *
 * <p>A prefix covers its path with and without a verb, and all below. Immutable.
 */
final class RouteOwners {
  private final Map<List<String>, String> owners;

  private RouteOwners(Map<List<String>, String> owners) {
    this.owners = owners;
  }

  /**
   * Reads {@code /v1/auth=user-svc,/.well-known=user-svc}.
   *
   * @throws IllegalArgumentException that says what is expected
   */
  static RouteOwners parse(String text) {
    Map<List<String>, String> owners = new LinkedHashMap<>();
    for (String entry : text.split(",", -1)) {
      int equals = entry.indexOf('=');
      String prefix = equals < 0 ? "" : entry.substring(0, equals).strip();
      String service = equals < 0 ? "" : entry.substring(equals + 1).strip();
      if (!prefix.startsWith("/") || prefix.length() < 2 || service.isEmpty()) {
        throw new IllegalArgumentException("path=service, separated by commas");
      }
      owners.put(List.of(prefix.substring(1).split("/", -1)), service);
    }
    return new RouteOwners(owners);
  }

  /** The service that a path belongs to, by its decoded segments. */
  Optional<String> owner(List<String> segments) {
    for (var entry : owners.entrySet()) {
      if (begins(segments, entry.getKey())) {
        return Optional.of(entry.getValue());
      }
    }
    return Optional.empty();
  }

  /** Whether a service may claim a template: its fixed part belongs to nobody else. */
  boolean allows(PathTemplate template, String service) {
    return owner(template.literalPrefix()).map(service::equals).orElse(true);
  }

  private static boolean begins(List<String> segments, List<String> prefix) {
    int last = prefix.size() - 1;
    if (segments.size() <= last || !segments.subList(0, last).equals(prefix.subList(0, last))) {
      return false;
    }
    String segment = segments.get(last);
    String wanted = prefix.get(last);
    if (!segment.startsWith(wanted)) {
      return false;
    }
    // A verb, or what some would take for a parameter of the segment.
    return segment.length() == wanted.length()
        || ":;".indexOf(segment.charAt(wanted.length())) >= 0;
  }
}
