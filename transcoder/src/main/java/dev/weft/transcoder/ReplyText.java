package dev.weft.transcoder;

import java.util.List;
import java.util.Optional;

/** One text of a reply, such as its id or its version, found in the wire bytes. Immutable. */
public final class ReplyText {
  private final List<FieldPlan> path;

  ReplyText(List<FieldPlan> path) {
    this.path = List.copyOf(path);
  }

  /**
   * Its value in this reply, if it is there and not empty.
   *
   * @throws BadMessage if the reply is no message
   */
  public Optional<String> in(byte[] reply) {
    return Lookup.text(new WireInput(reply, 0, reply.length), path).filter(text -> !text.isEmpty());
  }
}
