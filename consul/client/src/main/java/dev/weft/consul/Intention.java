package dev.weft.consul;

import java.util.List;

/**
 * Who may call a service, as one rule of Consul's.
 *
 * @param id of intentions that were made by the older API; otherwise empty
 * @param source a service, or {@code *}
 * @param local false for callers of another cluster (a peer) or of another kind than Consul's
 *     services: it applies to nobody here
 * @param destination a service, or {@code *}
 * @param action what it says about every call; without meaning if there are permissions
 * @param permissions the first that matches a call decides about it, in this order; empty for a
 *     rule about every call
 * @param precedence 1 to 9, the more exact the higher
 * @param understood false if it holds something that this version does not know (a token that is to
 *     be verified, a group of clusters): whoever enforces it must deny
 */
public record Intention(
    String id,
    String sourceNamespace,
    String source,
    boolean local,
    String destination,
    Action action,
    List<Permission> permissions,
    int precedence,
    boolean understood,
    String description) {
  private static final String ANY = "*";

  /** What happens to a call. A word that this version does not know is {@link #DENY}. */
  public enum Action {
    ALLOW,
    DENY;

    static Action of(String word) {
      return word.equals("allow") ? ALLOW : DENY;
    }
  }

  /**
   * What is said about some calls. It matches a call that has the path, every header, and one of
   * the methods.
   *
   * @param methods of HTTP, in capitals; empty for any (a gRPC call is always a POST)
   * @param understood false if it holds something that this version does not know: then nobody can
   *     say what it matches, and whoever comes to it must deny
   */
  public record Permission(
      Action action,
      PathMatch path,
      List<HeaderMatch> headers,
      List<String> methods,
      boolean understood) {
    public Permission {
      headers = List.copyOf(headers);
      methods = List.copyOf(methods);
    }
  }

  /**
   * Which paths; that of a gRPC call is {@code /package.Service/Method}.
   *
   * @param value empty if any path will do; a regular expression is one of RE2 and must match the
   *     whole path
   */
  public record PathMatch(PathMatch.Kind kind, String value) {
    /** How the value is compared with the path. */
    public enum Kind {
      ANY,
      EXACT,
      PREFIX,
      REGEX
    }
  }

  /**
   * Which values of a header; for a gRPC call, of its metadata.
   *
   * @param value empty where the header need only be there; a regular expression is one of RE2 and
   *     must match the whole value
   * @param invert it matches where it otherwise would not
   */
  public record HeaderMatch(
      String name, HeaderMatch.Kind kind, String value, boolean ignoreCase, boolean invert) {
    /** How the value is compared with that of the call. */
    public enum Kind {
      PRESENT,
      EXACT,
      PREFIX,
      SUFFIX,
      CONTAINS,
      REGEX
    }
  }

  public Intention {
    permissions = List.copyOf(permissions);
  }

  /** Whether it is about calls of this service. */
  public boolean appliesTo(String namespace, String service) {
    return local
        && (sourceNamespace.equals(ANY) || sourceNamespace.equals(namespace))
        && (source.equals(ANY) || source.equals(service));
  }

  /** Whether it is about calls of every service. */
  boolean appliesToAll() {
    return local && source.equals(ANY);
  }
}
