package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Descriptors.FieldDescriptor;
import java.util.List;
import java.util.Optional;

/** Finds single fields in wire bytes that were written here or are known to be a message. */
final class Lookup {
  private Lookup() {}

  /**
   * Moves to the last value of a field, behind its tag.
   *
   * @return whether there is one; if not, the place is the end
   */
  static boolean toLast(WireInput in, FieldPlan field) {
    int found = -1;
    while (in.more()) {
      int tag = in.tag();
      if (tag == field.tag) {
        found = in.at;
      }
      in.skip(tag);
    }
    in.at = found < 0 ? in.end : found;
    return found >= 0;
  }

  /**
   * Moves to the last value of the last of these fields, each but the first inside the one before.
   */
  static boolean toLast(WireInput in, List<FieldPlan> path) {
    for (FieldPlan step : path.subList(0, path.size() - 1)) {
      if (!toLast(in, step)) {
        return false;
      }
      if (step.isGroup()) {
        int start = in.at;
        in.skip(step.tag);
        in.end = in.at - WireBytes.varintSize(step.tag);
        in.at = start;
      } else {
        int length = in.length();
        in.end = in.at + length;
      }
    }
    return toLast(in, path.getLast());
  }

  /** The last value of a field that is a text. */
  static Optional<String> text(WireInput in, List<FieldPlan> path) {
    if (path.getLast().type != FieldDescriptor.Type.STRING || !toLast(in, path)) {
      return Optional.empty();
    }
    int length = in.length();
    return Optional.of(new String(in.bytes, in.at, length, UTF_8));
  }
}
