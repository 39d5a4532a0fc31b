package dev.weft.edge;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Path prefixes that belong to one service, whoever registers first: a service that takes over
 * where people log in, sign up or change their password could read it.
 *
 * <p>A prefix covers its path with and without a verb, and all below; of several the longest
 * counts. What belongs to the issuer of tokens cannot be given away. Immutable.
 */
final class RouteOwners {
  /**
   * Where operators name more owners: a JSON object such as {@code {"/v1/orders": "order-svc"}}.
   */
  static final String KEY = "weft/routes/owners";

  private static final int OWNERS_MAX = 1_000;
  private static final List<String> OF_THE_ISSUER =
      List.of("/v1/auth", "/v1/users", "/v1/me", "/.well-known");
  private static final JsonFactory JSON = new JsonFactory();

  private final String issuer;
  private final List<Owner> builtIn;
  private final List<Owner> owners;

  private record Owner(List<String> prefix, String service) {}

  private RouteOwners(String issuer, List<Owner> builtIn, List<Owner> named) {
    this.issuer = issuer;
    this.builtIn = List.copyOf(builtIn);
    List<Owner> all = new ArrayList<>(builtIn);
    all.addAll(named);
    this.owners = List.copyOf(all);
  }

  /** Only what belongs to the service that issues tokens. */
  static RouteOwners of(String issuer) {
    return new RouteOwners(issuer, owned(OF_THE_ISSUER, issuer), List.of());
  }

  /** With more that belongs to somebody, and cannot be given away either. */
  RouteOwners alsoOf(String service, List<String> prefixes) {
    List<Owner> more = new ArrayList<>(builtIn);
    more.addAll(owned(prefixes, service));
    return new RouteOwners(issuer, more, List.of());
  }

  private static List<Owner> owned(List<String> prefixes, String service) {
    return prefixes.stream().map(prefix -> new Owner(segments(prefix), service)).toList();
  }

  /**
   * What belongs to the issuer and cannot be given away, and these. Without text nothing else does.
   *
   * @throws IllegalArgumentException that says what is expected
   */
  RouteOwners with(Optional<String> json) {
    List<Owner> named = new ArrayList<>();
    json.ifPresent(text -> parse(text).forEach((p, s) -> named.add(new Owner(segments(p), s))));
    named.sort(Comparator.comparingInt((Owner owner) -> owner.prefix.size()).reversed());
    return new RouteOwners(issuer, builtIn, named);
  }

  /** The service that a path belongs to, by its decoded segments. */
  Optional<String> owner(List<String> segments) {
    for (Owner owner : owners) {
      if (begins(segments, owner.prefix)) {
        return Optional.of(owner.service);
      }
    }
    return Optional.empty();
  }

  /** Whether this service issues the tokens. */
  boolean isIssuer(String service) {
    return issuer.equals(service);
  }

  /** Whether a service may claim a template: its fixed part belongs to nobody else. */
  boolean allows(PathTemplate template, String service) {
    return owner(template.literalPrefix()).map(service::equals).orElse(true);
  }

  private static Map<String, String> parse(String json) {
    Map<String, String> owners = new LinkedHashMap<>();
    try (JsonParser in = JSON.createParser(json)) {
      expect(in.nextToken() == JsonToken.START_OBJECT);
      while (in.nextToken() != JsonToken.END_OBJECT) {
        String prefix = in.currentName();
        expect(in.nextToken() == JsonToken.VALUE_STRING && owners.size() < OWNERS_MAX);
        String service = in.getText();
        expect(prefix.length() > 1 && prefix.startsWith("/") && !prefix.endsWith("/"));
        expect(!service.isBlank());
        owners.put(prefix, service);
      }
      expect(in.nextToken() == null);
    } catch (IOException e) {
      throw wrong();
    }
    return owners;
  }

  private static void expect(boolean fulfilled) {
    if (!fulfilled) {
      throw wrong();
    }
  }

  private static IllegalArgumentException wrong() {
    return new IllegalArgumentException(
        "expected: a JSON object of paths and services, such as {\"/v1/orders\": \"order-svc\"}");
  }

  private static List<String> segments(String prefix) {
    return List.of(prefix.substring(1).split("/", -1));
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
