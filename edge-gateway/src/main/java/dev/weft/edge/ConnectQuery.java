package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a GET of Connect asks.
 *
 * @param encoding of the message, a codec's name
 * @param compression as a header would have it; empty for none
 * @param text the message as it was sent
 * @param base64 whether that is base64 for URLs
 */
record ConnectQuery(String encoding, List<String> compression, String text, boolean base64) {

  /** Reads a query; throws {@link Refused} if it is not one of Connect. */
  static ConnectQuery of(List<RequestTarget.Parameter> parameters) {
    Map<String, String> given = new HashMap<>();
    for (RequestTarget.Parameter parameter : parameters) {
      if (given.put(parameter.name(), parameter.value()) != null) {
        throw malformed("a parameter stands twice");
      }
    }
    ConnectUnaryProtocol.checkVersion(
        given.containsKey("connect") ? List.of(given.get("connect")) : List.of(), "v1");
    String encoding = given.get("encoding");
    String message = given.get("message");
    if (encoding == null || message == null) {
      throw malformed("message and encoding are required");
    }
    String compression = given.get("compression");
    return new ConnectQuery(
        encoding,
        compression == null ? List.of() : List.of(compression),
        message,
        "1".equals(given.get("base64")));
  }

  /** The message, still compressed. Throws {@link Refused} if it is not the base64 it should be. */
  byte[] message() {
    try {
      return base64 ? Base64.getUrlDecoder().decode(text) : text.getBytes(UTF_8);
    } catch (IllegalArgumentException e) {
      throw malformed("message is not base64 for URLs");
    }
  }

  private static Refused malformed(String what) {
    return Refused.badRequest("MALFORMED_QUERY", what);
  }
}
