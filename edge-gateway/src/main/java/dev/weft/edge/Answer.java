package dev.weft.edge;

import java.util.LinkedHashMap;
import java.util.Map;

/** A whole answer, or the head of one that comes in parts. Immutable. */
final class Answer {
  private static final byte[] NO_BODY = {};

  private final int status;
  private final String contentType;
  private final byte[] body;
  private final Map<String, String> headers;

  private Answer(int status, String contentType, byte[] body, Map<String, String> headers) {
    this.status = status;
    this.contentType = contentType;
    this.body = body;
    this.headers = headers;
  }

  /**
   * An answer with a body.
   *
   * @param headers beyond those that every answer has
   */
  static Answer of(int status, String contentType, byte[] body, Map<String, String> headers) {
    return new Answer(status, contentType, body, headers);
  }

  /** The head of an answer whose body comes in parts. */
  static Answer head(int status, String contentType) {
    return new Answer(status, contentType, NO_BODY, Map.of());
  }

  /** An answer without a body. */
  static Answer empty(int status, Map<String, String> headers) {
    return new Answer(status, "", NO_BODY, headers);
  }

  Answer with(String name, String value) {
    return with(Map.of(name, value));
  }

  Answer with(Map<String, String> also) {
    Map<String, String> more = new LinkedHashMap<>(headers);
    more.putAll(also);
    return new Answer(status, contentType, body, more);
  }

  /**
   * The same answer with its body coded, which is then another representation (RFC 9110, 8.8.3).
   *
   * @param codedBody what the body becomes by this coding
   */
  Answer coded(ContentCoding coding, byte[] codedBody) {
    Map<String, String> more = new LinkedHashMap<>(headers);
    more.put("Content-Encoding", coding.token());
    more.computeIfPresent("ETag", (_, tag) -> new EntityTag(tag).with(coding.token()).text());
    return new Answer(status, contentType, codedBody, more);
  }

  int status() {
    return status;
  }

  /** Empty when there is no body. */
  String contentType() {
    return contentType;
  }

  byte[] body() {
    return body;
  }

  Map<String, String> headers() {
    return headers;
  }
}
