package dev.weft.prove;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.util.Set;

/**
 * What the edge said to a request.
 *
 * @param status 0 when there was no answer: nobody knows what happened
 */
record Answer(int status, JsonNode body) {
  /** Something was done that needed none. */
  static final Answer DONE = new Answer(200, MissingNode.getInstance());

  private static final Set<String> SHED = Set.of("OVERLOADED", "TOO_MANY_CONNECTIONS");

  /** Whether it says for good what happened. */
  boolean definite() {
    return status > 0 && status < 500 && status != 429 && !inProgress() && !busy();
  }

  /** Whether the first request with this key is not answered yet. */
  boolean inProgress() {
    return status == 409 && text("reason").equals("IDEMPOTENCY_IN_PROGRESS");
  }

  /** Whether too many wanted the same goods at that moment: nothing was done. */
  private boolean busy() {
    return status == 409 && text("reason").equals("STOCK_BUSY");
  }

  /** Whether it was refused unseen because there was too much to do. */
  boolean shed() {
    return SHED.contains(text("reason"));
  }

  boolean ok() {
    return status >= 200 && status < 300;
  }

  String text(String field) {
    return body.path(field).asText();
  }

  @Override
  public String toString() {
    return status == 0 ? "no answer" : status + " " + body;
  }
}
