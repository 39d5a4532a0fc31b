package dev.weft.order;

import dev.weft.durable.RequestIds;
import java.nio.charset.StandardCharsets;

/**
 * By what a request is known that has one effect however often it is sent.
 *
 * @param content tells requests apart that carry the same id
 */
record RequestKey(RequestIds.Key key, String content) {
  byte[] hash() {
    return content.getBytes(StandardCharsets.US_ASCII);
  }
}
