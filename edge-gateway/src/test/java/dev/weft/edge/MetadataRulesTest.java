package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Metadata;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MetadataRulesTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "content-language",
        "deprecation",
        "etag",
        "last-modified",
        "link",
        "ratelimit",
        "ratelimit-policy",
        "ratelimit-remaining",
        "retry-after",
        "sunset",
        "x-shelf",
        "x-ratelimit-limit",
        "x-total-count"
      })
  void letsAServiceSayWhatOnlyItCanKnow(String name) {
    assertThat(headers(name, "v")).containsExactly(Map.entry(name, "v"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "access-control-allow-origin",
        "age",
        "allow",
        "alt-svc",
        "authorization",
        "cache-control",
        "clear-site-data",
        "color",
        "connection",
        "content-disposition",
        "content-encoding",
        "content-length",
        "content-security-policy",
        "content-type",
        "cross-origin-opener-policy",
        "date",
        "expires",
        "grpc-status",
        "keep-alive",
        "location",
        "nel",
        "permissions-policy",
        "pragma",
        "proxy-authenticate",
        "public-key-pins",
        "referrer-policy",
        "refresh",
        "report-to",
        "server",
        "service-worker-allowed",
        "set-cookie",
        "set-cookie2",
        "sourcemap",
        "strict-transport-security",
        "te",
        "timing-allow-origin",
        "traceparent",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "via",
        "weft-service-token",
        "www-authenticate",
        "x-accel-redirect",
        "x-auth-token",
        "x-cache",
        "x-content-security-policy",
        "x-content-type-options",
        "x-dns-prefetch-control",
        "x-download-options",
        "x-forwarded-host",
        "x-frame-options",
        "x-frame_options",
        "x-gateway-timestamp",
        "x_frame_options",
        "x-http-method-override",
        "x-original-url",
        "x-permitted-cross-domain-policies",
        "x-powered-by",
        "x-real-ip",
        "x-request-id",
        "x-response-time",
        "x-robots-tag",
        "x-sendfile",
        "x-user-id",
        "x-webkit-csp",
        "x-weft-anything",
        "x-xss-protection"
      })
  void leavesToTheEdgeWhatTheEdgeOrABrowserUnderstands(String name) {
    assertThat(headers(name, "v")).isEmpty();
  }

  @Test
  void passesNeitherBytesNorWhatCannotStandInAHeader() {
    Metadata metadata = new Metadata();
    metadata.put(Metadata.Key.of("x-a-bin", Metadata.BINARY_BYTE_MARSHALLER), new byte[] {1});
    assertThat(MetadataRules.toHeaders(metadata)).isEmpty();
    assertThat(headers("x-a", "b\r\nSet-Cookie: c")).isEmpty();
    assertThat(headers("x-a", "b\u0000")).isEmpty();
  }

  private static Map<String, String> headers(String name, String value) {
    Metadata metadata = new Metadata();
    metadata.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value);
    return MetadataRules.toHeaders(metadata);
  }
}
