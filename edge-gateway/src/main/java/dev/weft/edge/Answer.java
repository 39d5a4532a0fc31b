package dev.weft.edge;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A whole answer.
 *
 * @param contentType empty when there is no body
 * @param headers beyond those that every answer has
 */
record Answer(int status, String contentType, byte[] body, Map<String, String> headers) {
  static Answer json(int status, byte[] body, Map<String, String> headers) {
    return new Answer(status, "application/json", body, headers);
  }

  /** Without a body. */
  static Answer empty(int status, Map<String, String> headers) {
    return new Answer(status, "", new byte[0], headers);
  }

  Answer with(String name, String value) {
    Map<String, String> more = new LinkedHashMap<>(headers);
    more.put(name, value);
    return new Answer(status, contentType, body, more);
  }
}
