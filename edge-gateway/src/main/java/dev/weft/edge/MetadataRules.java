package dev.weft.edge;

import io.grpc.Metadata;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Which headers become metadata of a call, and which metadata of a reply becomes headers. What is
 * not named here does not pass: a service may take metadata for the word of another service.
 */
final class MetadataRules {
  private static final String PREFIX = "grpc-metadata-";
  private static final int FORWARDED_MAX = 256;
  private static final Metadata.Key<String> FORWARDED =
      Metadata.Key.of("x-forwarded-for", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> CLIENT =
      Metadata.Key.of("x-client-ip", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> CAME =
      Metadata.Key.of("x-gateway-timestamp", Metadata.ASCII_STRING_MARSHALLER);

  /** Passed as they are. Trace, baggage and request id go with every call the edge makes. */
  private static final Set<String> PASSED = Set.of("accept-language");

  /** Never metadata, not even with the prefix: what a client says here somebody might believe. */
  private static final Set<String> OURS =
      Set.of(
          "authorization",
          "baggage",
          "connection",
          "content-length",
          "content-type",
          "cookie",
          "forwarded",
          "host",
          "keep-alive",
          "te",
          "traceparent",
          "tracestate",
          "trailer",
          "transfer-encoding",
          "upgrade",
          "user-agent");

  private static final Set<String> OUR_PREFIXES =
      Set.of(
          "grpc-",
          "proxy-",
          "sec-",
          "true-client-",
          "weft-",
          "x-auth",
          "x-client",
          "x-forwarded",
          "x-gateway",
          "x-real-",
          "x-request-",
          "x-user",
          "x-weft");

  /** Metadata of a reply that becomes a header: what only the service can know. */
  private static final Set<String> ANSWERED =
      Set.of(
          "content-language",
          "deprecation",
          "etag",
          "last-modified",
          "link",
          "ratelimit",
          "ratelimit-policy",
          "retry-after",
          "sunset");

  private static final Set<String> ANSWERED_PREFIXES = Set.of("ratelimit-", "x-");

  /**
   * Begins what is no service's to say although it begins with {@code x-}: browsers and proxies
   * before the edge obey it, or it is the edge's own.
   */
  private static final Set<String> NOT_ANSWERED_PREFIXES =
      Set.of(
          "x-accel-",
          "x-auth",
          "x-cache",
          "x-client",
          "x-content-",
          "x-dns-",
          "x-download-",
          "x-envoy-",
          "x-forwarded",
          "x-frame-",
          "x-gateway",
          "x-http-",
          "x-lighttpd-",
          "x-original-",
          "x-permitted-",
          "x-powered-",
          "x-real-",
          "x-request-",
          "x-response-",
          "x-rewrite-",
          "x-robots-",
          "x-sendfile",
          "x-ua-",
          "x-user",
          "x-webkit-",
          "x-weft",
          "x-xss-");

  private MetadataRules() {}

  /**
   * The metadata of a call that is made now, but for a token.
   *
   * @param peer the address the request came from
   * @param client the address of whose request it is
   */
  static Metadata toMetadata(HttpHeaders headers, String peer, String client) {
    Metadata metadata = new Metadata();
    Set<String> hopByHop = namedByConnection(headers);
    for (Map.Entry<String, String> header : headers) {
      String name = header.getKey().toLowerCase(Locale.ROOT);
      String value = header.getValue();
      if (hopByHop.contains(name)) {
        continue;
      }
      if (PASSED.contains(name)) {
        put(metadata, name, value);
      } else if (name.startsWith(PREFIX)) {
        String rest = name.substring(PREFIX.length());
        if (!rest.isEmpty() && !isOurs(rest.replace('_', '-'))) {
          put(metadata, rest, value);
        }
      }
    }
    metadata.put(FORWARDED, forwardedFor(headers, peer));
    metadata.put(CLIENT, client);
    metadata.put(CAME, Rfc3339.now());
    return metadata;
  }

  /** The values of headers that are passed on as they are, which an answer may depend on. */
  static List<String> passed(HttpHeaders headers) {
    return PASSED.stream().flatMap(name -> headers.getAll(name).stream()).toList();
  }

  /** Whether a client tells the service more than every client does. */
  static boolean tellsMore(HttpHeaders headers) {
    if (headers.contains("baggage")) {
      return true;
    }
    for (Map.Entry<String, String> header : headers) {
      if (header.getKey().regionMatches(true, 0, PREFIX, 0, PREFIX.length())) {
        return true;
      }
    }
    return false;
  }

  /** What the client says whose request it is, and behind it the address that it came from. */
  static String forwardedFor(HttpHeaders headers, String peer) {
    String before = headers.get("x-forwarded-for");
    boolean fit =
        before != null
            && before.length() <= FORWARDED_MAX
            && isPrintable(before)
            && headers.getAll("x-forwarded-for").size() == 1;
    return fit ? before + ", " + peer : peer;
  }

  /** The headers of an answer that a service asks for. */
  static Map<String, String> toHeaders(Metadata metadata) {
    Map<String, String> headers = new LinkedHashMap<>();
    for (String name : metadata.keys()) {
      if (!isAnswered(name)) {
        continue;
      }
      String value = metadata.get(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER));
      if (value != null && isPrintable(value)) {
        headers.put(name, value);
      }
    }
    return headers;
  }

  /** What the client says is meant for the edge only. */
  static Set<String> namedByConnection(HttpHeaders headers) {
    List<String> said = headers.getAll(HttpHeaderNames.CONNECTION);
    if (said.isEmpty()) {
      return Set.of();
    }
    Set<String> names = new HashSet<>();
    for (String value : said) {
      for (String name : value.split(",", -1)) {
        names.add(name.strip().toLowerCase(Locale.ROOT));
      }
    }
    return names;
  }

  /** Whether a service may say this of its answer, by its lower-case name. */
  static boolean isAnswered(String name) {
    return (ANSWERED.contains(name) || begins(name, ANSWERED_PREFIXES))
        && !name.endsWith(Metadata.BINARY_HEADER_SUFFIX)
        && !begins(name.replace('_', '-'), NOT_ANSWERED_PREFIXES);
  }

  private static boolean isOurs(String name) {
    return OURS.contains(name) || isClaim(name);
  }

  /** Whether a header, by its lower-case name with hyphens, says what only the edge may say. */
  static boolean isClaim(String name) {
    return begins(name, OUR_PREFIXES);
  }

  private static boolean begins(String name, Set<String> prefixes) {
    for (String prefix : prefixes) {
      if (name.startsWith(prefix)) {
        return true;
      }
    }
    return false;
  }

  private static void put(Metadata metadata, String name, String value) {
    try {
      if (name.endsWith(Metadata.BINARY_HEADER_SUFFIX)) {
        metadata.put(
            Metadata.Key.of(name, Metadata.BINARY_BYTE_MARSHALLER),
            Base64.getDecoder().decode(value));
      } else if (isPrintable(value)) {
        metadata.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value);
      }
    } catch (IllegalArgumentException e) {
      throw Refused.badRequest("MALFORMED_HEADER", "a header cannot be passed on as metadata");
    }
  }

  static boolean isPrintable(String value) {
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if (c < ' ' || c >= 0x7f) {
        return false;
      }
    }
    return true;
  }
}
